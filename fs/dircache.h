/*
 * Whole directories, with attributes, for a short time.
 *
 * The first lookup or opendir in a directory asks for all of it in one `list`;
 * names, absent names and attributes are then answered from memory until it
 * is too old (BOX_TTL_MS). A folder whose changes are told (dir_watched, changes.h) is kept right by that
 * and believed for DIR_TOLD_MS. Everyone who needs the same listing meanwhile
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

#include "fs/listing.h"
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

/*
 * What a far end tells is believed for so long: files change also in ways that are not told, through
 * mappings and other names.
 */
#define DIR_TOLD_MS 60000
/* What the kernel has of a folder with names whose attributes must be asked for soon is read again. */
#define DIR_BRIEF_MS 1000

/* What a node knows of itself as a directory. */
struct dir {
	struct listing *now; /* NULL: none */
	int64_t until_ms;
	int64_t fresh_until_ms; /* what is not in it is not there; see DIR_FRESH_MIN_MS */
	unsigned epoch;         /* box->epoch when it was asked for */
	struct fetch *fetch;    /* asked for and good for those who come now; NULL: none */
	uint64_t watch;         /* by this number its changes are told; 0: they are not */
	int64_t told_until_ms;
	bool self_told;          /* so are its own attributes */
	bool loose;              /* the kernel may have names in it that no listing here has */
	struct node *node;       /* whose it is, while watch */
	UT_hash_handle by_watch; /* of box->watched */
	unsigned changes;        /* grows when a name comes, goes, or becomes another file's */
	unsigned pages;          /* the kernel's copy is of that; 0: it has none, or an old one */
	int64_t pages_ms;        /* and good until then; 0: as long as the listing */
	size_t last_count;
	size_t misses; /* single questions since the last listing */
	int64_t unlistable_until_ms;
};

/* The valid listing of a folder, or NULL. Borrowed. */
struct listing *dir_now(struct node *n);
struct listing *dir_fresh(struct node *n); /* the same, fit to be read from the start */

bool dir_fetching(const struct node *n); /* its listing is on its way */
bool dir_listable(const struct node *n); /* nothing says that it is not */
/* l was asked for before somebody wanted it: for him it is fresh for a second. */
void dir_believe(struct node *n, const struct listing *l);

/* 1 and *ret: it is there (attributes valid unless ret->stale); 0: it is not; -EAGAIN: not known.
 */
int dir_find(struct node *n, const char *name, struct item **ret);

/*
 * The kernel is about to read l, and may keep what it reads as long as all that changes is told: *ret_keep,
 * what it has already is l still. What comes back says of what that is (dir_pages); 0: it may not.
 */
unsigned dir_pages_open(struct node *n, const struct listing *l, bool *ret_keep);
/*
 * It is given a part of l, the first one or another. brief: attributes in it are good for a moment only,
 * so the copy is, too.
 */
void dir_pages(struct node *n, const struct listing *l, unsigned of, bool first, bool brief);

/* It is known at once when anything in it changes. */
bool dir_watched(const struct node *n);
/* The folder of this number; NULL: it is not watched, or not any more. */
struct node *dir_by_watch(struct box *b, uint64_t watch);
/* Its changes are told no more, and of itself nothing is known. The kernel's copies: changes.c */
void dir_unwatched(struct node *n);

/*
 * Until when an item's attributes may be believed; child is its node, or NULL. 0: not. What is told in
 * the folder is not all of a folder in it, nor of a file with other names or under a mount.
 */
int64_t dir_item_until(struct node *n, const struct item *item, const struct node *child);
/* The same of what a node itself knows, as far as that is told; 0: it is not. */
int64_t dir_attr_until(const struct node *n);

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
/*
 * An answer says so. since: op->tellings of its request, or 0: not known; what was told before that is older
 * than the answer. What was told meanwhile and is newer is put into *a.
 */
void dir_put(struct node *n, const char *name, struct attr *a, uint32_t since);
struct item *dir_add(struct node *n, const char *name,
	const struct attr *a);      /* to the kept listing, where it is not */
bool dir_full(const struct fs *fs); /* no more of them may be kept */
void dir_drop(struct node *n, const char *name, uint32_t since);
/* An item of the kept listing is about to be this; is not there any more. */
void dir_entry(struct node *n, const struct item *item, const struct attr *a);
void dir_dies(struct node *n, struct item *item);
void dir_doubt(struct node *n, const char *name); /* its attributes changed */
/* This mount has just made it, which took so long: it is empty. */
void dir_new(struct node *n, int64_t took_ms);
void dir_invalidate(struct fs *fs, struct node *n);

void dir_forget(struct fs *fs, struct node *n); /* the node goes */
void dir_free(struct dir *d);

#endif
