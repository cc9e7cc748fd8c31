/*
 * A folder that is watched, and the names in it that wait to be told of: a part of changes.c. Everything here
 * wants changes->lock held, but for a batch, which is its worker's own.
 */
#ifndef SBX_AGENT_FOLDER_H
#define SBX_AGENT_FOLDER_H

#include "common/remote/agent/static/changes.h"

#include <sys/stat.h>

#define FOLDER_LOOK   (64 * 1024) /* of CHANGEs that one look gives, about, at most */
#define FOLDER_RECORD 300         /* of one, without its name, at most */

struct name {
	struct name *next; /* of its folder */
	struct name *same; /* in its bucket */
	const struct folder *folder;
	size_t n;
	char text[];
};

struct folder {
	struct folder *next; /* in its bucket; in a batch */
	struct folder *next_due;
	uint32_t watch;
	char *path;
	dev_t dev; /* as it was when it was listed: the path may come to mean another */
	ino_t ino;
	struct name *names, **end;
	bool self, all, over; /* to be told */
	bool due;
	unsigned lists; /* answers that name it and have not gone */
	bool known;     /* one has */
};

/* Where it stands, or would. */
struct folder **folder_slot(struct changes *c, uint32_t watch);

/* Takes it out, and ends it. */
void folder_forget(struct changes *c, struct folder *f);
void folder_free(struct folder *f); /* one of a batch */

/* It has something to tell, if it has and may; it has not. */
void folder_due(struct changes *c, struct folder *f);
void folder_not_due(struct changes *c, struct folder *f);

/* The name waits to be told of, once. Past the ceilings none does: the folder is to be asked anew. */
void folder_note(struct changes *c, struct folder *f, const char *text);
void folder_drop_names(struct changes *c, struct folder *f);

/* Nobody knows what has changed, or where. */
void folder_lost_count(struct changes *c);

/* What goes into one look, of those that have something to tell: copies. */
struct folder *folder_batch(struct changes *c);

#endif
