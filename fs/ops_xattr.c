/*
 * Extended attributes, where they are asked for by -o xattr: those of users. Whatever else a sandbox
 * says there (capabilities, ACLs, labels) is not for this machine to act upon.
 */
#include "fs/ops.h"

#include "common/remote/proto.h"
#include "fs/box.h"
#include "fs/node.h"

static bool is_users(const char *name)
{
	return strncmp(name, "user.", 5) == 0 && name[5];
}

/* ENOSYS would make the kernel ask no sandbox any more. */
static int refusal(int rc)
{
	return rc == -ENOSYS ? -EOPNOTSUPP : rc;
}

/* When it is made at the far end. */
static void go(struct op *op, op_step *step)
{
	struct node *n = op->node;

	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, n->making ? n : NULL, step))
		step(op, 0);
}

/* done answers. */
static void ask(struct op *op, struct remote_request *rq, op_done *done)
{
	auto_buf path = BUF_INIT(1);
	int rc = op->name && !is_users(op->name) ? -EOPNOTSUPP : 0;

	pthread_mutex_lock(&op->fs->lock);
	if (rc == 0)
		rc = node_path(op->node, &path);
	pthread_mutex_unlock(&op->fs->lock);
	rq->path = buf_text(&path);
	rq->name = op->name;
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, rq, done);
}

/* The size alone, or the bytes when there is room for them. */
static void reply_bytes(struct op *op, const char *bytes, size_t n)
{
	if (!op->size)
		op_reply_xattr(op, n);
	else if (n > op->size)
		op_reply_err(op, -ERANGE);
	else
		op_reply_buf(op, bytes, n);
}

static void got(struct op *op, struct remote_reply *reply)
{
	if (reply->rc < 0)
		op_reply_err(op, refusal(reply->rc));
	else
		reply_bytes(op, reply->data, reply->n);
}

static size_t most(const struct op *op)
{
	size_t max = box_max(op->box);

	return max < PROTO_XATTR_MAX ? max : PROTO_XATTR_MAX;
}

static void get_now(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_GETXATTR, .size = most(op) };

	ask(op, &rq, got);
}

void inside_getxattr(struct op *op)
{
	go(op, get_now);
}

/* Names of users' alone, each whole. */
static void listed(struct op *op, struct remote_reply *reply)
{
	auto_buf names = BUF_INIT(PROTO_XATTR_MAX);
	const char *at = reply->data, *end = at ? at + reply->n : NULL;

	if (reply->rc < 0) {
		op_reply_err(op, reply->rc == -ENOSYS ? 0 : reply->rc);
		return;
	}
	while (at < end) {
		size_t n = strnlen(at, (size_t)(end - at));

		if (n < (size_t)(end - at) && n <= PROTO_XATTR_NAME && is_users(at))
			buf_add(&names, at, n + 1);
		at += n + 1;
	}
	reply_bytes(op, buf_text(&names), names.len);
}

static void list_now(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_LISTXATTR, .size = most(op) };

	ask(op, &rq, listed);
}

void inside_listxattr(struct op *op)
{
	go(op, list_now);
}

static void changed(struct op *op, struct remote_reply *reply)
{
	pthread_mutex_lock(&op->fs->lock);
	node_doubt(op->node); /* its ctime */
	pthread_mutex_unlock(&op->fs->lock);
	op_reply_err(op, refusal(reply->rc));
}

static void set_now(struct op *op, int drained)
{
	struct remote_request rq = {
		.op = OP_SETXATTR, .flags = op->flags, .data = op->name2, .n = op->size
	};

	ask(op, &rq, changed);
}

void inside_setxattr(struct op *op, const char *bytes)
{
	if (op->size > most(op)) {
		op_reply_err(op, -E2BIG);
		return;
	}
	op->name2 = xmalloc(op->size + 1);
	memcpy(op->name2, bytes, op->size);
	go(op, set_now);
}

static void remove_now(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_REMOVEXATTR };

	ask(op, &rq, changed);
}

void inside_removexattr(struct op *op)
{
	go(op, remove_now);
}
