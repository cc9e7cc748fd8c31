/*
 * The names in one folder with their attributes, as they came, and what became of each since.
 *
 * A listing that is being read stays as it is: what goes is marked dead, what comes is put behind. Names are
 * the far end's, so the table of them has a keyed hash.
 *
 * fs->lock held, unless said otherwise.
 */
#ifndef SBX_FS_LISTING_H
#define SBX_FS_LISTING_H

#include "common/remote/remote.h"

#include <uthash.h>

struct budget;

/*
 * Of all listings together, those on their way and those that somebody is reading among them. The largest that the protocol
 * allows (LISTING_ENTRIES_MAX) has room when it is alone. What finds none is refused, -ENOMEM, and asked for name by name
 * where names are looked up.
 */
#define LISTED_BYTES_MAX ((size_t)1 << 30)
/*
 * An answer and what is told may overtake one another, when one was looked up before and sent behind
 * the other. Within so long what contradicts the other is in doubt.
 */
#define DIR_CROSS_MS 2000

struct item {
	struct attr attr;
	bool dead;  /* removed; the place is kept for those who are reading the directory */
	bool stale; /* it is there, its attributes have changed */
	bool doubt; /* whether it is there must be asked */
	/* When an answer last spoke of it, and when it was last told of; item_now's, 0: never. */
	uint32_t own_at, told_at;
	uint32_t telling; /* box->tellings of the latter */
	UT_hash_handle hh;
	char name[];
};

struct listing {
	unsigned refs;
	struct item **items; /* in the order in which they came; the index is the offset */
	size_t count, cap;
	struct item *by_name;
	size_t doubts; /* items in doubt: it is not shown, but asked for anew */
	int64_t read_ms;
	struct budget *budget; /* of which it has taken so much */
	size_t taken;
};

uint32_t item_now(void);
bool item_lately(uint32_t at); /* within DIR_CROSS_MS */

/* NULL: the budget is used up. No lock needed. */
struct listing *listing_of(struct remote_reply *reply, struct budget *budget);
void listing_ref(struct listing *l);
void listing_unref(struct listing *l);
struct item *listing_find(const struct listing *l, const char *name); /* one that is there */
struct item *listing_any(const struct listing *l, const char *name);  /* a dead one, too */
void listing_doubt(struct listing *l, struct item *item, bool doubt);

/* Of this thread alone until it is put; then the listing's. */
struct item *item_new(const char *name, const struct attr *a);
/* Behind the others; there is none of that name. */
void listing_put(struct listing *l, struct item *item);

#endif
