/*
 * Inodes: what the kernel holds by number.
 *
 * A node is a name in a parent. Numbers are never used twice, so a generation
 * is not needed. A node lives while the kernel knows it (nlookup), while it
 * has children, and while a handle or an operation holds it. Its path is found
 * by walking up; renaming moves one node and so everything below it.
 *
 * A node whose name was taken away (unlinked, replaced) is gone: its open
 * handles go on, its path is no more. Two names of one file are two nodes
 * with the same st_ino.
 *
 * All functions: fs->lock held.
 */
#ifndef SBX_FS_NODE_H
#define SBX_FS_NODE_H

#include "common/remote/remote.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <uthash.h>

struct box;
struct dir;
struct fs;
struct handle;
struct peek;
struct walk;
struct writer;

enum node_kind {
	NODE_ROOT,
	NODE_NS,
	NODE_BOX,
	NODE_RUNS, /* runs/ */
	NODE_RUN,  /* runs/N */
	NODE_CTL,
	NODE_INSIDE
};
enum ctl_kind {
	CTL_CMD,
	CTL_STDIN,
	CTL_STDOUT,
	CTL_STDERR,
	CTL_STATUS,
	CTL_EXIT,
	CTL_CTL,
	CTL_RUN_COUNT, /* those above are in runs/N too */
	CTL_CWD = CTL_RUN_COUNT,
	CTL_ENV,
	CTL_POD,
	CTL_LOG,
	CTL_EVENTS,
	CTL_BOX_COUNT,
	CTL_NEW = CTL_BOX_COUNT, /* runs/new */
	CTL_MOUNT,               /* .sbx, of the mount itself */
	CTL_COUNT
};

/* What the page cache of a file was filled with. */
struct stamp {
	struct timespec mtime, ctime;
	uint64_t size, ino;
};

struct node {
	uint64_t id;
	enum node_kind kind;
	enum ctl_kind ctl;
	unsigned run;        /* of runs/N and what is in it: its number; 0: the sandbox's own */
	struct node *parent; /* holds a reference; NULL: the root */
	char *name;
	struct box *box; /* holds a reference; NULL above the sandboxes */
	uint64_t nlookup;
	unsigned refs; /* one for all of nlookup, one a child, handle, operation */
	bool gone;
	bool going;       /* limit.c's: the kernel was told to forget it */
	bool making;      /* its create has been answered here and not there: making.h */
	bool makes_well;  /* a folder: this mount has made a file in it */
	unsigned touches; /* a folder: how often something in it was changed, or told of */

	struct attr attr;    /* of NODE_INSIDE: the newest known */
	bool known;          /* attr was set once */
	int64_t until_ms;    /* attr may be served until then */
	int64_t shown_ms;    /* when the kernel was last given attributes to keep; 0: never */
	struct stamp shown;  /* those */
	bool attr_recalled;  /* and it was told to forget them */
	bool pages_recalled; /* and its pages */
	bool name_recalled;  /* the same of its name, since it was last looked up */
	struct stamp filled; /* the page cache's */
	bool may_read;       /* the far end has opened that for reading */

	struct dir *dir;        /* a folder's listing; NULL until needed */
	struct walk *walk;      /* how a folder is gone through; NULL until needed */
	struct peek *peek;      /* a file's content, asked for ahead; NULL: none */
	struct writer *writer;  /* pending writes; NULL until needed */
	struct handle *handles; /* open files, each holds a reference of the node */
	struct links *links;    /* links.c's: other names of the file */
	struct node *link_prev, *link_next;

	UT_hash_handle by_id, by_name;
	struct node_key *key;
};

struct node_table {
	struct node *by_id, *by_name;
	struct node *root;
	uint64_t next_id;
	atomic_size_t count; /* read without the lock, too */
	/* limit.c's */
	size_t going;
	struct node *cursor;
	bool limiting;
};

void nodes_init(struct node_table *t);
void nodes_fini(struct node_table *t);

struct node *node_get(
	struct node_table *t, uint64_t id); /* NULL: unknown (a bug of the kernel's or ours) */
struct node *node_child(struct node_table *t, struct node *parent, const char *name);
/* Finds or makes it; not counted as looked up yet: hold it or look it up before the lock goes. */
struct node *node_make(struct node_table *t, struct node *parent, const char *name,
	enum node_kind kind, struct box *box);

void node_ref(struct node *n);
void node_unref(struct fs *fs, struct node *n);
void node_looked_up(struct node *n);
void node_forget(struct fs *fs, struct node *n, uint64_t count);

void node_detach(struct node_table *t, struct node *n); /* the name is no longer its own */
void node_move(struct fs *fs, struct node *n, struct node *parent, const char *name);

/* The path in the sandbox ("/" for fs/ itself). -ESTALE: gone; -ENAMETOOLONG. */
int node_path(const struct node *n, struct buf *ret);
/* The same with a name behind it, which is checked. */
int node_path_of(const struct node *n, const char *name, struct buf *ret);
/* Folders between fs/ and this one; 0 for fs/. */
unsigned node_depth(const struct node *n);

/* What the kernel is told; pending writes are part of the size. */
void node_stat(const struct node *n, struct stat *ret);
void attr_stat(const struct node *parent_or_self, const struct attr *a, struct stat *ret);
/* In /proc or /sys: the size says nothing, each read is made by the kernel over there. */
bool node_is_virtual(const struct node *n);
uint64_t attr_ino(const struct box *box, uint64_t dev, uint64_t ino);

struct stamp stamp_of(const struct attr *a);
/* All but the time of the last access. */
bool attr_same(const struct attr *a, const struct attr *b);
bool attr_older(const struct attr *a, const struct attr *b); /* by ctime */
bool stamp_same(const struct stamp *a, const struct stamp *b);

/*
 * New attributes came for it. When it is another file now (dev, ino or type), and somebody has
 * the old one open or the type differs, the node cannot stand for both: false, detach it. fs/ itself
 * stays a folder whatever is said of it.
 */
bool node_learn(struct node *n, const struct attr *a, int64_t until_ms);
void node_doubt(struct node *n); /* its attributes must be asked for */

#endif
