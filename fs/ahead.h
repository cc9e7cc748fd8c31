/*
 * What is asked for before anybody has: the listings of folders that a walk comes to next, and the
 * contents of the small files that it will open.
 *
 * A walk is seen (walk.h) when a second folder of the same parent is looked into, or a second file of
 * the same folder is opened for reading. From then on its pace is kept ahead of it: files in the order
 * in which they are opened (the listing's, or by name), on through the folders below and into those
 * beside; folders in their parent's order, and those below them once any was used.
 *
 * A file that was peeked at is opened here, without a word to the far end, when its listing and the
 * peek agree (size, times, inode), this mount has not written to it since, and the folder is known to
 * stand as it was listed: because its changes are told, or because that was moments ago. How long
 * "moments" is: five times what the answer took, from 50 ms to 1 s, about as long as an absent name is
 * believed (dircache.h). So a walk over a line that has no watches (agent.sh) is helped as much, and who
 * looks at a file after he has changed it inside by hand sees what he wrote.
 *
 * The line is its users' first: what they asked for is sent before what is asked for ahead, and of
 * that little is under way. Ceilings hold whatever the far end says: see below.
 *
 * All: fs->lock held, unless said otherwise.
 */
#ifndef SBX_FS_AHEAD_H
#define SBX_FS_AHEAD_H

#include "common/remote/remote.h"
#include "fs/walk.h"

struct box;
struct fetch;
struct fs;
struct listing;
struct node;
struct op;

#define AHEAD_FILE_MAX  (64u * 1024)        /* larger files are left to their own reader */
#define AHEAD_OUT_MAX   (1u * 1024 * 1024)  /* bytes under way, of a sandbox */
#define AHEAD_BOX_MAX   (4u * 1024 * 1024)  /* those and what is held for it */
#define AHEAD_MOUNT_MAX (16u * 1024 * 1024) /* of all sandboxes */
/* A folder whose own size says that it is large is listed when somebody wants it. */
#define AHEAD_FOLDER_MAX (256u * 1024)
/* What nobody has used for so long makes room for others, and goes by itself. */
#define AHEAD_OLD_MS       1000
#define AHEAD_KEEP_MS      20000
#define AHEAD_BATCH        64
#define AHEAD_FRESH_MIN_MS 50

/* A folder that is being gone through. */
struct walk {
	struct node *folder;
	struct trail files, folders;
	const struct listing *listing; /* what the positions are of; only to compare */
	uint32_t *by_name; /* its items in the order of their names; NULL: as they are listed */
	size_t sorted;     /* items in by_name */
	unsigned sort_tries;
	bool round;        /* in a small folder: went back to its start */
	int64_t opened_ms; /* somebody read it whole then; 0: not yet */
	bool ahead; /* listed ahead, nobody has looked in: in ahead->folders_out, with a reference */
	int64_t ahead_ms;
	struct walk *prev, *next;
};

/* A file's content, asked for or held. In ahead->peeks; holds a reference of the node. */
struct peek {
	struct node *node;
	size_t want;
	unsigned generation; /* of the node's writer when it was asked for */
	unsigned epoch;      /* of the box */
	bool ready, doubt;
	int64_t asked_ms, ready_ms;
	struct remote_reply reply; /* when ready: its own */
	struct op *waiters;
	struct peek *prev, *next, *next_to_send;
};

/* Of a sandbox. */
struct ahead {
	struct pace files, folders;
	struct peek *peeks;       /* oldest first */
	struct walk *folders_out; /* the same */
	size_t bytes;             /* asked for or held */
	size_t bytes_out;         /* of them under way */
	unsigned peeks_out, lists_out;
	int64_t file_used_ms, folder_used_ms; /* when something that was asked for ahead was used */
	bool sweeping;
};

/* What is to be sent when the lock has gone. All zero: nothing. */
struct batch {
	struct peek *peeks, **end;
	struct fetch *fetches[AHEAD_BATCH];
	unsigned fetch_count;
};

void ahead_init(struct ahead *a);

/* Sends it; behind what somebody waits for. No lock held. */
void batch_send(struct fs *fs, struct batch *b);

/* Somebody looks into the folder; missed: its listing has to be asked for. */
void ahead_into(struct node *folder, bool missed, struct batch *b);
/* Its listing came for somebody who had waited. */
void ahead_listed(struct node *folder, struct batch *b);
/* Somebody reads it from the start. */
void ahead_opened(struct node *folder);

/* A file is opened for reading, and its bytes have to be asked for. */
void ahead_missed(struct node *file, struct batch *b);

enum ahead_open { AHEAD_NONE, AHEAD_WAIT, AHEAD_HAS };
/*
 * op opens op->node for reading. AHEAD_HAS: *ret are its attributes and whole content, now the
 * caller's; *ret_want what was asked for. AHEAD_WAIT: op->step runs, without locks, when they have
 * come, or will not.
 */
enum ahead_open ahead_open(
	struct op *op, struct remote_reply *ret, size_t *ret_want, struct batch *b);

/* The file may have changed: what was peeked at is not used. */
void ahead_doubt(struct node *file);
/* The node goes. */
void ahead_forget(struct node *n);

#endif
