/*
 * Whole directories, with attributes, for a short time.
 *
 * The first lookup or opendir in a directory asks for all of it in one `list`;
 * names, absent names and attributes are then answered from memory until it
 * is too old (BOX_TTL_MS). Everyone who needs the same listing meanwhile
 * waits for the same request. What this mount changes is put in at once; a
 * listing asked for before a change ended is not kept.
 *
 * A directory that cannot be listed, or that was so large that listing it for
 * one name is dearer than asking for the name, is asked name by name.
 *
 * All functions: fs->lock held, unless said otherwise.
 */
#ifndef SBX_FS_DIRCACHE_H
#define SBX_FS_DIRCACHE_H

#include "fs/node.h"

struct op;

/* Of all listings kept for lookups together; about 400 bytes each. */
#define LISTED_ITEMS_MAX 200000
/* Names that listing anew costs no more than asking for one of them. */
#define LISTED_CHEAP 512

/*
 * That a name is absent, and what opendir shows, is believed for five times as long as the listing
 * took, within these bounds: a program that fills a folder asks for each name first, and must not
 * pay a round trip for it; somebody who made a file by another way must find it.
 */
#define DIR_FRESH_MIN_MS 10
#define DIR_FRESH_MAX_MS 1000

struct item {
	struct attr attr;
	bool dead;  /* removed; the place is kept for those who are reading the directory */
	bool stale; /* it is there, its attributes have changed */
	UT_hash_handle hh;
	char name[];
};

struct listing {
	unsigned refs;
	struct item **items; /* in the order in which they came; the index is the offset */
	size_t count, cap;
	struct item *by_name;
};

/* What a node knows of itself as a directory. */
struct dir {
	struct listing *now; /* NULL: none */
	int64_t until_ms;
	int64_t fresh_until_ms; /* what is not in it is not there; see DIR_FRESH_MIN_MS */
	unsigned epoch;         /* box->epoch when it was asked for */
	struct fetch *fetch;    /* asked for and good for those who come now; NULL: none */
	size_t last_count;
	size_t misses; /* single questions since the last listing */
	int64_t unlistable_until_ms;
};

struct listing *listing_of(struct remote_reply *reply); /* no lock needed */
void listing_ref(struct listing *l);
void listing_unref(struct listing *l);
struct item *listing_find(const struct listing *l, const char *name);

/* The valid listing of a folder, or NULL. Borrowed. */
struct listing *dir_now(struct node *n);
struct listing *dir_fresh(struct node *n); /* the same, fit to be read from the start */

/* 1 and *ret: it is there (attributes valid unless ret->stale); 0: it is not; -EAGAIN: not known.
 */
int dir_find(struct node *n, const char *name, struct item **ret);

/* Should one listing be asked for, rather than this one name? Counts. */
bool dir_worth_listing(struct node *n);

/*
 * Waits for the listing of op->node (or of folder): op->step(op, rc) runs without locks, rc 0 or
 * why not. True: a new request is needed; call dir_fetch after the lock is gone.
 */
bool dir_wait(struct node *folder, struct op *op, struct fetch **ret);
void dir_fetch(struct fs *fs, struct fetch *f); /* no lock held */

/* This mount is changing, or has changed, something in it. */
void dir_touch(struct node *n);
void dir_put(struct node *n, const char *name, const struct attr *a);
void dir_drop(struct node *n, const char *name);
void dir_doubt(struct node *n, const char *name); /* its attributes changed */
/* This mount has just made it, which took so long: it is empty. */
void dir_new(struct node *n, int64_t took_ms);
void dir_invalidate(struct fs *fs, struct node *n);

void dir_forget(struct fs *fs, struct node *n); /* the node goes */
void dir_free(struct dir *d);

#endif
