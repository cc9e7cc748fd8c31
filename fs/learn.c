#include "fs/learn.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/notify.h"
#include "fs/writer.h"

static int64_t until(void)
{
	return clock_now_ms() + BOX_TTL_MS;
}

struct node *learn_item(struct fs *fs, struct node *parent, const char *name, const struct attr *a)
{
	struct node *n = node_make(&fs->nodes, parent, name, NODE_INSIDE, parent->box);

	if (node_learn(n, a, until()))
		return n;
	node_detach(&fs->nodes, n);
	n = node_make(&fs->nodes, parent, name, NODE_INSIDE, parent->box);
	node_learn(n, a, until());
	return n;
}

struct node *learn_child(struct fs *fs, struct node *parent, const char *name, const struct attr *a)
{
	dir_put(parent, name, a);
	return learn_item(fs, parent, name, a);
}

bool learn_attr(struct fs *fs, struct node *n, const struct attr *a)
{
	if (!node_learn(n, a, until()))
		return false;
	if (!n->gone && n->parent && n->parent->kind == NODE_INSIDE)
		dir_put(n->parent, n->name, a);
	return true;
}

void learn_absent(struct fs *fs, struct node *parent, const char *name)
{
	struct node *n = node_child(&fs->nodes, parent, name);

	dir_drop(parent, name);
	if (n)
		node_detach(&fs->nodes, n);
}

void learn_touched(struct node *folder)
{
	node_doubt(folder);
	if (!folder->gone && folder->parent && folder->parent->kind == NODE_INSIDE)
		dir_doubt(folder->parent, folder->name);
}

static void shown(struct node *n)
{
	n->shown_ms = clock_now_ms();
	n->shown = stamp_of(&n->attr);
}

void learn_show_entry(struct fs *fs, struct node *n, bool stale, struct fuse_entry_param *ret)
{
	/* what a writer adds up itself is right only while nobody else changes the file: getattr
	 * asks */
	*ret = (struct fuse_entry_param){
		.ino = n->id,
		.attr_timeout = stale || writer_dirty(n) ? 0 : KERNEL_TTL_S,
		.entry_timeout = KERNEL_TTL_S,
	};
	node_stat(n, &ret->attr);
	node_looked_up(n);
	shown(n);
}

double learn_show_attr(struct node *n, struct stat *ret)
{
	node_stat(n, ret);
	shown(n);
	return n->gone ? 0 : KERNEL_TTL_S;
}

void learn_box_changed(struct fs *fs, struct box *b)
{
	int64_t since_ms = clock_now_ms() - (int64_t)(KERNEL_TTL_S * 1000);
	struct node *n, *next;

	scoped_lock(&fs->lock);
	b->epoch++;
	HASH_ITER(by_id, fs->nodes.by_id, n, next)
	{
		if (n->box != b || n->kind != NODE_INSIDE)
			continue;
		node_doubt(n);
		if (n->shown_ms >= since_ms && n->shown_ms > 0)
			notify_attr(fs->notifier, n->id);
	}
}
