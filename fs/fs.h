/*
 * One mount: what its parts share.
 *
 * Locks, in the order in which they may be nested: fs->lock, then a stream's,
 * then those of notify.c and op.c, which are leaves. fs->lock guards every
 * table (nodes, listings, handles, writers, readers, boxes); nothing is sent,
 * replied or read from disk while it is held. A session's send may complete
 * on the spot and on this very thread, so it is never called with a lock.
 */
#ifndef SBX_FS_FS_H
#define SBX_FS_FS_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "common/base/budget.h"
#include "common/session/gate.h"
#include "fs/node.h"
#include "fs/options.h"
#include "fs/pool.h"
#include "fs/tree.h"

#include <stdatomic.h>

/* Seconds. What the daemon answers from memory costs little, so the kernel may ask often. */
#define KERNEL_TTL_S 1.0

/* Sandboxes that are being connected to at the same time; one that does not answer takes its place for 15 s. */
#define CONNECTS_MAX 32

struct counters {
	atomic_ulong ops, sent, answered, failed, timed_out, interrupted, lists, bytes_read,
		bytes_written, runs, peeks, peeks_used, lists_ahead, told;
	atomic_long slowest_ms;
};

struct fs {
	const struct options *opt;
	struct fuse_session *se;
	dev_t dev;         /* of the mount; 0: not known */
	atomic_bool gone;  /* the mount has left our namespace: nothing on its folder is ours */
	struct kube *kube; /* NULL with local sandboxes alone */
	struct net *net;
	struct gate gate;  /* of the sessions */
	struct keep *keep; /* says of what is shown that it is in use */
	struct notifier *notifier;
	struct op_table *ops;
	struct budget listed; /* listings: dircache.h */
	struct pool pool;     /* what all runs' outputs hold */
	int64_t started_wall_ms;
	struct oplog *oplog; /* or NULL */
	struct counters count;
	atomic_uint opens;      /* files and folders of the mount that programs have open */
	atomic_bool can_expire; /* the kernel knows notify_expire (6.2) */
	atomic_size_t
		peek_bytes;  /* held or asked for of files that nobody has opened yet; under lock */
	atomic_uint podlogs; /* open ones; their threads use kube */
	atomic_uint errands; /* manage.c's, under way */
	int cwd;             /* its, where the daemon was started; -1: not needed */

	pthread_mutex_t lock; /* all below */
	struct node_table nodes;
	struct tree tree;
	/* written under lock, read by mountfile.c without it */
	atomic_size_t listed_items; /* items in all cached listings */
	atomic_size_t ahead_bytes;  /* held or asked for by all readers; */
	size_t held_bytes;          /* under the lock: by those that hold a file whole */
};

int fs_init(struct fs *fs, const struct options *opt);
void fs_fini(struct fs *fs);

/* The one place where our inner vocabulary becomes what a program may see. Positive errno. */
int fs_errno(int rc);

const struct fuse_lowlevel_ops *fs_ops(void);

/* Appends one JSON object with the counters. */
void fs_counters(struct fs *fs, struct buf *ret);

#endif
