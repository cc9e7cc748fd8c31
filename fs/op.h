/*
 * One request of the kernel's that is not answered yet.
 *
 * Every handler makes an op, and every op is answered exactly once: by its
 * completion, or before that with EINTR, when the caller was signalled and
 * there is no saying how long the answer will take. Whoever claims it first
 * replies; the completion still comes, updates the tables, and lets it go.
 *
 * An op with req NULL is work of our own (closing a handle): same rules, no
 * answer.
 */
#ifndef SBX_FS_OP_H
#define SBX_FS_OP_H

#include "fs/fs.h"

struct handle;

/* A line that says nothing for so long is stalled: a signal then ends what waits for it. */
#define OP_STALL_MS 1000

struct op;
typedef void op_done(struct op *op, struct remote_reply *reply);
typedef void op_step(struct op *op, int rc);

struct op {
	struct fs *fs;
	fuse_req_t req;
	const char *what;
	int64_t since_ms;
	int64_t since_us, ended_us; /* for the operation log; 0: not answered, or there is none */
	int said;                   /* to the program: 0 or a positive errno */
	size_t bytes;               /* that it read or wrote */
	pid_t tid;                  /* the thread that asks; 0: nobody's request */
	uid_t uid;                  /* and whose it is */
	gid_t gid;
	atomic_uint refs;

	/* op_table->lock */
	bool claimed, armed, blocking, interrupted;
	bool dying; /* by a signal that ends the process */
	bool taken; /* a write whose bytes are ours: a signal answers "written", never EINTR */
	UT_hash_handle hh;

	/* the op's owner; references are let go with it */
	struct box *box;
	struct node *node, *other;
	struct handle *h, *h2;
	char *name, *name2;
	struct fuse_file_info fi;
	struct stat stat;
	struct fuse_entry_param entry; /* of what was made; looked up */
	struct node *made;
	uint64_t offset, offset2, length;
	size_t size;
	int to_set;
	uint32_t mode, flags;
	dev_t rdev;
	uint32_t tellings; /* of the box when it was sent */
	unsigned epoch;    /* of the box when it was sent */
	int rc;            /* first failure of a chain of steps */
	op_done *done;
	op_step *step;                 /* what goes on after a wait for something on this side */
	op_step *after_drain;          /* ops.c's */
	bool by_path;                  /* getattr: not over the handle */
	void *reader;                  /* output.c's; in op->h */
	uint64_t *advance;             /* what an output's read adds to; in op->h */
	bool gave_up;                  /* fs->lock: interrupted while it drained */
	void (*cancel)(struct op *op); /* it was interrupted: take it out of where it waits */
	void *owner, *where;           /* for cancel; where is NULL when it waits no more */
	uint64_t target;               /* what it waits for; see writer.h */
	bool drain_all;                /* not for changes alone */
	void *held;                    /* what it waits in lives as long as it: op_hold */
	void (*let_go)(void *held);
	int64_t sent_ms;
	struct op *prev, *next; /* the list in which it waits */
};

struct op_table;
int op_table_open(struct op_table **ret);
void op_table_close(struct op_table *t);
void op_table_tick(struct op_table *t); /* notifier: ends what was interrupted and stalls */

/* fi may be NULL. No lock may be held. node 0: none. Takes references of node, its box and fi's
 * handle. */
struct op *op_new(struct fs *fs, fuse_req_t req, const char *what, uint64_t node,
	const struct fuse_file_info *fi);
/* The same of our own, for a node at hand. fs->lock held. */
struct op *op_new_locked(struct fs *fs, const char *what, struct node *n);
struct op *op_ref(struct op *op);
void op_unref(struct op *op); /* no lock may be held */

/* Once: held stays until the op is freed, then let_go, with no lock held. Takes that reference. */
void op_hold(struct op *op, void *held, void (*let_go)(void *held));

/* True once, for the one who replies. */
bool op_claim(struct op *op);

/* What the one who replies has said, for the log; rc 0 or negative. Without it: 0 and no bytes. */
void op_said(struct op *op, int rc, size_t bytes);

/*
 * From now on a signal ends it: at once if it is blocking (waits for a person or a program) or the
 * signal ends the process, else when the line stalls. False: it has been signalled already, and is blocking: answer -EINTR.
 */
bool op_arm(struct op *op, bool blocking);
/* Blocking. It waits in a list that its cancel takes it from: where it has been signalled already, both are done here. */
void op_arm_waiting(struct op *op);

/* Takes that back, to go on with it. False: it has been answered meanwhile. */
bool op_disarm(struct op *op);

/* Sends; done runs on a reader thread, or here. No lock may be held. */
void op_send(struct op *op, const struct remote_request *rq, op_done *done);

/* Runs each op's step with rc; takes the list. No lock may be held. */
void op_resume_all(struct op *list, int rc);

/* Answers, if nobody has, and lets go. rc: 0 or negative. No lock may be held. */
void op_reply_err(struct op *op, int rc);
void op_reply_attr(struct op *op, const struct stat *st, double timeout_s);
void op_reply_buf(struct op *op, const void *bytes, size_t n);
void op_reply_iov(struct op *op, const struct iovec *iov, int count);
void op_reply_write(struct op *op, size_t n);
void op_reply_xattr(struct op *op, size_t n);
void op_reply_seek(struct op *op, uint64_t offset);
void op_reply_poll(struct op *op, unsigned revents);
void op_reply_statfs(struct op *op, const struct statvfs *st);
void op_reply_readlink(struct op *op, const char *target);
/* The node was looked up for it (node_looked_up); if the kernel does not take the answer, that is
 * undone. */
void op_reply_entry(struct op *op, struct node *n, const struct fuse_entry_param *e);
bool op_reply_create(struct op *op, struct node *n, const struct fuse_entry_param *e);
/* False: the kernel did not take it, release will not come. The op is let go in any case. */
bool op_reply_open(struct op *op);

#endif
