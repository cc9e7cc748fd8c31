/* A run's standard input, over whatever line it has. */
#include "fs/jobpriv.h"

static bool ready(void *arg)
{
	struct line *l = line_of(arg);

	line_unref(l);
	return l;
}

static int send(void *arg, const char *bytes, size_t n)
{
	struct line *l = line_of(arg);
	int rc = l ? session_run_input(l->run, bytes, n) : -EIO; /* it was lost this moment */

	line_unref(l);
	return rc;
}

static void eof(void *arg)
{
	struct line *l = line_of(arg);

	if (l)
		session_run_eof(l->run); /* else it is told when it is there */
	line_unref(l);
}

const struct input_ops job_input_ops = { .ready = ready, .send = send, .eof = eof };

struct input *job_input(struct job *j)
{
	return &j->in;
}
