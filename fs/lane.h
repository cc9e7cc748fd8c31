/*
 * What is on its way to one file, in order: writes, and whatever must take effect behind them.
 *
 * The far end does what it is asked on one handle in the order in which it was sent (proto.h), so
 * a parcel goes as soon as it is there. Only where two handles of the file meet, and one of them
 * changes what the other touches, does the later one wait for the answer of the earlier one. One
 * thread at a time sends, so that what stands first goes first.
 *
 * fs->lock held, unless said otherwise.
 */
#ifndef SBX_FS_LANE_H
#define SBX_FS_LANE_H

#include "fs/node.h"

struct make;
struct op;
struct parcel;

/* An answer has come. No lock held; the reply is borrowed. */
typedef void parcel_back(struct parcel *p, struct remote_reply *reply);

struct parcel {
	const char *what;         /* for traces; static */
	struct handle *h;         /* on which it is asked; holds a reference */
	struct remote_request rq; /* its handle and data are filled in when it goes */
	char *path;               /* of an open; its own */
	struct make *make;        /* of that: making.c's */
	char *data;               /* of a write; its own */
	bool append;              /* a write at the end, wherever that is */
	bool changes;             /* the file, or its attributes */
	unsigned generation;      /* of the writer, this one included */
	struct op *op;            /* which waits for it, back()'s to let go; or NULL */
	parcel_back *back;

	/* the lane's */
	uint64_t serial;
	bool sent, answered;
	struct parcel *prev, *next;
};

struct lane {
	struct parcel *all;    /* the answers are still to come, or being looked at; oldest first */
	struct parcel *unsent; /* the first; all behind it are, too */
	unsigned changes;      /* of all: change, and are not answered */
	uint64_t last;         /* serial that was given */
	uint64_t hurry;        /* up to here nothing waits for company */
	int64_t sent_ms;       /* when a write last went */
	bool sending;          /* a thread is at it */
	bool timed;            /* somebody will look again */
};

/*
 * A small write waits so long for more after another one has gone, but no longer. So does the first of
 * a handle: mostly it is the only one, and goes with what its flush asks.
 */
#define LANE_WAIT_MS 2
#define LANE_SMALL   4096
#define LANE_FIRST   (32u * 1024)

/* Behind all there is; lane_push is due. Takes a new reference of h. The caller fills in the rest. */
struct parcel *lane_add(struct lane *l, struct handle *h, enum remote_op what, parcel_back *back);

/* What is being written now may be merged into it: a last write that has not gone. NULL: none. */
struct parcel *lane_open_end(struct lane *l);

/*
 * Sends what may go. hurry: also a small last write. No lock held. Each parcel ends in writer_gone_through,
 * after its back().
 */
void lane_push(struct fs *fs, struct node *n, bool hurry);

/* Out of the lane; then freed, without the lock. */
void lane_remove(struct lane *l, struct parcel *p);
void parcel_free(struct fs *fs, struct parcel *p);

#endif
