/*
 * A box: one sandbox as this mount knows it; a Pod, or with --local a process.
 *
 * A Pod that was replaced under the same name is another box. The old one is
 * down with -ESTALE: its nodes answer so, its finished output stays readable.
 * Lives while the tree, a node, a handle or an operation holds it; the last
 * reference hands the session to the reaper, because closing one waits.
 */
#ifndef SBX_FS_BOX_H
#define SBX_FS_BOX_H

#include "common/kube/sandbox.h"
#include "common/session/session.h"
#include "fs/ahead.h"

#include <stdatomic.h>
#include <sys/statvfs.h>
#include <uthash.h>

struct fs;
struct jobs;
struct op;

/*
 * How long what the far end said is believed: there are no change events yet. Long enough that a
 * walk over a tree is one listing for each folder, short enough that a person who changes a file
 * inside sees it outside when he looks.
 */
#define BOX_TTL_MS 2000

struct box {
	struct fs *fs;
	char *ns, *name, *key; /* key: "ns/name", as in the tree */
	char *uid, *container, *root;
	bool local;
	uint64_t hash;
	int64_t since_wall_ms;
	struct jobs *jobs; /* its runs; shared with the box that it replaced */
	atomic_uint refs;
	atomic_int down;          /* 0, or what everything returns from now on */
	atomic_bool pending;      /* it does not run yet */
	atomic_ulong ops;         /* what the kernel asked of it */
	atomic_llong answered_ms; /* when the far end last said anything */
	atomic_size_t pod_json_n;
	atomic_size_t max;            /* bytes of one read or write */
	atomic_uint calls_ahead;      /* requests under way for what nobody has asked for yet */
	atomic_bool peeks;            /* it can tell a file's content without an open */
	atomic_bool far_known;        /* those and these two are the far end's own words */
	atomic_uint far_uid, far_gid; /* whom the agent runs as */

	pthread_mutex_t session_lock;
	struct session *session; /* opened at first use */

	pthread_mutex_t why_lock; /* a leaf */
	char *why_not;            /* "" or why it does not run */
	char *failed;             /* "" or why the last connection failed */

	/* fs->lock */
	char *pod_json; /* pretty, with a newline; NULL for local ones */
	char *container_id;
	bool running;
	bool listed;           /* used by a relisting tree */
	struct dir *watched;   /* by the number under which their changes are told */
	atomic_uint tellings;  /* how often changes were told; begins at 1 */
	uint64_t watches_from; /* lower numbers are of a stream that is over */
	unsigned epoch;        /* what was learnt before it changed is in doubt */
	size_t unacked;        /* bytes of writes on their way */
	struct op *write_waiters;
	struct make *makes;      /* files that are being made, oldest first: making.c's */
	struct op *make_waiters; /* for them */
	uint64_t last_make;
	bool set_waits; /* new attributes were refused once: no more is answered ahead */
	struct ahead ahead;
	struct links *links; /* files with several names */
	unsigned links_told; /* grows when the kernel is told of some: learn_other_names */
	struct statvfs statfs;
	int64_t statfs_ms;
	UT_hash_handle hh;
};

/* Copies everything. ns may be "" (local). */
struct box *box_new(struct fs *fs, const char *ns, const char *name, const char *uid,
	const char *container, const char *root, bool local);
struct box *box_ref(struct box *b);
void box_unref(struct box *b); /* any lock may be held */

/* Opens the session if there is none yet. Never blocks on the network. */
int box_session(struct box *b, struct session **ret);

/* Fails everything, now and later, with rc (-ESTALE, -ENOTCONN); 0 lifts it. Not with fs->lock. */
void box_set_down(struct box *b, int rc);

/*
 * 0: it is connected; -EINPROGRESS: that is to be tried; else why nothing can be run in it: -ESTALE,
 * -ENOTCONN, -EAGAIN (it does not run yet), or why the last connection failed.
 */
int box_can_run(struct box *b);

/* When something can be run in it, or cannot, that is known and step runs with it. No lock held. */
void box_ready(struct op *op, void (*step)(struct op *op, int rc));

/* Why that is, for a person; appends nothing when there is nothing to say. fs->lock not needed. */
void box_why_not(struct box *b, struct buf *ret);

/* Bytes of one read or write, as the far end wants them; box_learn_far asks the session again. */
size_t box_max(const struct box *b);
void box_learn_far(struct box *b); /* no lock held */
/* How many requests that nobody waits for may be under way, of each kind; 0: not known yet. */
unsigned box_calls_ahead(const struct box *b);

/*
 * Owners as shown here, and as meant there: the agent's own are the mounting user's (not root's); with
 * -o uid=, gid= all are that one's.
 */
uint32_t box_show_uid(struct box *b, uint32_t uid);
uint32_t box_show_gid(struct box *b, uint32_t gid);
uint32_t box_take_uid(struct box *b, uint32_t uid);
uint32_t box_take_gid(struct box *b, uint32_t gid);

/* What uid and gid make in it is theirs, also when the agent is another: rq says so. */
void box_own(struct box *b, uint32_t uid, uint32_t gid, struct remote_request *rq);

uint64_t box_hash(const struct box *b);

/* All sessions are closed side by side; what takes longer than timeout_ms is left. */
void box_close_session(struct box *b, int timeout_ms);

#endif
