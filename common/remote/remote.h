/*
 * A far end that does file operations and runs commands, over a descriptor.
 *
 * proto.h says what travels; codec.h how it is written; mux.h who waits for
 * what. Here are the calls. It has never heard of Kubernetes: the descriptor
 * may be an exec stream, a socket pair or a local process's stdin and stdout.
 *
 * A call has a completion, which runs on the reader thread of this remote
 * (with remote_direct: the network's; or on the caller's own, when it fails at once) and must not block nor make
 * a blocking call on the same remote. Each call is completed exactly once: by
 * its answer, by its deadline (-ETIMEDOUT; a late answer is dropped), or by
 * the end of the stream (-EPIPE; -EBADMSG when the peer broke the protocol;
 * -ETIMEDOUT when it fell silent). The far end's own errnos never are one of
 * these, nor ENOTCONN, ESTALE or EMSGSIZE: they become EIO.
 */
#ifndef SBX_REMOTE_REMOTE_H
#define SBX_REMOTE_REMOTE_H

#include "common/base/buf.h"
#include "common/base/duct.h"
#include "common/base/err.h"

#include <sys/stat.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

struct budget;
struct remote;

/* Attributes as checked by the codec: the type is known, set-id bits are kept (policy is fs's). */
struct attr {
	uint32_t mode; /* type and permissions */
	uint64_t dev, ino;
	uint64_t nlink;
	uint32_t uid, gid;
	uint64_t size;   /* bytes */
	uint64_t blocks; /* of 512 bytes */
	struct timespec atime, mtime, ctime;
	uint32_t rdev_major, rdev_minor;
};

struct entry {
	struct attr attr;
	char *name; /* a legal name: checked by the codec */
};

enum remote_op {
	OP_PING,
	OP_BYE,
	OP_STAT,
	OP_LIST,
	OP_READLINK,
	OP_OPEN,
	OP_FSTAT,
	OP_READ,
	OP_PEEK,
	OP_WRITE,
	OP_FSYNC,
	OP_CLOSE,
	OP_MKDIR,
	OP_MKNOD,
	OP_SYMLINK,
	OP_LINK,
	OP_RENAME,
	OP_UNLINK,
	OP_RMDIR,
	OP_SET,
	OP_FSET,
	OP_FALLOCATE,
	OP_SEEK,
	OP_COPY,
	OP_GETXATTR,
	OP_LISTXATTR,
	OP_SETXATTR,
	OP_REMOVEXATTR,
	OP_STATFS,
	OP_ENV,
	OP_RUN,
	OP_ATTACH,
	OP_KEEP,
	OP_PAST,
	OP_RUNS,
	OP_SCRIPT,
	OP_SIGNAL,
	OP_FORGET,
	OP_WHERE,
	OP_DIAL,
	OP_ZREAD, /* these: remote.c's, in place of those without a z */
	OP_ZWRITE,
	OP_ZLIST,
	OP_WATCH, /* not a request: the agent tells what changes */
	OP_COUNT
};

#define OPEN_READ   (1 << 0)
#define OPEN_WRITE  (1 << 1)
#define OPEN_APPEND (1 << 2)
#define OPEN_CREATE (1 << 3)
#define OPEN_EXCL   (1 << 4)
#define OPEN_TRUNC  (1 << 5)

#define RENAME_FLAG_NOREPLACE (1 << 0)
#define RENAME_FLAG_EXCHANGE  (1 << 1)

#define FALLOC_KEEP  (1 << 0)
#define FALLOC_PUNCH (1 << 1)
#define FALLOC_ZERO  (1 << 2)

#define XATTR_NEW   (1 << 0) /* must not be there */
#define XATTR_THERE (1 << 1) /* must be */

#define REMOTE_ID_KEEP UINT32_MAX /* set: leave it */

#define SET_SIZE (1 << 0)
#define SET_MODE (1 << 1)

/* Members of a set that leaves these as they are. */
#define SET_NO_OWNER .uid = REMOTE_ID_KEEP, .gid = REMOTE_ID_KEEP
#define SET_NO_TIMES .atime = { .tv_nsec = UTIME_OMIT }, .mtime = { .tv_nsec = UTIME_OMIT }

/* What to do. All pointers are borrowed until the send returns (it encodes at once). */
struct remote_request {
	enum remote_op op;
	const char *path;  /* absolute; symlink: where it stands */
	const char *path2; /* rename, link: the new one; symlink: its target */
	/*
	 * open: 0, or the number that it shall have, from PROTO_HANDLE_MIN on: requests on it may be sent
	 * without waiting for the answer, and are -EBADF when it fails. past, script, signal, forget: the
	 * kept run's id.
	 */
	uint64_t handle;
	uint64_t offset;
	const char *signal;        /* signal: "TERM", "KILL", ... */
	int stream;                /* past: 1 or 2 */
	uint64_t handle2, offset2; /* copy: from where */
	bool hole;                 /* seek: not data */
	const char *name;          /* of an extended attribute */
	/* read, peek, *xattr: bytes wanted; fallocate, copy: bytes; open: of its beginning, or 0; set: the new size */
	uint64_t size;
	uint32_t mode, flags; /* OPEN_*, RENAME_FLAG_*, FALLOC_*, XATTR_* */
	bool owned; /* open, mkdir, mknod, symlink: what is made shall be uid's and gid's */
	uint32_t rdev_major, rdev_minor; /* mknod: of a device */
	struct budget *
		budget; /* list: what comes counts as used until the completion has run; to its end; or NULL */
	bool watch;    /* list: tell what changes in it; no matter where that cannot be had */
	uint32_t sets; /* set, fset: SET_*, which of size and mode count */
	uint32_t uid, gid;
	struct timespec atime, mtime; /* set; tv_nsec may be UTIME_NOW or UTIME_OMIT */
	const void *data;             /* write, past, env, setxattr: the body */
	size_t n;
	/* Nobody waits for it, or another one follows at once: it may wait for that one; see mux.h. */
	bool patient;
};

/* What came back. Borrowed by the completion, owned (remote_reply_fini) after a blocking call. */
struct remote_reply {
	int rc;         /* 0 or negative errno */
	struct err err; /* the far end's sentence, escaped, when rc < 0 */
	bool has_attr;
	struct attr attr; /* stat, open, peek and all that make or change a file */
	uint64_t handle;  /* open */
	char *data; /* read, peek, script, *xattr: n valid bytes; readlink, where: the path, NUL-terminated */
	size_t n;        /* read: bytes; write, copy: bytes written */
	uint64_t offset; /* seek */
	bool has_ahead; /* open: data are its first n bytes; fewer than were wanted: all there are */
	struct entry *entries; /* list; the names are inside */
	size_t entry_count;
	uint64_t watch;    /* list: by this number its changes are told; 0: they are not */
	struct kept *kept; /* runs; ordered by id, without doubles */
	size_t kept_count;
	uint64_t statfs[7]; /* bsize blocks bfree bavail files ffree namemax */
};

/* A run that the sandbox keeps, as its agent lists it: checked by the codec. */
enum run_state {
	RUN_RUNNING,
	RUN_EXITED,
	RUN_SIGNALED,
	RUN_TIMEOUT,
	RUN_LOST,
	RUN_KEPT,
	RUN_CLOSED
};

struct kept {
	uint32_t id; /* 1 to PROTO_KEPT_ID_MAX */
	enum run_state state;
	int code; /* exit status, or the signal */
	int pid;
	int64_t started_s;   /* since 1970 */
	int64_t took_ms;     /* so far, while it runs */
	uint64_t out[2];     /* bytes kept of each output */
	uint64_t start[2];   /* what is before is not in the sandbox */
	uint64_t dropped[2]; /* bytes beyond the ceiling */
	bool terminal;
	uint64_t script_n; /* of the whole */
	char *script; /* its beginning, escaped for a terminal, NUL-terminated; in the reply's memory */
};

void remote_reply_fini(struct remote_reply *reply);
/* Moves what from owns to the caller, so that a completion can keep a listing. */
void remote_reply_move(struct remote_reply *ret, struct remote_reply *from);

typedef void remote_done(void *arg, struct remote_reply *reply);

/* What the far end said of itself. Strings live as long as the remote. */
struct remote_info {
	const char *kind; /* "sh" or "static" */
	uint64_t max;     /* bytes of one read or body */
	uint32_t calls;   /* requests in flight that it wants at most */
	uint32_t uid, gid;
	bool ops[OP_COUNT];
	const char *cwd;
	bool terminals;  /* runs can have one */
	uint32_t kept;   /* the highest id of a kept run when it was said */
	const char *why; /* "" or what is missing */
};

/*
 * Speaks with an agent that has been started on fd (hello.h starts one and waits for its hello).
 * Takes fd, also on failure. Starts the reader thread. Blocks for the hello until deadline_ms.
 * -ETIMEDOUT, -EPIPE, -EBADMSG; -EPROTONOSUPPORT another version.
 */
int remote_open(int fd, int64_t deadline_ms, struct remote **ret, struct err *err);

/*
 * bye, its acknowledgement (at most timeout_ms; 0: without), then the end; completes all calls left
 * with -EPIPE. Not from a completion. No other thread may be inside a call on r any more.
 */
void remote_close(struct remote *r, int timeout_ms);

/* Any thread. Wakes everybody with -EPIPE; the struct stays until remote_close. */
void remote_kill(struct remote *r);

/*
 * The polite half of remote_close: bye and its acknowledgement (at most timeout_ms; 0 says none), then
 * the end: all that was asked for has been completed when it returns, and nothing is called back any
 * more. Not from a completion. The struct stays until remote_close, which is for the same thread.
 */
void remote_bye(struct remote *r, int timeout_ms);
/* How long the peer may be silent: PROTO_PING_MS and PROTO_SILENCE_MS, unless told otherwise. */
void remote_heartbeat(struct remote *r, int ping_ms, int silence_ms);
/*
 * It has left a ping unanswered for so long, and everything since. What is asked now is likely to wait as
 * long for nothing; it may still answer, until the heartbeat gives it up.
 */
bool remote_silent(struct remote *r, int64_t for_ms);

/*
 * At once after remote_open: bytes go through d (duct.h), which is taken; the descriptor tells the end
 * alone. Completions then run on the thread that receives.
 */
void remote_direct(struct remote *r, struct duct *d);

/* Bytes that went and came, and in how many pieces; added to by any thread. */
struct remote_traffic {
	atomic_ullong out, in;
	atomic_ulong messages_out, messages_in;
};

/* At once after remote_open: what goes and comes from now on is added to t, which must outlive r. */
void remote_count(struct remote *r, struct remote_traffic *t);

const struct remote_info *remote_info(const struct remote *r);

/* 0 while alive, else what every call returns. */
int remote_dead(struct remote *r);

/*
 * Called once, on the reader thread, when the stream has died, after all calls were completed; at
 * once and on the caller's thread when that is past already. Not called by remote_close. fn may
 * not close the remote. NULL: nobody is to be told any more.
 */
void remote_on_death(struct remote *r, void (*fn)(void *arg, int rc), void *arg);

/* What an agent tells of a folder that was listed with watch: proto.h, "What changes". */
enum change_kind {
	CHANGE_THERE, /* entry: the name has these attributes now; no name: the folder itself */
	CHANGE_GONE,  /* entry.name is not there now */
	CHANGE_ALL,   /* anything may have happened */
	CHANGE_OVER,  /* likewise, and it is not watched any more */
	CHANGE_LOST   /* session's: the stream is over, and with it the watch */
};

struct change {
	enum change_kind kind;
	struct entry entry; /* checked by the codec */
};

/*
 * Called for all that one message tells of a watch (0: of every one; ALL or LOST alone), on the reader
 * thread, in order, behind the answer that gave the watch. It may do what a completion may; all is
 * borrowed.
 */
typedef void remote_changed(void *arg, uint64_t watch, const struct change *changes, size_t count);

/* From now on; before the first list with watch. NULL: nobody is to be told any more. */
void remote_on_change(struct remote *r, remote_changed *fn, void *arg);

/* Any thread, never blocks: no more is to be told of it. It may be lost with the stream. */
void remote_unwatch(struct remote *r, uint64_t watch);

/*
 * Sends; done is called exactly once. Any thread; never blocks: what the stream does not take at
 * once is queued, to a ceiling (REMOTE_QUEUE_MAX), past which the call completes with -ENOBUFS.
 * Refused on this side: -ENOSYS when the hello does not have the op, -EMSGSIZE a read or body over
 * info's max or a listing over the codec's ceilings, -ENAMETOOLONG, -EINVAL (env, run, attach and
 * keep too: they belong to remote_run and run_keep).
 */
#define REMOTE_QUEUE_MAX (64 * 1024 * 1024)
void remote_send(struct remote *r, const struct remote_request *rq, int64_t deadline_ms,
	remote_done *done, void *arg);

/* The blocking form: for the plugin and for tests. ret is filled also on failure; returns ret->rc. */
int remote_call(struct remote *r, const struct remote_request *rq, int64_t deadline_ms,
	struct remote_reply *ret);

/* --- runs --------------------------------------------------------------- */

struct run_end {
	enum run_state
		state; /* RUN_KEPT: it goes on without this stream, as kept_id; RUN_CLOSED: dialed */
	int code;      /* exit status 0-255, or the signal */
	uint64_t out,
		err_bytes; /* bytes of each output since its beginning: checked against what arrived.
			      RUN_CLOSED: out came, err_bytes went */
	uint64_t dropped[2]; /* of a kept run: bytes that the sandbox did not keep */
	uint32_t kept_id;    /* of a kept one, also when the stream was lost; else 0 */
	int rc;              /* 0; why it is lost or could not start (negative errno) */
	bool refused;        /* so said who knows it: the sandbox, or a session that is closing */
	struct err err;
};

/* The exit status a shell would show: code, 128+signal, 124 for a timeout; -1 when lost or kept. */
int run_end_status(const struct run_end *end);

#define RUN_WANTS_OUT (1 << 0)
#define RUN_WANTS_ERR (1 << 1)

#define RUN_SIZE_MAX 65535 /* columns or rows of a terminal */

/* A script; with attach, a kept run to go on with; with port, a connection. */
struct run_spec {
	const char *script; /* bytes, not NUL-terminated; at most PROTO_SCRIPT_MAX (-EFBIG) */
	size_t n;
	const char *cwd;  /* NULL: the container's */
	const char *user; /* NULL: the agent's own; a name or a number there, 255 bytes at most */
	const char *const *env;    /* NAME=VALUE..., NULL-ended, or NULL */
	int timeout_ms;            /* 0: none */
	int64_t start_deadline_ms; /* by then it has started or failed; 0: after a minute */
	uint32_t window;           /* bytes of each output ahead of run_more */
	bool wants_stdin;
	bool terminal; /* -ENOTTY where the agent has none */
	uint32_t keep; /* 0, or the id that is wanted: it outlives the stream */

	/* 0, or the id; then window, wants_stdin, start_deadline_ms and what follows count alone. */
	uint32_t attach;
	uint64_t from[2]; /* the first byte wanted of each output */
	unsigned wants;   /* RUN_WANTS_*; what is not wanted does not come, nor count */

	/*
	 * 0, or a TCP port there to connect to; then host, window and start_deadline_ms alone count.
	 * started() is told 4 or 6; what comes is output 1, and no bytes of output 2 say that it was all;
	 * run_eof ends this side's way alone; run_kill breaks it off. It ends RUN_CLOSED, or RUN_LOST with
	 * -ECONNREFUSED and the like, -ECONNRESET, -ECANCELED (run_kill), -EMFILE.
	 */
	uint16_t port;
	const char *host; /* a numeric address; NULL: 127.0.0.1, else ::1 */
};

/* All called on the reader thread; none may block. The bytes are borrowed. */
struct run_ops {
	void (*started)(void *arg, int pid, uint32_t kept_id);              /* 0: it is not kept */
	void (*output)(void *arg, int stream, const void *bytes, size_t n); /* stream 1 or 2 */
	void (*input)(
		void *arg, size_t n); /* n more bytes may be given to run_input; 0: never again */
	/* run_keep's answer. 0: RUN_KEPT comes; -ETIMEDOUT: it may. Not when the run has ended before. */
	void (*keep)(void *arg, int rc, const struct err *err);
	void (*ended)(void *arg, const struct run_end *end); /* last, exactly once */
};

struct run;

/*
 * Starts; ended tells also a start that failed (-EFBIG, -E2BIG for env, -EOPNOTSUPP a name in env, -EINVAL, -ENOSYS, -ENOTTY,
 * -ENOENT no such kept run, and those of remote_send) and then runs within this call. ret is filled
 * before any callback. The caller holds one reference; letting it go stops no callbacks. Never blocks.
 * The run_ calls below are for any thread, and safe after the run's end and after remote_close.
 */
void remote_run(struct remote *r, const struct run_spec *spec, const struct run_ops *ops, void *arg,
	struct run **ret);
/* Bytes for standard input, at most what input() gave: -ENOBUFS past that, -EPIPE when it has ended. */
int run_input(struct run *run, const void *bytes, size_t n);
int run_eof(struct run *run);                        /* 0 also when it has ended */
int run_more(struct run *run, int stream, size_t n); /* n bytes of it were consumed; 0 as above */
/* "TERM", "KILL", "INT", ...; kept until the run has started. -EINVAL; -ESRCH when it has ended. */
int run_kill(struct run *run, const char *sig);
/* From now on; 0: none. Remembered as above. -EINVAL, -ESRCH. */
int run_timeout(struct run *run, int ms);
/* Of its terminal; the newest is remembered as above. -EINVAL, -ESRCH; -ENOTTY it has none. */
int run_resize(struct run *run, unsigned cols, unsigned rows);
/*
 * It shall outlive the stream, under that id or the next free one above; keep() tells whether it will.
 * -ESRCH not started or ended; -EALREADY it is kept, or that was asked for; -EINVAL; -ENOSYS.
 */
int run_keep(struct run *run, uint32_t id);
/*
 * A kept run (attach or keep in the spec) is no longer wanted here: ended() tells RUN_KEPT, or its
 * end. Remembered as above; 0 also when it has ended; -EINVAL for one that is not kept.
 */
int run_leave(struct run *run);
void run_unref(struct run *run);

#endif
