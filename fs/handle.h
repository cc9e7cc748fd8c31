/*
 * What an open() gave: a file or a directory in a sandbox, or one of the
 * control files.
 *
 * Lives from open to release, and beyond while writes or reads hold it; the
 * last reference closes the far end's side. fs->lock guards it.
 */
#ifndef SBX_FS_HANDLE_H
#define SBX_FS_HANDLE_H

#include "fs/node.h"
#include "fs/reader.h"

struct ctl_handle;
struct op;
struct listing;

struct handle {
	unsigned refs;
	struct node *node; /* holds a reference */
	bool in_node;      /* in node->handles: open, not yet released */
	struct handle *prev, *next;

	/* a file of the sandbox */
	bool remote_open;
	bool local; /* opened here, with its content; the far end opens it when a read needs more */
	uint64_t remote; /* the session's handle */
	bool readable, writable, append;
	bool direct; /* /proc and the like: each read is one request */
	bool whole;  /* all its content came through this mount since the open */
	int write_rc; /* first failure of what was answered ahead, given back once by what settles it, */
	bool write_told; /* and before that by a write */
	int open_rc;     /* it was answered ahead, and has failed: nothing goes on it */
	bool wrote;      /* a write of it has gone */
	bool unflushed;  /* it was made or written since the last flush; */
	pid_t tid;       /* by that thread */
	struct reader reader;

	/* a directory */
	struct listing *listing; /* of NODE_INSIDE; holds a reference */
	size_t listed; /* how many of it there were when it was read from its beginning: names may be told without end */
	int64_t listed_ms;
	unsigned pages;   /* dir_pages_open's */
	unsigned touches; /* of the node then */
	char **names;     /* of the folders above: a snapshot */
	size_t name_count;

	struct ctl_handle *ctl; /* ops_ctl.c's */
};

/* fs->lock held. One reference is the caller's. */
struct handle *handle_new(struct node *n);
void handle_ref(struct handle *h);

/* It is open from now until handle_release. */
void handle_opened(struct handle *h);
void handle_release(struct handle *h);

/* Its file was made or written to by op, through it: a flush will come. */
void handle_changed(struct handle *h, const struct op *op);
/* One that the caller of op has changed and not flushed yet; NULL. */
struct handle *handle_changed_by(struct node *n, const struct op *op);

/* Takes NULL. fs->lock not held: the last one sends the close. */
void handle_unref_unlocked(struct fs *fs, struct handle *h);

/* Any open file of the node that fstat may be asked of; NULL. */
struct handle *handle_any(struct node *n);

#endif
