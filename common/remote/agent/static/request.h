/*
 * Requests as they come on standard input: a line, its arguments by the op's pattern, a body.
 *
 * A count or a line that cannot be believed leaves no way to find the next request: that is the
 * end of the stream.
 */
#ifndef SBX_AGENT_REQUEST_H
#define SBX_AGENT_REQUEST_H

#include "common/remote/agent/static/job.h"

#define REQUEST_READ (128 * 1024)

struct op;

struct input {
	struct watch watch;
	char *bytes; /* REQUEST_READ: what was read and not yet taken */
	size_t len, at;
	struct job *job; /* whose body is coming, or NULL */
	const struct op *op;
	size_t got; /* of its body */
	bool bye, ended;
};

void input_init(struct agent *a, int fd);
void input_fini(struct agent *a);
/* Reads on, or not for now. */
void input_wants(struct agent *a, bool more);

/* The names of all ops with commas between, for the hello. */
void request_ops(struct buf *ret);

#endif
