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

#include <stdatomic.h>
#include <sys/statvfs.h>
#include <uthash.h>

struct fs;
struct jobs;

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
	atomic_llong answered_ms; /* when the far end last said anything */
	atomic_size_t pod_json_n;
	atomic_size_t max;            /* bytes of one read or write */
	atomic_bool far_known;        /* max and these two are the far end's own words */
	atomic_uint far_uid, far_gid; /* whom the agent runs as */

	pthread_mutex_t session_lock;
	struct session *session; /* opened at first use */

	/* fs->lock */
	char *pod_json; /* pretty, with a newline; NULL for local ones */
	char *container_id;
	bool running;
	char *why_not;  /* "" or why it does not run */
	bool listed;    /* used by a relisting tree */
	unsigned epoch; /* what was learnt before it changed is in doubt */
	size_t unacked; /* bytes of writes on their way */
	struct op *write_waiters;
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

/* 0: something can be run in it; -ESTALE, -ENOTCONN, or why the last connection failed. */
int box_can_run(struct box *b);

/* Bytes of one read or write, as the far end wants them; box_learn_far asks the session again. */
size_t box_max(const struct box *b);
void box_learn_far(struct box *b); /* no lock held */

/* Owners as shown here, and as meant there: the agent's own are the mounting user's (not root's).
 */
uint32_t box_show_uid(struct box *b, uint32_t uid);
uint32_t box_show_gid(struct box *b, uint32_t gid);
uint32_t box_take_uid(struct box *b, uint32_t uid);
uint32_t box_take_gid(struct box *b, uint32_t gid);

uint64_t box_hash(const struct box *b);

/* All sessions are closed side by side; what takes longer than timeout_ms is left. */
void box_close_session(struct box *b, int timeout_ms);

#endif
