#include "common/base/keyhash.h" /* first */

#include "fs/node.h"

#include "common/base/clock.h"
#include "common/base/path.h"
#include "common/remote/proto.h"
#include "fs/ahead.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/fs.h"
#include "fs/limit.h"
#include "fs/links.h"
#include "fs/writer.h"

#include <assert.h>
#include <sys/sysmacros.h>

/* A path longer than this cannot be sent in one request line when every byte needs an escape. */
#define NODE_PATH_MAX  (PROTO_PATH_MAX - 1)
#define NODE_DEPTH_MAX 2048

struct node_key {
	uint64_t parent;
	char name[];
};

static size_t key_size(const char *name)
{
	return sizeof(struct node_key) + strlen(name);
}

static struct node_key *key_of(uint64_t parent, const char *name)
{
	size_t n = strlen(name) + 1;
	struct node_key *key = xmalloc(sizeof(*key) + n);

	key->parent = parent;
	memcpy(key->name, name, n);
	return key;
}

static struct node *add(struct node_table *t, struct node *parent, const char *name,
	enum node_kind kind, struct box *box)
{
	struct node *n = xcalloc(1, sizeof(*n));

	n->id = t->next_id++;
	n->kind = kind;
	n->parent = parent;
	n->box = box;
	n->key = key_of(parent ? parent->id : 0, name);
	n->name = n->key->name;
	if (parent)
		node_ref(parent);
	if (box)
		box_ref(box);
	HASH_ADD(by_id, t->by_id, id, sizeof(n->id), n);
	HASH_ADD_KEYPTR(by_name, t->by_name, n->key, key_size(name), n);
	t->count++;
	return n;
}

void nodes_init(struct node_table *t)
{
	*t = (struct node_table){ .next_id = FUSE_ROOT_ID };
	t->root = add(t, NULL, "", NODE_ROOT, NULL);
	t->root->refs = 1;
}

static void node_free(struct node *n)
{
	ahead_forget(n);
	dir_free(n->dir);
	writer_free(n->writer);
	free(n->key);
	free(n);
}

void nodes_fini(struct node_table *t)
{
	struct node *n, *next;

	HASH_CLEAR(by_name, t->by_name);
	HASH_ITER(by_id, t->by_id, n, next)
	{
		HASH_DELETE(by_id, t->by_id, n);
		links_leave(n);
		dir_unwatched(n);
		if (n->box)
			box_unref(n->box);
		node_free(n);
	}
}

struct node *node_get(struct node_table *t, uint64_t id)
{
	struct node *n;

	HASH_FIND(by_id, t->by_id, &id, sizeof(id), n);
	return n;
}

struct node *node_child(struct node_table *t, struct node *parent, const char *name)
{
	struct node_key *key = key_of(parent->id, name);
	struct node *n;

	HASH_FIND(by_name, t->by_name, key, key_size(name), n);
	free(key);
	return n;
}

struct node *node_make(struct node_table *t, struct node *parent, const char *name,
	enum node_kind kind, struct box *box)
{
	struct node *n = node_child(t, parent, name);

	if (n && n->kind == kind && n->box == box)
		return n;
	if (n)
		node_detach(t, n);
	return add(t, parent, name, kind, box);
}

void node_ref(struct node *n)
{
	n->refs++;
}

void node_unref(struct fs *fs, struct node *n)
{
	struct node_table *t = &fs->nodes;

	while (n && --n->refs == 0) {
		struct node *parent = n->parent;

		assert(n->nlookup == 0 && !n->handles);
		if (!n->gone)
			HASH_DELETE(by_name, t->by_name, n);
		limit_gone(fs, n);
		HASH_DELETE(by_id, t->by_id, n);
		t->count--;
		dir_forget(fs, n);
		links_leave(n);
		if (n->box)
			box_unref(n->box);
		node_free(n);
		n = parent;
	}
}

void node_looked_up(struct node *n)
{
	n->name_recalled = false;
	if (n->nlookup++ == 0)
		node_ref(n);
}

void node_forget(struct fs *fs, struct node *n, uint64_t count)
{
	if (n->nlookup == 0)
		return;
	n->nlookup -= count < n->nlookup ? count : n->nlookup;
	if (n->nlookup == 0)
		node_unref(fs, n);
}

void node_detach(struct node_table *t, struct node *n)
{
	if (n->gone || n->making) /* what is said of the name is older than it */
		return;
	HASH_DELETE(by_name, t->by_name, n);
	n->gone = true;
}

void node_move(struct fs *fs, struct node *n, struct node *parent, const char *name)
{
	struct node_table *t = &fs->nodes;
	struct node *old_parent = n->parent;
	struct node *there = node_child(t, parent, name);

	if (n->gone || there == n)
		return;
	if (there)
		node_detach(t, there);
	HASH_DELETE(by_name, t->by_name, n);
	free(n->key);
	n->key = key_of(parent->id, name);
	n->name = n->key->name;
	HASH_ADD_KEYPTR(by_name, t->by_name, n->key, key_size(name), n);
	node_ref(parent);
	n->parent = parent;
	node_unref(fs, old_parent);
}

int node_path(const struct node *n, struct buf *ret)
{
	const struct node *chain[NODE_DEPTH_MAX];
	size_t depth = 0;

	assert(n->kind == NODE_INSIDE);
	for (; n->parent->kind == NODE_INSIDE; n = n->parent) {
		if (n->gone)
			return -ESTALE;
		if (depth == NODE_DEPTH_MAX)
			return -ENAMETOOLONG;
		chain[depth++] = n;
	}
	if (n->gone)
		return -ESTALE;
	buf_reset(ret);
	ret->max = NODE_PATH_MAX;
	if (depth == 0)
		buf_char(ret, '/');
	while (depth > 0) {
		buf_char(ret, '/');
		buf_str(ret, chain[--depth]->name);
	}
	return buf_check(ret) < 0 ? -ENAMETOOLONG : 0;
}

int node_path_of(const struct node *n, const char *name, struct buf *ret)
{
	int rc;

	if (strlen(name) > NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	if (!path_name_ok(name, strlen(name)))
		return -EINVAL;
	rc = node_path(n, ret);
	if (rc < 0)
		return rc;
	if (ret->len > 1)
		buf_char(ret, '/');
	buf_str(ret, name);
	return buf_check(ret) < 0 ? -ENAMETOOLONG : 0;
}

bool node_is_virtual(const struct node *n)
{
	const struct node *top = n;

	while (top->parent && top->parent->kind == NODE_INSIDE && top->parent->parent &&
		top->parent->parent->kind == NODE_INSIDE)
		top = top->parent;
	return strcmp(top->name, "proc") == 0 || strcmp(top->name, "sys") == 0;
}

unsigned node_depth(const struct node *n)
{
	unsigned depth = 0;

	for (; n->parent && n->parent->kind == NODE_INSIDE; n = n->parent)
		depth++;
	return depth;
}

/* A finaliser in the manner of splitmix64: neighbours in, nothing alike out. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint64_t attr_ino(const struct box *box, uint64_t dev, uint64_t ino)
{
	uint64_t x = mix(box_hash(box) ^ mix(dev + 0x9e3779b97f4a7c15u) ^ mix(ino));

	return x > FUSE_ROOT_ID ? x : x + 2;
}

/*
 * The mount is nosuid, but cp --preserve=mode, rsync -rp and tar --no-same-owner by root would make of any set-id
 * file, whoever owns it there, a set-id program of root. A folder's give nobody rights, and who did not see them
 * would take them away by chmod g+w.
 */
static mode_t hidden_bits(const struct node *n, mode_t mode)
{
	return n->box->fs->opt->setid || S_ISDIR(mode) ? 0 : S_ISUID | S_ISGID;
}

void attr_stat(const struct node *n, const struct attr *a, struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = a->ino ? attr_ino(n->box, a->dev, a->ino) : n->id, /* 0: it cannot tell */
		.st_mode = a->mode & ~hidden_bits(n, a->mode),
		.st_nlink = a->nlink,
		.st_uid = box_show_uid(n->box, a->uid),
		.st_gid = box_show_gid(n->box, a->gid),
		.st_rdev = makedev(a->rdev_major, a->rdev_minor),
		.st_size = (off_t)a->size,
		.st_blocks = (blkcnt_t)a->blocks,
		.st_blksize = 128 * 1024,
		.st_atim = a->atime,
		.st_mtim = a->mtime,
		.st_ctim = a->ctime,
	};
}

void node_stat(const struct node *n, struct stat *ret)
{
	attr_stat(n, &n->attr, ret);
	if (n->gone && n->attr.nlink == 1 && !S_ISDIR(n->attr.mode))
		ret->st_nlink = 0;
	writer_overlay(n->writer, ret);
	ret->st_mode &= ~hidden_bits(n, n->attr.mode);
}

struct stamp stamp_of(const struct attr *a)
{
	return (struct stamp){
		.mtime = a->mtime, .ctime = a->ctime, .size = a->size, .ino = a->ino
	};
}

static bool time_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool stamp_same(const struct stamp *a, const struct stamp *b)
{
	return a->ino == b->ino && a->size == b->size && time_same(&a->mtime, &b->mtime) &&
	       time_same(&a->ctime, &b->ctime);
}

bool attr_same(const struct attr *a, const struct attr *b)
{
	return a->mode == b->mode && a->dev == b->dev && a->ino == b->ino && a->nlink == b->nlink &&
	       a->uid == b->uid && a->gid == b->gid && a->size == b->size &&
	       a->blocks == b->blocks && time_same(&a->mtime, &b->mtime) &&
	       time_same(&a->ctime, &b->ctime) && a->rdev_major == b->rdev_major &&
	       a->rdev_minor == b->rdev_minor;
}

bool attr_older(const struct attr *a, const struct attr *b)
{
	return a->ctime.tv_sec < b->ctime.tv_sec ||
	       (a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec < b->ctime.tv_nsec);
}

bool node_learn(struct node *n, const struct attr *a, int64_t until_ms)
{
	mode_t type_bits = a->mode & S_IFMT;

	if (n->making)
		return true; /* older than the file */
	if (n->parent->kind != NODE_INSIDE)
		type_bits = S_IFDIR; /* fs/ itself, whatever the sandbox says */
	if (n->known) {
		bool type = (n->attr.mode & S_IFMT) == type_bits;
		bool same = n->attr.dev == a->dev && n->attr.ino == a->ino;

		if (!type || (!same && n->handles))
			return false;
	}
	n->attr = *a;
	n->attr.mode = type_bits | (a->mode & ~(unsigned)S_IFMT);
	n->known = true;
	n->until_ms = until_ms;
	links_learn(n);
	return true;
}

void node_doubt(struct node *n)
{
	n->until_ms = 0;
}
