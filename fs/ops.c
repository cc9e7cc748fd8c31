#include "fs/ops.h"

#include "fs/box.h"
#include "fs/writer.h"

int fs_errno(int rc)
{
	switch (rc) {
	case -EPIPE:
	case -EBADMSG:
	case -EMSGSIZE:
	case -ENOBUFS:
		return EIO;
	case 0:
		return 0;
	default:
		return -rc;
	}
}

int op_refused(const struct op *op)
{
	if (!op->node)
		return -ESTALE;
	return op->box && atomic_load(&op->box->down) == -ESTALE ? -ESTALE : 0;
}

int op_path(struct op *op, bool with_name, struct buf *ret)
{
	return with_name ? node_path_of(op->node, op->name, ret) : node_path(op->node, ret);
}

static void drained(struct op *op, int rc)
{
	bool mine;

	pthread_mutex_lock(&op->fs->lock);
	mine = !op->gave_up;
	pthread_mutex_unlock(&op->fs->lock);
	if (mine)
		op->after_drain(op, rc);
	else
		op_unref(op);
}

static void give_up(struct op *op)
{
	scoped_lock(&op->fs->lock);
	op->gave_up = true;
}

bool op_drain_unlock(struct op *op, struct node *n, op_step *step)
{
	struct fs *fs = op->fs;
	bool wait = false;

	op->after_drain = step;
	op->step = drained;
	if (n)
		wait = writer_drain(n, op);
	if (wait) {
		op->cancel = give_up;
		op_ref(op);
		node_ref(n);
	}
	pthread_mutex_unlock(&fs->lock);
	if (!wait)
		return false;
	op_arm(op, false);
	writer_push(fs, n, true);
	op_unref(op);
	pthread_mutex_lock(&fs->lock);
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
	return true;
}
