#include "common/remote/pack/pack.h"

#include "common/remote/pack/hash64.h"

#include <string.h>

static void put32(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put64(uint8_t *to, uint64_t v)
{
	put32(to, (uint32_t)(v >> 32));
	put32(to + 4, (uint32_t)v);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get64(const uint8_t *at)
{
	return (uint64_t)get32(at) << 32 | get32(at + 4);
}

void pack_meta_of(const struct stat *st, uint8_t kind, const char *name, struct pack_meta *ret)
{
	*ret = (struct pack_meta){ .kind = kind,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim,
		.size = st->st_size > 0 ? (uint64_t)st->st_size : 0,
		.name = name,
		.name_n = strlen(name) };
}

size_t pack_meta_put(const struct pack_meta *m, uint8_t *to)
{
	to[0] = m->kind;
	to[1] = (uint8_t)(m->mode >> 8);
	to[2] = (uint8_t)m->mode;
	put32(to + 3, m->uid);
	put32(to + 7, m->gid);
	put64(to + 11, (uint64_t)m->mtime.tv_sec);
	put32(to + 19, (uint32_t)m->mtime.tv_nsec);
	put64(to + 23, m->size);
	to[31] = (uint8_t)m->name_n;
	memcpy(to + PACK_META_BYTES, m->name, m->name_n);
	return PACK_META_BYTES + m->name_n;
}

bool pack_name_ok(const char *name, size_t n)
{
	if (n < 1 || n > PACK_NAME_MAX || memchr(name, '/', n) || memchr(name, '\0', n))
		return false;
	return !(name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')));
}

bool pack_path_ok(const char *path, size_t n)
{
	const char *end = path + n;

	if (n > PACK_PATH_MAX)
		return false;
	while (n) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t part = (size_t)((slash ? slash : end) - path);

		if (!pack_name_ok(path, part) || (slash && slash + 1 == end))
			return false;
		if (!slash)
			return true;
		path = slash + 1;
	}
	return true;
}

int pack_meta_take(struct reader *r, uint8_t kind, struct pack_meta *ret)
{
	struct pack_meta m;

	m.kind = reader_u8(r);
	m.mode = reader_u16(r);
	m.uid = reader_u32(r);
	m.gid = reader_u32(r);
	m.mtime.tv_sec = (int64_t)reader_u64(r);
	m.mtime.tv_nsec = reader_u32(r);
	m.size = reader_u64(r);
	m.name_n = reader_u8(r);
	m.name = reader_bytes(r, m.name_n);
	if (r->bad || m.kind != kind || m.mode > 07777 || m.mtime.tv_nsec > 999999999 ||
		m.size > INT64_MAX)
		return -EBADMSG;
	if (m.name_n && !pack_name_ok(m.name, m.name_n))
		return -EBADMSG;
	*ret = m;
	return 0;
}

void pack_trouble_put(struct buf *b, const struct pack_trouble *t)
{
	wire_u32(b, t->code);
	wire_u32(b, t->root);
	buf_add(b, t->path, strnlen(t->path, PACK_PATH_MAX) + 0);
	buf_char(b, '\0');
	buf_str(b, t->text);
}

/* keep gets a copy, NUL-terminated. */
int pack_trouble_take(const uint8_t *bytes, size_t n, struct buf *keep, struct pack_trouble *ret)
{
	struct reader r = reader_of(bytes, n);
	struct pack_trouble t;
	const char *zero;

	t.code = reader_u32(&r);
	t.root = reader_u32(&r);
	zero = r.bad ? NULL : memchr(r.at, '\0', r.left);
	if (!zero || memchr(zero + 1, '\0', r.left - (size_t)(zero + 1 - (const char *)r.at)))
		return -EBADMSG;
	buf_reset(keep);
	buf_add(keep, r.at, r.left);
	if (buf_check(keep) < 0)
		return -EBADMSG;
	t.path = buf_text(keep);
	t.text = t.path + strlen(t.path) + 1;
	*ret = t;
	return 0;
}

void pack_count_put(struct buf *b, const struct pack_count *c)
{
	wire_u64(b, c->entries);
	wire_u64(b, c->bytes);
	wire_u64(b, c->failures);
}

int pack_count_take(const uint8_t *bytes, size_t n, struct pack_count *ret)
{
	struct reader r = reader_of(bytes, n);
	struct pack_count c;

	c.entries = reader_u64(&r);
	c.bytes = reader_u64(&r);
	c.failures = reader_u64(&r);
	if (reader_end(&r) < 0)
		return -EBADMSG;
	*ret = c;
	return 0;
}

static uint64_t seed_of(uint8_t type, uint64_t seq)
{
	return seq * 256 + type;
}

void pack_head_put(uint8_t to[PACK_HEAD], uint8_t type, const void *payload, size_t n, uint64_t seq)
{
	put32(to, (uint32_t)n);
	to[4] = type;
	put64(to + 5, hash64(payload, n, seed_of(type, seq)));
}

ssize_t pack_frame_whole(const uint8_t *bytes, size_t n)
{
	uint32_t payload;

	if (n < 4)
		return 0;
	payload = get32(bytes);
	if (payload > PACK_FRAME_MAX)
		return -EBADMSG;
	return n < PACK_HEAD + payload ? 0 : (ssize_t)(PACK_HEAD + payload);
}

int pack_head_check(const uint8_t *frame, size_t n, uint64_t seq)
{
	uint64_t check = hash64(frame + PACK_HEAD, n - PACK_HEAD, seed_of(frame[4], seq));

	return check == get64(frame + 5) ? 0 : -EBADMSG;
}

bool pack_counts(uint8_t type)
{
	return type != PACK_ACK && type != PACK_BEAT;
}
