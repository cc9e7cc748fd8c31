#include "fs/handle.h"

#include "fs/dircache.h"
#include "fs/fs.h"
#include "fs/op.h"
#include "fs/ops.h"

#include <utlist.h>

struct handle *handle_new(struct node *n)
{
	struct handle *h = xcalloc(1, sizeof(*h));

	h->refs = 1;
	h->node = n;
	node_ref(n);
	return h;
}

void handle_ref(struct handle *h)
{
	h->refs++;
}

void handle_opened(struct handle *h)
{
	DL_APPEND(h->node->handles, h);
	h->in_node = true;
}

void handle_release(struct handle *h)
{
	if (h->in_node)
		DL_DELETE(h->node->handles, h);
	h->in_node = false;
}

void handle_changed(struct handle *h, const struct op *op)
{
	h->unflushed = true;
	if (op->req)
		h->tid = op->tid;
}

struct handle *handle_changed_by(struct node *n, const struct op *op)
{
	struct handle *h;

	DL_FOREACH(n->handles, h)
	{
		if (h->unflushed && h->writable && h->remote_open && h->tid == op->tid)
			return h;
	}
	return NULL;
}

static void closed(struct op *op, struct remote_reply *reply)
{
	op_unref(op); /* what close says was said by flush */
}

static void close_remote(struct fs *fs, struct handle *h)
{
	struct remote_request rq = { .op = OP_CLOSE, .handle = h->remote, .patient = true };
	struct op *op;

	if (h->remote_open) {
		op = op_new(fs, NULL, "close", h->node->id, NULL);
		op_send(op, &rq, closed);
	}
}

void handle_unref_unlocked(struct fs *fs, struct handle *h)
{
	bool last;

	if (!h)
		return;
	pthread_mutex_lock(&fs->lock);
	last = --h->refs == 0;
	pthread_mutex_unlock(&fs->lock);
	if (!last)
		return;
	close_remote(fs, h);
	ctl_handle_free(h->ctl);
	for (size_t i = 0; i < h->name_count; i++)
		free(h->names[i]);
	free(h->names);
	pthread_mutex_lock(&fs->lock);
	handle_release(h);
	reader_fini(fs, &h->reader);
	listing_unref(h->listing);
	node_unref(fs, h->node);
	pthread_mutex_unlock(&fs->lock);
	free(h);
}

struct handle *handle_any(struct node *n)
{
	struct handle *h;

	DL_FOREACH(n->handles, h)
	{
		if (h->remote_open)
			return h;
	}
	return NULL;
}
