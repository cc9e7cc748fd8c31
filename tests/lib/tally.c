#include "tests/lib/tally.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"

struct remote *open_on(int fd)
{
	struct remote *r = NULL;
	struct err err = { "" };
	int rc = remote_open(fd, deadline_after(LONG_MS), &r, &err);

	if (rc < 0)
		fail_msg("remote_open: %s: %s", errno_name(rc), err.text);
	return r;
}

struct remote *open_to(struct peer *p, serve_fn *serve, void *arg)
{
	return open_on(peer_open(p, PEER_HELLO, serve, arg));
}

void end(struct remote *r, struct peer *p)
{
	remote_close(r, 0);
	peer_close(p);
}

int stat_in(struct remote *r, const char *path, int timeout_ms)
{
	struct remote_request rq = { .op = OP_STAT, .path = path };
	struct remote_reply reply;
	int rc = remote_call(r, &rq, deadline_after(timeout_ms), &reply);

	remote_reply_fini(&reply);
	return rc;
}

void tally_end(void *arg, struct remote_reply *reply)
{
	struct tally *t = arg;

	t->rc = reply->rc;
	t->by_rc[-reply->rc]++;
	sem_post(&t->ended);
}

void tally_init(struct tally *t)
{
	memset(t, 0, sizeof(*t));
	sem_init(&t->ended, 0, 0);
}

void tally_wait(struct tally *t, int n)
{
	for (int i = 0; i < n; i++) {
		while (sem_wait(&t->ended) < 0)
			;
	}
}

void serve_nothing(struct peer *p, const struct peer_line *line)
{
}
