/*
 * The standard input of a run as a file that is written: by credit.
 *
 * A write waits until the run takes at least a part of it; the rest is the
 * writer's again, as with any pipe. Nothing is kept here but the bytes of
 * writes that wait. The last close of those who have it open is its end.
 */
#ifndef SBX_FS_INPUT_H
#define SBX_FS_INPUT_H

#include "fs/op.h"

#define INPUT_WRITE_MAX (64u * 1024) /* of one write; a larger one is a partial one */

/* Where the bytes go. Any thread, no lock held. */
struct input_ops {
	bool (*ready)(void *arg); /* NULL: always. When it becomes so: input_more of 0 */
	int (*send)(void *arg, const char *bytes, size_t n); /* within the credit */
	void (*eof)(void *arg);
};

/* One open file on it. Lives in the handle. */
struct input_writer {
	struct fuse_pollhandle *poll;
	struct input_writer *prev, *next;
};

struct input {
	const struct input_ops *ops;
	void *arg;

	pthread_mutex_t lock; /* all below */
	size_t credit;        /* bytes that the run takes now */
	bool ended;           /* nothing more is taken: EPIPE, POLLERR */
	struct op *waits;     /* op->owner: the input; op->name: the bytes */
	struct input_writer *writers;
};

void input_init(struct input *in, const struct input_ops *ops, void *arg);
void input_fini(struct input *in);

void input_open(struct input *in, struct input_writer *w);
void input_close(struct input *in, struct input_writer *w); /* the last one is end of file */

/*
 * Answers op now or when there is room; copies what it keeps. nonblock: -EAGAIN instead of
 * waiting. -EPIPE when the run is over or its input was ended.
 */
void input_write(struct input *in, struct op *op, const char *bytes, bool nonblock);

/* POLLOUT when a write would not wait, POLLERR as well when it would be EPIPE. ph (taken, may be
 * NULL) is told when that changes. */
unsigned input_poll(struct input *in, struct input_writer *w, struct fuse_pollhandle *ph);

bool input_ended(struct input *in);

void input_lost(struct input *in); /* its line was: the credit begins anew */

/* From the run. */
void input_more(struct fs *fs, struct input *in, size_t n); /* n more bytes are welcome */
void input_end(struct fs *fs, struct input *in);            /* it is over */
/* End of file, said once. False: it had been. */
bool input_eof(struct fs *fs, struct input *in);

#endif
