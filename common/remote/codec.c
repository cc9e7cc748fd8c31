#include "common/remote/codec.h"

#include "common/base/log.h"
#include "common/remote/fields.h"

#include <limits.h>
#include <sys/stat.h>

/* What stands in a request line, in the order of proto.h. */
enum arg {
	ARG_END,
	ARG_PATH,
	ARG_PATH2,
	ARG_TARGET,
	ARG_HANDLE,
	ARG_OFFSET,
	ARG_SIZE,
	ARG_MODE,
	ARG_OPEN_FLAGS,
	ARG_RENAME_FLAGS,
	ARG_UID,
	ARG_GID,
	ARG_ATIME,
	ARG_MTIME,
	ARG_BODY,
};

static const struct op {
	const char *name;
	uint8_t args[5];
	uint8_t content; /* enum content */
	uint8_t fields;
} ops[OP_COUNT] = {
	[OP_PING] = { "ping" },
	[OP_BYE] = { "bye" },
	[OP_STAT] = { "stat", { ARG_PATH }, CONTENT_ATTR },
	[OP_LIST] = { "list", { ARG_PATH }, CONTENT_LIST, 1 },
	[OP_READLINK] = { "readlink", { ARG_PATH }, CONTENT_TARGET },
	[OP_OPEN] = { "open", { ARG_PATH, ARG_OPEN_FLAGS, ARG_MODE }, CONTENT_ATTR, 1 },
	[OP_FSTAT] = { "fstat", { ARG_HANDLE }, CONTENT_ATTR },
	[OP_READ] = { "read", { ARG_HANDLE, ARG_OFFSET, ARG_SIZE }, CONTENT_BYTES, 1 },
	[OP_WRITE] = { "write", { ARG_HANDLE, ARG_OFFSET, ARG_BODY }, CONTENT_NONE, 1 },
	[OP_FSYNC] = { "fsync", { ARG_HANDLE } },
	[OP_CLOSE] = { "close", { ARG_HANDLE } },
	[OP_FTRUNCATE] = { "ftruncate", { ARG_HANDLE, ARG_SIZE }, CONTENT_ATTR },
	[OP_TRUNCATE] = { "truncate", { ARG_PATH, ARG_SIZE }, CONTENT_ATTR },
	[OP_MKDIR] = { "mkdir", { ARG_PATH, ARG_MODE }, CONTENT_ATTR },
	[OP_MKNOD] = { "mknod", { ARG_PATH, ARG_MODE }, CONTENT_ATTR },
	[OP_SYMLINK] = { "symlink", { ARG_TARGET, ARG_PATH }, CONTENT_ATTR },
	[OP_LINK] = { "link", { ARG_PATH, ARG_PATH2 }, CONTENT_ATTR },
	[OP_RENAME] = { "rename", { ARG_PATH, ARG_PATH2, ARG_RENAME_FLAGS } },
	[OP_UNLINK] = { "unlink", { ARG_PATH } },
	[OP_RMDIR] = { "rmdir", { ARG_PATH } },
	[OP_CHMOD] = { "chmod", { ARG_PATH, ARG_MODE }, CONTENT_ATTR },
	[OP_CHOWN] = { "chown", { ARG_PATH, ARG_UID, ARG_GID }, CONTENT_ATTR },
	[OP_UTIMENS] = { "utimens", { ARG_PATH, ARG_ATIME, ARG_MTIME }, CONTENT_ATTR },
	[OP_STATFS] = { "statfs", { ARG_PATH }, CONTENT_NONE, 7 },
	[OP_ENV] = { "env", { ARG_BODY } },
	[OP_RUN] = { "run" }, /* its line is written in run.c */
};

const char *op_name(enum remote_op op)
{
	return ops[op].name;
}

enum remote_op op_find(const char *name, size_t n)
{
	for (int i = 0; i < OP_COUNT; i++) {
		if (strlen(ops[i].name) == n && memcmp(ops[i].name, name, n) == 0)
			return (enum remote_op)i;
	}
	return OP_COUNT;
}

enum content op_content(enum remote_op op)
{
	return (enum content)ops[op].content;
}

unsigned op_fields(enum remote_op op)
{
	return ops[op].fields;
}

static int put_path(struct buf *b, const char *path)
{
	if (!path || path[0] != '/')
		return -EINVAL;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	text_escape(b, path, strlen(path));
	return 0;
}

static int put_target(struct buf *b, const char *target)
{
	if (!target)
		return -EINVAL;
	if (strlen(target) >= PATH_MAX)
		return -ENAMETOOLONG;
	text_escape(b, target, strlen(target));
	return 0;
}

static int put_size(struct buf *b, uint64_t v)
{
	if (v > INT64_MAX)
		return -EINVAL;
	buf_printf(b, "%ju", (uintmax_t)v);
	return 0;
}

/* The letters of the bits set, the lowest first; "-" for none. */
static int put_flags(struct buf *b, uint32_t flags, const char *letters)
{
	if (flags >> strlen(letters))
		return -EINVAL;
	if (!flags)
		buf_char(b, '-');
	for (unsigned i = 0; letters[i]; i++) {
		if (flags & 1U << i)
			buf_char(b, letters[i]);
	}
	return 0;
}

static int put_id(struct buf *b, uint32_t id)
{
	if (id == REMOTE_ID_KEEP)
		buf_char(b, '-');
	else
		buf_printf(b, "%u", id);
	return 0;
}

static int put_time(struct buf *b, const struct timespec *t)
{
	if (t->tv_nsec == UTIME_NOW)
		buf_str(b, "now");
	else if (t->tv_nsec == UTIME_OMIT)
		buf_char(b, '-');
	else if (t->tv_nsec < 0 || t->tv_nsec > 999999999)
		return -EINVAL;
	else
		buf_printf(b, "%jd.%09ld", (intmax_t)t->tv_sec, t->tv_nsec);
	return 0;
}

static int put_arg(struct buf *b, enum arg arg, const struct remote_request *rq)
{
	switch (arg) {
	case ARG_PATH:
		return put_path(b, rq->path);
	case ARG_PATH2:
		return put_path(b, rq->path2);
	case ARG_TARGET:
		return put_target(b, rq->path2);
	case ARG_HANDLE:
		return put_size(b, rq->handle);
	case ARG_OFFSET:
		return put_size(b, rq->offset);
	case ARG_SIZE:
		return put_size(b, rq->size);
	case ARG_MODE:
		buf_printf(b, "%o", rq->mode);
		return 0;
	case ARG_OPEN_FLAGS:
		return put_flags(b, rq->flags, "rwacxt");
	case ARG_RENAME_FLAGS:
		return put_flags(b, rq->flags, "nx");
	case ARG_UID:
		return put_id(b, rq->uid);
	case ARG_GID:
		return put_id(b, rq->gid);
	case ARG_ATIME:
		return put_time(b, &rq->atime);
	case ARG_MTIME:
		return put_time(b, &rq->mtime);
	case ARG_BODY:
	case ARG_END:
		break;
	}
	return -EINVAL;
}

void body_encode(struct buf *ret, const void *bytes, size_t n, bool body_text)
{
	buf_printf(ret, " %zu\n", n);
	if (!body_text) {
		buf_add(ret, bytes, n);
		return;
	}
	text_escape(ret, bytes, n);
	buf_char(ret, '\n');
}

int request_encode(struct buf *ret, uint32_t tag, const struct remote_request *rq, bool body_text)
{
	const struct op *op = &ops[rq->op];
	bool has_body = false;
	size_t start = ret->len;

	buf_printf(ret, "%u %s", tag, op->name);
	for (size_t i = 0; i < sizeof(op->args) && op->args[i]; i++) {
		int rc;

		has_body = op->args[i] == ARG_BODY;
		if (has_body)
			break;
		buf_char(ret, ' ');
		rc = put_arg(ret, (enum arg)op->args[i], rq);
		if (rc < 0)
			return rc;
	}
	if (ret->len - start > PROTO_LINE_MAX - 32)
		return -ENAMETOOLONG;
	if (has_body)
		body_encode(ret, rq->data, rq->n, body_text);
	else
		buf_char(ret, '\n');
	return buf_check(ret);
}

size_t request_bytes(const struct remote_request *rq)
{
	return PROTO_LINE_MAX + TEXT_BYTES(rq->n);
}

/* --- answers ------------------------------------------------------------ */

/*
 * A far end names errnos freely, but those by which this side speaks of the
 * stream itself (remote.h) are not its to say: they would make a caller
 * reconnect, or give up a sandbox that is there.
 */
static int errno_of_peer(const char *name, size_t n)
{
	char copy[32];
	int rc;

	if (n >= sizeof(copy))
		return -EIO;
	memcpy(copy, name, n);
	copy[n] = '\0';
	rc = errno_from_name(copy);
	switch (rc) {
	case 0:
	case -EPIPE:
	case -EBADMSG:
	case -ETIMEDOUT:
	case -ENOTCONN:
	case -ESTALE:
	case -EMSGSIZE:
		return -EIO;
	default:
		return rc;
	}
}

static void parse_failed(struct fields *f, struct answer *a)
{
	size_t n;
	const char *name = fields_word(f, &n);

	a->rc = name ? errno_of_peer(name, n) : -EIO;
	a->text = fields_rest(f, &a->text_n);
}

int answer_parse(const char *line, size_t n, struct answer *ret)
{
	struct fields f = fields_of(line, n);
	struct answer a = { 0 };
	size_t kind_n;
	const char *kind = fields_word(&f, &kind_n);

	if (!kind || kind_n != 1)
		return -EBADMSG;
	a.kind = *kind;
	a.tag = (uint32_t)fields_u64(&f, UINT32_MAX);
	switch (a.kind) {
	case 'd':
	case 'o':
	case 'e':
		a.n = fields_u64(&f, PROTO_PIECE_MAX);
		break;
	case 's':
		a.n = fields_u64(&f, INT32_MAX);
		break;
	case 'i':
		a.n = fields_u64(&f, UINT32_MAX);
		break;
	case '!':
		parse_failed(&f, &a);
		break;
	case '=':
		if (fields_left(&f))
			a.text = fields_rest(&f, &a.text_n);
		break;
	default:
		return -EBADMSG;
	}
	if (fields_end(&f) < 0 || !a.tag)
		return -EBADMSG;
	*ret = a;
	return 0;
}

void answer_print(struct buf *ret, const struct answer *a)
{
	buf_printf(ret, "%c %u", a->kind, a->tag);
	if (a->kind == '!')
		buf_printf(ret, " %s", errno_name(a->rc));
	else if (a->kind != '=')
		buf_printf(ret, " %ju", (uintmax_t)a->n);
	if (a->text) {
		buf_char(ret, ' ');
		buf_add(ret, a->text, a->text_n);
	}
	buf_char(ret, '\n');
}

int answer_numbers(const struct answer *a, uint64_t *ret, size_t count)
{
	struct fields f = fields_of(a->text, a->text_n);

	for (size_t i = 0; i < count; i++)
		ret[i] = fields_u64(&f, INT64_MAX);
	return fields_end(&f);
}

static const struct {
	const char *word;
	enum run_state state;
	int first, last; /* code */
} ends[] = {
	{ "exited", RUN_EXITED, 0, 255 },
	{ "signaled", RUN_SIGNALED, 1, 64 },
	{ "timeout", RUN_TIMEOUT, 124, 124 },
};

static int find_end(const char *word, size_t n, int code, enum run_state *ret)
{
	for (size_t i = 0; word && i < sizeof(ends) / sizeof(*ends); i++) {
		if (strlen(ends[i].word) != n || memcmp(ends[i].word, word, n) != 0)
			continue;
		if (code < ends[i].first || code > ends[i].last)
			return -EBADMSG;
		*ret = ends[i].state;
		return 0;
	}
	return -EBADMSG;
}

int answer_run_end(const struct answer *a, struct run_end *ret)
{
	struct fields f = fields_of(a->text, a->text_n);
	size_t n;
	const char *word = fields_word(&f, &n);
	int code = (int)fields_u64(&f, 255);
	uint64_t out = fields_u64(&f, INT64_MAX);
	uint64_t err_bytes = fields_u64(&f, INT64_MAX);
	enum run_state state;

	if (fields_end(&f) < 0 || find_end(word, n, code, &state) < 0)
		return -EBADMSG;
	ret->state = state;
	ret->code = code;
	ret->out = out;
	ret->err_bytes = err_bytes;
	ret->rc = 0;
	return 0;
}

void answer_sentence(const struct answer *a, struct err *ret)
{
	auto_buf raw = BUF_INIT(PROTO_ANSWER_MAX);
	auto_buf safe = BUF_INIT(4 * PROTO_ANSWER_MAX);

	text_unescape_loosely(&raw, a->text, a->text_n);
	log_escape(&safe, buf_text(&raw), raw.len);
	snprintf(ret->text, sizeof(ret->text), "%s", buf_text(&safe));
}

void answers_init(struct answers *s)
{
	*s = (struct answers){ .part = BUF_INIT(PROTO_ANSWER_MAX) };
}

void answers_fini(struct answers *s)
{
	if (!s)
		return;
	buf_fini(&s->part);
	answers_init(s);
}

static int take_line(struct answers *s, const char *line, size_t n, const struct answer_sink *sink)
{
	struct answer a;
	int rc = answer_parse(line, n, &a);

	if (rc < 0)
		return rc;
	if (a.kind == 'd' || a.kind == 'o' || a.kind == 'e') {
		s->now = a;
		s->left = a.n;
	}
	return sink->line(sink->arg, &a);
}

/* A line, or what there is of it; *ret_used bytes are done with. */
static int feed_line(struct answers *s, const char *bytes, size_t n, size_t *ret_used,
	const struct answer_sink *sink)
{
	const char *lf = memchr(bytes, '\n', n);
	int rc;

	*ret_used = lf ? (size_t)(lf - bytes) + 1 : n;
	if (lf && !s->part.len)
		return lf - bytes > PROTO_ANSWER_MAX ? -EBADMSG
						     : take_line(s, bytes, *ret_used - 1, sink);
	buf_add(&s->part, bytes, *ret_used - (lf ? 1 : 0));
	if (s->part.bad)
		return -EBADMSG;
	if (!lf)
		return 0;
	rc = take_line(s, s->part.data, s->part.len, sink);
	buf_reset(&s->part);
	return rc;
}

static int feed_piece(struct answers *s, const char *bytes, size_t n, size_t *ret_used,
	const struct answer_sink *sink)
{
	*ret_used = n < s->left ? n : s->left;
	s->left -= *ret_used;
	return sink->piece(sink->arg, &s->now, bytes, *ret_used);
}

int answers_feed(struct answers *s, const void *bytes, size_t n, const struct answer_sink *sink)
{
	const char *at = bytes;

	while (n) {
		size_t used;
		int rc = s->left ? feed_piece(s, at, n, &used, sink)
				 : feed_line(s, at, n, &used, sink);

		if (rc < 0)
			return rc;
		at += used;
		n -= used;
	}
	return 0;
}
