#include "fs/opnote.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/job.h"
#include "fs/oplog.h"

#define PATH_BYTES_MAX 8192

/* fs->lock held. Below its sandbox, as it is in the mount: "fs/app/x", "runs/3/stdout". */
static void outside_path(const struct node *n, struct buf *ret)
{
	if (!n->parent || n->kind == NODE_BOX)
		return;
	outside_path(n->parent, ret);
	buf_printf(ret, "%s%s", ret->len ? "/" : "", n->name);
}

/* fs->lock held. What is gone has no path: nothing is appended. */
static void put_path(const struct node *n, const char *name, struct buf *ret)
{
	auto_buf path = BUF_INIT(PATH_BYTES_MAX);
	int rc;

	if (n->kind != NODE_INSIDE) {
		outside_path(n, ret);
		if (name)
			buf_printf(ret, "%s%s", ret->len ? "/" : "", name);
		return;
	}
	rc = name ? node_path_of(n, name, &path) : node_path(n, &path);
	if (rc == 0)
		buf_printf(ret, "fs%s", strcmp(buf_text(&path), "/") ? buf_text(&path) : "");
}

static const char *name_of(const struct box *b)
{
	return !b ? "" : b->local ? b->name : b->key;
}

/* Only of these: what stands there for others may be bytes of a file. */
static const char *name_in(const struct op *op)
{
	static const char *const named[] = { "lookup", "mkdir", "mknod", "symlink", "unlink",
		"rmdir", "rename", "link", "create" };

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++)
		if (!strcmp(op->what, named[i]))
			return op->name;
	return NULL;
}

void opnote_op(struct op *op)
{
	auto_buf path = BUF_INIT(2 * PATH_BYTES_MAX), to = BUF_INIT(2 * PATH_BYTES_MAX);
	struct oplog_entry e = {
		.sandbox = name_of(op->box),
		.op = op->what,
		.bytes = op->bytes,
		.took_us = op->ended_us - op->since_us,
		.error = op->said,
	};

	if (!op->fs->oplog || !op->ended_us)
		return;
	pthread_mutex_lock(&op->fs->lock);
	if (op->node)
		put_path(op->node, name_in(op), &path);
	if (op->other && op->name2 && !strcmp(op->what, "rename"))
		put_path(op->other, op->name2, &to);
	pthread_mutex_unlock(&op->fs->lock);
	e.wall_ms = clock_wall_ms() - (clock_now_us() - op->since_us) / 1000;
	e.path = buf_text(&path);
	e.to = to.len ? buf_text(&to) : NULL;
	oplog_put(op->fs->oplog, &e);
}

void opnote_run(struct box *b, unsigned number, const struct run_end *end, int64_t took_ms, int rc)
{
	static const char *const states[] = { "running", "exited", "signaled", "timeout", "lost",
		"kept", "closed" };
	auto_free char *path = xprintf("runs/%u", number);
	auto_free char *more = xprintf("\"run\":%u,\"kept\":%u,\"state\":\"%s\",\"code\":%d,",
		number, end->kept_id, states[end->state], run_end_status(end));
	struct oplog_entry e = {
		.wall_ms = clock_wall_ms() - took_ms,
		.sandbox = name_of(b),
		.op = "run",
		.path = path,
		.bytes = end->out + end->err_bytes,
		.took_us = took_ms * 1000,
		.error = rc < 0 ? fs_errno(rc) : 0,
		.more = more,
	};

	oplog_put(b->fs->oplog, &e);
}
