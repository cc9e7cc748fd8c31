/*
 * A far end that does file operations and runs commands, over a descriptor.
 *
 * proto.h says what travels; codec.h how it is written; mux.h who waits for
 * what. Here are the calls. It has never heard of Kubernetes: the descriptor
 * may be an exec stream, a socket pair or a local process's stdin and stdout.
 *
 * A call has a completion, which runs on the reader thread of this remote
 * (or on the caller's own, when it fails at once) and must not block nor make
 * a blocking call on the same remote. Each call is completed exactly once: by
 * its answer, by its deadline (-ETIMEDOUT; a late answer is dropped), or by
 * the end of the stream (-EPIPE; -EBADMSG when the peer broke the protocol;
 * -ETIMEDOUT when it fell silent). The far end's own errnos never are one of
 * these, nor ENOTCONN, ESTALE or EMSGSIZE: they become EIO.
 */
#ifndef SBX_REMOTE_REMOTE_H
#define SBX_REMOTE_REMOTE_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <sys/types.h>
#include <time.h>

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
	OP_WRITE,
	OP_FSYNC,
	OP_CLOSE,
	OP_FTRUNCATE,
	OP_TRUNCATE,
	OP_MKDIR,
	OP_MKNOD,
	OP_SYMLINK,
	OP_LINK,
	OP_RENAME,
	OP_UNLINK,
	OP_RMDIR,
	OP_CHMOD,
	OP_CHOWN,
	OP_UTIMENS,
	OP_STATFS,
	OP_ENV,
	OP_RUN,
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

#define REMOTE_ID_KEEP UINT32_MAX /* chown: leave it */

/* What to do. All pointers are borrowed until the send returns (it encodes at once). */
struct remote_request {
	enum remote_op op;
	const char *path;  /* absolute; symlink: where it stands */
	const char *path2; /* rename, link: the new one; symlink: its target */
	uint64_t handle;
	uint64_t offset;
	uint64_t size;        /* read: bytes wanted; truncate: the new size */
	uint32_t mode, flags; /* OPEN_*, RENAME_FLAG_* */
	uint32_t uid, gid;
	struct timespec atime, mtime; /* utimens; tv_nsec may be UTIME_NOW or UTIME_OMIT */
	const void *data;             /* write, env: the body */
	size_t n;
};

/* What came back. Borrowed by the completion, owned (remote_reply_fini) after a blocking call. */
struct remote_reply {
	int rc;         /* 0 or negative errno */
	struct err err; /* the far end's sentence, escaped, when rc < 0 */
	bool has_attr;
	struct attr attr;      /* stat, open and all that make or change a file */
	uint64_t handle;       /* open */
	char *data;            /* read: n valid bytes; readlink: the target, NUL-terminated */
	size_t n;              /* read: bytes; write: bytes written */
	struct entry *entries; /* list; the names are inside */
	size_t entry_count;
	uint64_t statfs[7]; /* bsize blocks bfree bavail files ffree namemax */
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
 * remote_kill. Not from a completion. The struct stays until remote_close.
 */
void remote_bye(struct remote *r, int timeout_ms);
/* How long the peer may be silent: PROTO_PING_MS and PROTO_SILENCE_MS, unless told otherwise. */
void remote_heartbeat(struct remote *r, int ping_ms, int silence_ms);

const struct remote_info *remote_info(const struct remote *r);

/* 0 while alive, else what every call returns. */
int remote_dead(struct remote *r);

/*
 * Called once, on the reader thread, when the stream has died, after all calls were completed; at
 * once and on the caller's thread when that is past already. Not called by remote_close. fn may
 * not close the remote. NULL: nobody is to be told any more.
 */
void remote_on_death(struct remote *r, void (*fn)(void *arg, int rc), void *arg);

/*
 * Sends; done is called exactly once. Any thread; never blocks: what the stream does not take at
 * once is queued, to a ceiling (REMOTE_QUEUE_MAX), past which the call completes with -ENOBUFS.
 * Refused on this side: -ENOSYS when the hello does not have the op, -EMSGSIZE a read or body over
 * info's max or a listing over the codec's ceilings, -ENAMETOOLONG, -EINVAL (env and run too: they
 * belong to remote_run).
 */
#define REMOTE_QUEUE_MAX (64 * 1024 * 1024)
void remote_send(struct remote *r, const struct remote_request *rq, int64_t deadline_ms,
	remote_done *done, void *arg);

/* The blocking form: for the plugin and for tests. ret is filled also on failure; returns ret->rc. */
int remote_call(struct remote *r, const struct remote_request *rq, int64_t deadline_ms,
	struct remote_reply *ret);

/* --- runs --------------------------------------------------------------- */

enum run_state { RUN_RUNNING, RUN_EXITED, RUN_SIGNALED, RUN_TIMEOUT, RUN_LOST };

struct run_end {
	enum run_state state;
	int code;                /* exit status 0-255, or the signal */
	uint64_t out, err_bytes; /* bytes sent of each output: checked against what arrived */
	int rc;                  /* 0; why it is lost or could not start (negative errno) */
	struct err err;
};

/* The exit status a shell would show: code, 128+signal, 124 for a timeout; -1 when lost. */
int run_end_status(const struct run_end *end);

struct run_spec {
	const char *script; /* bytes, not NUL-terminated; at most PROTO_SCRIPT_MAX (-EFBIG) */
	size_t n;
	const char *cwd;        /* NULL: the container's */
	const char *const *env; /* NAME=VALUE..., NULL-ended, or NULL */
	int timeout_ms;         /* 0: none */
	uint32_t window;        /* bytes of each output ahead of run_more */
	bool wants_stdin;
};

/* All called on the reader thread; none may block. The bytes are borrowed. */
struct run_ops {
	void (*started)(void *arg, int pid);
	void (*output)(void *arg, int stream, const void *bytes, size_t n); /* stream 1 or 2 */
	void (*input)(void *arg, size_t n); /* n more bytes may be given to run_input */
	void (*ended)(void *arg, const struct run_end *end); /* last, exactly once */
};

struct run;

/*
 * Starts; ended tells also a start that failed (-EFBIG, -E2BIG for env, -EINVAL, -ENOSYS, and those of
 * remote_send) and then runs within this call. ret is filled before any callback. The caller holds
 * one reference; letting it go stops no callbacks. Never blocks. The run_ calls below are for any
 * thread, and safe after the run's end and after remote_close.
 */
void remote_run(struct remote *r, const struct run_spec *spec, const struct run_ops *ops, void *arg,
	struct run **ret);
/* Bytes for standard input, at most what input() gave: -ENOBUFS past that, -EPIPE when it has ended. */
int run_input(struct run *run, const void *bytes, size_t n);
int run_eof(struct run *run);                        /* 0 also when it has ended */
int run_more(struct run *run, int stream, size_t n); /* n bytes of it were consumed; 0 as above */
/* "TERM", "KILL", "INT", ...; kept until the run has started. -EINVAL; -ESRCH when it has ended. */
int run_kill(struct run *run, const char *sig);
void run_unref(struct run *run);

#endif
