/*
 * The open files of a session, and which of its two streams carries what of each.
 *
 * A file begins on the first stream. When much of it has been read or written, in large pieces,
 * the bulk stream's agent opens it, too, and from then on it carries the pieces. How: the first agent says where
 * (`where`: /proc/PID/fd/N), so it is the same inode also when it was renamed, unlinked or replaced
 * since; that is checked by the attributes that both opens gave, and what cannot be opened so
 * (no /proc, a mode that this user may not open again) stays on the first stream. (The other way, a socket between the two
 * agents and SCM_RIGHTS, would need no rights a second time; but an abstract socket is open to the
 * whole network namespace, all of the node with hostNetwork, and so needs a secret and a
 * protocol of its own.)
 *
 * Order (proto.h): requests on one handle take effect as they were sent. Two streams know nothing of each
 * other, so of a file that is open for writing everything goes on the bulk stream once it has it, and what
 * could tell the difference waits until the first stream has answered: all but writes that
 * overlap nothing that is out there. Of one open for reading only, large reads go on the bulk
 * stream and all else on the first; a small read never stands behind a large one.
 *
 * When the bulk stream is lost its files go on on the first one: reads that were out are asked again there. But a
 * change that was out (a write, a new size) may still be done by an agent that has not noticed yet: that request is
 * -EIO, and everything on that file -ESTALE from then on, as after the loss of the first stream. A change that was given up at its
 * deadline counts the same.
 */
#ifndef SBX_SESSION_FILE_H
#define SBX_SESSION_FILE_H

#include "common/session/link.h"

struct call;
struct file;
struct asking;

#define FILE_MOVES_AT    (1024 * 1024)     /* bytes, when they were in pieces of */
#define FILE_MOVES_PIECE (64 * 1024)       /* this at least, on the average */
#define FILE_LARGE       (4 * 1024 * 1024) /* opened for reading: a bulk stream will be wanted */

/* Where a request goes, and what is to be done once it was sent (file_sent). */
struct route {
	uint64_t handle;  /* the agent's on c->link, which is referenced */
	uint64_t handle2; /* copy: likewise */
	struct asking *ask;
	struct link *close; /* a close goes on both streams */
	uint64_t close_handle;
};

/*
 * A request that uses a handle is to go, on l or on the bulk stream of its epoch. 0; -EINPROGRESS: c was
 * taken, it goes by itself; -ESTALE.
 */
int file_route(struct call *c, struct link *l, struct route *ret);
void file_sent(struct route *r);

/* c was answered, on c->link; dead: by its end. True: it may be sent once more. */
bool file_answered(struct call *c, int rc, bool dead);

/* An open was answered. handle: the session's. */
void file_opened(struct call *c, uint64_t handle, const struct attr *attr);

/*
 * session->lock held: the stream on which they were opened is gone. What was held back, for
 * file_fail_all (no lock).
 */
struct waiter *files_drop(struct session *s);
void file_fail_all(struct waiter *held);

#endif
