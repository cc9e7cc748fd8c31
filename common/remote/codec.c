#include "common/remote/codec.h"

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
	ARG_AHEAD,  /* not there when nothing is wanted ahead */
	ARG_CHOSEN, /* a handle; not there when the agent shall choose it */
	ARG_RENAME_FLAGS,
	ARG_UID,
	ARG_GID,
	ARG_ATIME,
	ARG_MTIME,
	ARG_SET_SIZE, /* this and the next: or "-" */
	ARG_SET_MODE,
	ARG_BODY,
	ARG_ID,
	ARG_STREAM,
	ARG_SIGNAL,
	ARG_WATCH, /* only where it is wanted */
	ARG_OWNER, /* UID GID; only where they are wanted */
	ARG_RDEV,  /* MAJOR MINOR, of a device only */
	ARG_FALLOC_FLAGS,
	ARG_WHAT, /* data or hole */
	ARG_HANDLE2,
	ARG_OFFSET2,
	ARG_XATTR,
	ARG_XATTR_FLAGS,
};

#define SET_ARGS ARG_SET_SIZE, ARG_SET_MODE, ARG_UID, ARG_GID, ARG_ATIME, ARG_MTIME

static const struct op {
	const char *name;
	uint8_t args[8];
	uint8_t content; /* enum content */
	uint8_t fields;
	uint8_t more; /* that may follow those */
} ops[OP_COUNT] = {
	[OP_PING] = { "ping" },
	[OP_BYE] = { "bye" },
	[OP_STAT] = { "stat", { ARG_PATH }, CONTENT_ATTR },
	[OP_LIST] = { "list", { ARG_PATH, ARG_WATCH }, CONTENT_LIST, 1, 1 },
	[OP_ZLIST] = { "zlist", { ARG_PATH, ARG_WATCH }, CONTENT_LIST, 1, 1 },
	[OP_READLINK] = { "readlink", { ARG_PATH }, CONTENT_TARGET },
	[OP_OPEN] = { "open",
		{ ARG_PATH, ARG_OPEN_FLAGS, ARG_MODE, ARG_AHEAD, ARG_CHOSEN, ARG_OWNER },
		CONTENT_FILE, 1, 1 },
	[OP_PEEK] = { "peek", { ARG_PATH, ARG_SIZE }, CONTENT_FILE, 1 },
	[OP_FSTAT] = { "fstat", { ARG_HANDLE }, CONTENT_ATTR },
	[OP_READ] = { "read", { ARG_HANDLE, ARG_OFFSET, ARG_SIZE }, CONTENT_BYTES, 1 },
	[OP_WRITE] = { "write", { ARG_HANDLE, ARG_OFFSET, ARG_BODY }, CONTENT_NONE, 1 },
	[OP_ZREAD] = { "zread", { ARG_HANDLE, ARG_OFFSET, ARG_SIZE }, CONTENT_BYTES, 1, 1 },
	[OP_ZWRITE] = { "zwrite", { ARG_HANDLE, ARG_OFFSET, ARG_SIZE, ARG_BODY }, CONTENT_NONE, 1 },
	[OP_FSYNC] = { "fsync", { ARG_HANDLE }, CONTENT_ATTR },
	[OP_CLOSE] = { "close", { ARG_HANDLE } },
	[OP_MKDIR] = { "mkdir", { ARG_PATH, ARG_MODE, ARG_OWNER }, CONTENT_ATTR },
	[OP_MKNOD] = { "mknod", { ARG_PATH, ARG_MODE, ARG_OWNER, ARG_RDEV }, CONTENT_ATTR },
	[OP_SYMLINK] = { "symlink", { ARG_TARGET, ARG_PATH, ARG_OWNER }, CONTENT_ATTR },
	[OP_LINK] = { "link", { ARG_PATH, ARG_PATH2 }, CONTENT_ATTR },
	[OP_RENAME] = { "rename", { ARG_PATH, ARG_PATH2, ARG_RENAME_FLAGS } },
	[OP_UNLINK] = { "unlink", { ARG_PATH } },
	[OP_RMDIR] = { "rmdir", { ARG_PATH } },
	[OP_SET] = { "set", { ARG_PATH, SET_ARGS }, CONTENT_ATTR },
	[OP_FSET] = { "fset", { ARG_HANDLE, SET_ARGS }, CONTENT_ATTR },
	[OP_FALLOCATE] = { "fallocate", { ARG_HANDLE, ARG_FALLOC_FLAGS, ARG_OFFSET, ARG_SIZE },
		CONTENT_ATTR },
	[OP_SEEK] = { "seek", { ARG_HANDLE, ARG_OFFSET, ARG_WHAT }, CONTENT_NONE, 1 },
	[OP_COPY] = { "copy", { ARG_HANDLE, ARG_OFFSET, ARG_SIZE, ARG_HANDLE2, ARG_OFFSET2 },
		CONTENT_ATTR, 1 },
	[OP_GETXATTR] = { "getxattr", { ARG_PATH, ARG_XATTR, ARG_SIZE }, CONTENT_BYTES, 1 },
	[OP_LISTXATTR] = { "listxattr", { ARG_PATH, ARG_SIZE }, CONTENT_BYTES, 1 },
	[OP_SETXATTR] = { "setxattr", { ARG_PATH, ARG_XATTR, ARG_XATTR_FLAGS, ARG_BODY } },
	[OP_REMOVEXATTR] = { "removexattr", { ARG_PATH, ARG_XATTR } },
	[OP_STATFS] = { "statfs", { ARG_PATH }, CONTENT_NONE, 7 },
	[OP_ENV] = { "env", { ARG_BODY } },
	[OP_RUN] = { "run" }, /* this and the next two are written in run.c */
	[OP_ATTACH] = { "attach" },
	[OP_KEEP] = { "keep" },
	[OP_PAST] = { "past", { ARG_ID, ARG_STREAM, ARG_OFFSET, ARG_BODY } },
	[OP_RUNS] = { "runs", { 0 }, CONTENT_KEPT, 1 },
	[OP_SCRIPT] = { "script", { ARG_ID }, CONTENT_BYTES, 1 },
	[OP_SIGNAL] = { "signal", { ARG_ID, ARG_SIGNAL } },
	[OP_FORGET] = { "forget", { ARG_ID } },
	[OP_WHERE] = { "where", { ARG_HANDLE }, CONTENT_TARGET },
	[OP_DIAL] = { "dial" },   /* dial.c writes it */
	[OP_WATCH] = { "watch" }, /* never sent: what the hello names it by */
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

unsigned op_fields_more(enum remote_op op)
{
	return ops[op].more;
}

static int put_path(struct buf *b, const char *path)
{
	if (!path || path[0] != '/')
		return -EINVAL;
	if (strlen(path) >= PROTO_PATH_MAX)
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

/* What may be left as it is. */
static int put_wish(struct buf *b, enum arg arg, const struct remote_request *rq)
{
	bool leave = !(rq->sets & (arg == ARG_SET_SIZE ? SET_SIZE : SET_MODE));

	if (!leave && arg == ARG_SET_SIZE)
		return put_size(b, rq->size);
	if (leave)
		buf_char(b, '-');
	else
		buf_printf(b, "%o", rq->mode);
	return 0;
}

static int put_kept_id(struct buf *b, uint64_t id)
{
	if (!id || id > PROTO_KEPT_ID_MAX)
		return -EINVAL;
	return put_size(b, id);
}

static int put_stream(struct buf *b, int stream)
{
	if (stream != 1 && stream != 2)
		return -EINVAL;
	buf_char(b, stream == 1 ? 'o' : 'e');
	return 0;
}

bool signal_name_ok(const char *sig)
{
	size_t n = strspn(sig, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return n && !sig[n] && n < 16;
}

static int put_signal(struct buf *b, const char *sig)
{
	if (!sig || !signal_name_ok(sig))
		return -EINVAL;
	buf_str(b, sig);
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

static int put_owner(struct buf *b, const struct remote_request *rq)
{
	put_id(b, rq->owned ? rq->uid : REMOTE_ID_KEEP);
	buf_char(b, ' ');
	return put_id(b, rq->owned ? rq->gid : REMOTE_ID_KEEP);
}

static int put_xattr(struct buf *b, const char *name)
{
	if (!name || !*name)
		return -EINVAL;
	if (strlen(name) > PROTO_XATTR_NAME)
		return -ERANGE;
	text_escape(b, name, strlen(name));
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
	case ARG_AHEAD:
		return put_size(b, rq->size);
	case ARG_CHOSEN:
		return rq->handle && rq->handle < PROTO_HANDLE_MIN ? -EINVAL
								   : put_size(b, rq->handle);
	case ARG_OWNER:
		return put_owner(b, rq);
	case ARG_RDEV:
		buf_printf(b, "%u %u", rq->rdev_major, rq->rdev_minor);
		return 0;
	case ARG_FALLOC_FLAGS:
		return put_flags(b, rq->flags, "kpz");
	case ARG_WHAT:
		buf_char(b, rq->hole ? 'h' : 'd');
		return 0;
	case ARG_HANDLE2:
		return put_size(b, rq->handle2);
	case ARG_OFFSET2:
		return put_size(b, rq->offset2);
	case ARG_XATTR:
		return put_xattr(b, rq->name);
	case ARG_XATTR_FLAGS:
		return put_flags(b, rq->flags, "nr");
	case ARG_SET_SIZE:
	case ARG_SET_MODE:
		return put_wish(b, arg, rq);
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
	case ARG_ID:
		return put_kept_id(b, rq->handle);
	case ARG_STREAM:
		return put_stream(b, rq->stream);
	case ARG_SIGNAL:
		return put_signal(b, rq->signal);
	case ARG_WATCH:
		buf_char(b, 'w');
		return 0;
	case ARG_BODY:
	case ARG_END:
		break;
	}
	return -EINVAL;
}

static bool is_left_out(enum arg arg, const struct remote_request *rq)
{
	bool device = S_ISCHR(rq->mode) || S_ISBLK(rq->mode);

	switch (arg) {
	case ARG_AHEAD:
		return !rq->size && !rq->handle && !rq->owned;
	case ARG_CHOSEN:
		return !rq->handle && !rq->owned;
	case ARG_OWNER:
		return !rq->owned && !(rq->op == OP_MKNOD && device);
	case ARG_RDEV:
		return !device;
	default:
		return false;
	}
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
		if (has_body || is_left_out((enum arg)op->args[i], rq))
			break;
		if (op->args[i] == ARG_WATCH && !rq->watch)
			continue;
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
