/*
 * The live table of sandboxes: what the watch says, merged by name and uid.
 *
 * Answers ls of the mount root at once, whatever the line does. Threads: the
 * watch's calls in; everyone else reads with fs->lock held.
 */
#ifndef SBX_FS_TREE_H
#define SBX_FS_TREE_H

#include "common/base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct box;
struct fs;
struct tree_watch;

struct tree {
	struct box *boxes;          /* by "ns/name"; holds a reference each */
	struct tree_watch *watches; /* one for the selector, one for each --pod */
	size_t watch_count;
	int health_rc; /* 0, or why the watch fails now */
	struct err health;
	unsigned version; /* grows with every change */
};

/*
 * Fills it: local boxes at once; Pods by watches, whose first lists it waits for until deadline_ms.
 * The error of the first list that fails is the answer.
 */
int tree_open(struct fs *fs, int64_t deadline_ms, struct err *err);
void tree_close(struct fs *fs); /* ends the watches; the boxes stay */
void tree_clear(struct fs *fs); /* lets the boxes go */

/* fs->lock held. ns "" with local boxes and with one namespace. */
struct box *tree_find(struct fs *fs, const char *ns, const char *name);
bool tree_has_ns(struct fs *fs, const char *ns);

#endif
