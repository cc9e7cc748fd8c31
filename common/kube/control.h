/*
 * What the user's threads ask of an exec stream, and what its net thread tells
 * them: requests, the end, the Status, the last of stderr. The only state of a
 * stream that two threads see. Every call may come from any thread.
 */
#ifndef SBX_KUBE_CONTROL_H
#define SBX_KUBE_CONTROL_H

#include "common/base/buf.h"

/* How a stream ended, in this machine's words; the Status is apart. */
struct stream_end {
	/*
	 * 0: the server's close, or the Status came; -EPIPE: the connection went; -ETIMEDOUT:
	 * silence; -EBADMSG: the peer broke the protocol; -ENOBUFS: the user did not read;
	 * -ECANCELED: ours
	 */
	int rc;
	char why[200]; /* escaped */
};

struct control_asked {
	bool close, eof, resize;
	uint16_t cols, rows;
};

struct control {
	pthread_mutex_t lock; /* all below */
	pthread_cond_t changed;
	struct control_asked asked;
	bool flushed, over;
	struct stream_end end;
	struct buf status; /* channel 3 */
	struct buf tail;   /* channel 2, the last EXEC_STDERR_TAIL bytes */
};

void control_init(struct control *c);
void control_fini(struct control *c);

/* --- the user --- True: the net thread must be told (net_post). */
bool control_ask_close(struct control *c); /* after what was written so far */
bool control_ask_eof(struct control *c);   /* v5; after the same */
bool control_ask_resize(struct control *c, uint16_t cols, uint16_t rows);

bool control_is_over(struct control *c);
/* Waits for the end; what came is then delivered or given up. Appends channel 3. -ETIMEDOUT. */
int control_wait(
	struct control *c, int64_t deadline_ms, struct stream_end *ret, struct buf *ret_status);
/* Waits until what was written and our close are out, or the end. -ETIMEDOUT. */
int control_wait_flushed(struct control *c, int64_t deadline_ms);
void control_stderr(struct control *c, struct buf *ret); /* as it came; appends */

/* --- the net thread --- */
struct control_asked control_asked(struct control *c);
struct control_asked control_take_asked(struct control *c); /* and resize is done with */
void control_add_stderr(struct control *c, const void *bytes, size_t n);
void control_add_status(struct control *c, const void *bytes, size_t n);
void control_flushed(struct control *c);
void control_over(struct control *c, const struct stream_end *end);

#endif
