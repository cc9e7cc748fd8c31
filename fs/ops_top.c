/* The folders that this side makes: the mount's root, namespaces, and one for each sandbox. */
#include "fs/box.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/mountfile.h"
#include "fs/ops.h"

#define INSIDE_NAME "fs"
#define RUNS_NAME   "runs"

/* fs->lock held */
static void folder_stat(const struct node *n, struct stat *ret)
{
	int64_t ms = n->box ? n->box->since_wall_ms : 0;

	*ret = (struct stat){
		.st_ino = n->id == FUSE_ROOT_ID ? FUSE_ROOT_ID : attr_ino(n->box, n->id, 0),
		.st_mode = S_IFDIR | 0755,
		.st_nlink = 2,
		.st_uid = getuid(),
		.st_gid = getgid(),
		.st_blksize = 4096,
		.st_mtim.tv_sec = ms / 1000,
		.st_ctim.tv_sec = ms / 1000,
		.st_atim.tv_sec = ms / 1000,
	};
	if (n->box) /* stable over remounts */
		ret->st_ino = attr_ino(n->box, 0, 1);
}

void top_getattr(struct op *op)
{
	struct stat st;
	bool there = true;

	pthread_mutex_lock(&op->fs->lock);
	if (op->node->kind == NODE_RUNS || op->node->kind == NODE_RUN)
		there = runs_stat(op->node, &st);
	else
		folder_stat(op->node, &st);
	if (!op->node->box)
		st.st_mtim.tv_sec = st.st_ctim.tv_sec = op->fs->started_wall_ms / 1000;
	pthread_mutex_unlock(&op->fs->lock);
	if (there)
		op_reply_attr(op, &st, 0);
	else
		op_reply_err(op, -ENOENT);
}

/* fs->lock held */
static struct box *box_named(struct fs *fs, struct node *parent, const char *name)
{
	struct box *b;

	if (parent->kind == NODE_NS)
		return tree_find(fs, parent->name, name);
	b = tree_find(fs, "", name);
	if (!b && fs->kube && !fs->opt->all_namespaces)
		b = tree_find(fs, kube_target(fs->kube)->ns, name);
	return b;
}

/* fs->lock held */
static struct node *child_of_box(struct fs *fs, struct node *parent, const char *name)
{
	if (strcmp(name, INSIDE_NAME) == 0)
		return node_make(&fs->nodes, parent, name, NODE_INSIDE, parent->box);
	if (strcmp(name, RUNS_NAME) == 0)
		return node_make(&fs->nodes, parent, name, NODE_RUNS, parent->box);
	for (enum ctl_kind kind = 0; kind < CTL_BOX_COUNT; kind++)
		if (strcmp(name, ctl_names[kind]) == 0 && ctl_exists(parent->box, kind))
			return ctl_node(fs, parent, kind, 0);
	return NULL;
}

/* fs->lock held */
static struct node *child_of_top(struct fs *fs, struct node *parent, const char *name)
{
	struct box *b = box_named(fs, parent, name);

	if (b)
		return node_make(&fs->nodes, parent, name, NODE_BOX, b);
	if (parent->kind != NODE_ROOT)
		return NULL;
	if (strcmp(name, MOUNTFILE_NAME) == 0)
		return ctl_node(fs, parent, CTL_MOUNT, 0);
	if (fs->opt->all_namespaces && tree_has_ns(fs, name))
		return node_make(&fs->nodes, parent, name, NODE_NS, NULL);
	return NULL;
}

/* fs->lock held */
static struct node *child_of(struct fs *fs, struct node *parent, const char *name)
{
	switch (parent->kind) {
	case NODE_ROOT:
	case NODE_NS:
		return child_of_top(fs, parent, name);
	case NODE_BOX:
		return child_of_box(fs, parent, name);
	case NODE_RUNS:
	case NODE_RUN:
		return runs_child(fs, parent, name);
	default:
		return NULL;
	}
}

/* fs->lock held. False: it has gone meanwhile. */
static bool show(struct fs *fs, struct node *n, struct fuse_entry_param *e)
{
	switch (n->kind) {
	case NODE_CTL:
		e->entry_timeout = 0; /* looked up at each open, so that sendfile has the size: */
		if (ctl_stat(fs, n, &e->attr) < 0)
			return false;
		if (ctl_grows(fs, n))
			e->attr.st_size = CTL_ENDLESS; /* stat asks for the true one */
		return true;
	case NODE_RUN:
		e->entry_timeout = 0; /* forgotten by others, too */
		return runs_stat(n, &e->attr);
	case NODE_RUNS:
		return runs_stat(n, &e->attr);
	case NODE_INSIDE:
		if (n->known)
			node_stat(n, &e->attr);
		else
			folder_stat(n, &e->attr);
		e->attr.st_ino = attr_ino(n->box, 0, 2);
		return true;
	default:
		folder_stat(n, &e->attr);
		return true;
	}
}

bool top_entry(struct fs *fs, struct node *parent, const char *name, struct fuse_entry_param *ret)
{
	struct node *n = child_of(fs, parent, name);

	if (!n)
		return false;
	*ret = (struct fuse_entry_param){ .ino = n->id, .entry_timeout = KERNEL_TTL_S };
	node_looked_up(n);
	if (show(fs, n, ret))
		return true;
	node_forget(fs, n, 1);
	return false;
}

void top_lookup(struct op *op)
{
	struct fs *fs = op->fs;
	struct fuse_entry_param e;
	struct node *n = NULL;

	pthread_mutex_lock(&fs->lock);
	if (top_entry(fs, op->node, op->name, &e))
		n = node_get(&fs->nodes, e.ino);
	pthread_mutex_unlock(&fs->lock);
	if (n)
		op_reply_entry(op, n, &e);
	else
		op_reply_err(op, -ENOENT);
}

void top_add_name(struct handle *h, const char *name)
{
	h->names = xrealloc(h->names, (h->name_count + 1) * sizeof(*h->names));
	h->names[h->name_count++] = xstrdup(name);
}

static bool has_name(const struct handle *h, const char *name)
{
	for (size_t i = 0; i < h->name_count; i++)
		if (strcmp(h->names[i], name) == 0)
			return true;
	return false;
}

/* fs->lock held */
static void snapshot(struct fs *fs, struct handle *h, struct node *n)
{
	struct box *b, *next;

	if (n->kind == NODE_BOX) {
		for (enum ctl_kind kind = 0; kind < CTL_BOX_COUNT; kind++)
			if (ctl_exists(n->box, kind))
				top_add_name(h, ctl_names[kind]);
		top_add_name(h, RUNS_NAME);
		top_add_name(h, INSIDE_NAME);
		return;
	}
	HASH_ITER(hh, fs->tree.boxes, b, next)
	{
		bool grouped = fs->opt->all_namespaces && !b->local;

		if (n->kind == NODE_NS && strcmp(b->ns, n->name) == 0)
			top_add_name(h, b->name);
		else if (n->kind == NODE_ROOT && !grouped)
			top_add_name(h, b->name);
		else if (n->kind == NODE_ROOT && !has_name(h, b->ns))
			top_add_name(h, b->ns);
	}
}

void top_opendir(struct op *op)
{
	struct fs *fs = op->fs;
	struct handle *h;

	pthread_mutex_lock(&fs->lock);
	h = handle_new(op->node);
	snapshot(fs, h, op->node);
	pthread_mutex_unlock(&fs->lock);
	op->fi.fh = (uintptr_t)h;
	if (!op_reply_open(op))
		handle_unref_unlocked(fs, h);
}
