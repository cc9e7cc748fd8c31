#include "common/kube/control.h"

#include "common/base/clock.h"
#include "common/kube/channel.h"
#include "common/kube/exec.h"

void control_init(struct control *c)
{
	memset(c, 0, sizeof *c);
	pthread_mutex_init(&c->lock, NULL);
	clock_cond_init(&c->changed);
	buf_init(&c->status, CHANNEL_STATUS_MAX);
	buf_init(&c->tail, EXEC_STDERR_TAIL);
}

void control_fini(struct control *c)
{
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	buf_fini(&c->status);
	buf_fini(&c->tail);
}

bool control_ask_close(struct control *c)
{
	scoped_lock(&c->lock);

	c->asked.close = true;
	return !c->over;
}

bool control_ask_eof(struct control *c)
{
	scoped_lock(&c->lock);

	c->asked.eof = true;
	return !c->over;
}

/* A size not yet sent is replaced, so that a storm of them is one. */
bool control_ask_resize(struct control *c, uint16_t cols, uint16_t rows)
{
	scoped_lock(&c->lock);
	bool pending = c->asked.resize;

	c->asked.cols = cols;
	c->asked.rows = rows;
	c->asked.resize = true;
	return !c->over && !pending;
}

bool control_is_over(struct control *c)
{
	scoped_lock(&c->lock);

	return c->over;
}

/* c->lock held */
static int wait_until(struct control *c, const bool *what, int64_t deadline_ms)
{
	struct timespec until = deadline_timespec(deadline_ms);

	while (!*what)
		if (pthread_cond_timedwait(&c->changed, &c->lock, &until) == ETIMEDOUT)
			return *what ? 0 : -ETIMEDOUT;
	return 0;
}

int control_wait(
	struct control *c, int64_t deadline_ms, struct stream_end *ret, struct buf *ret_status)
{
	scoped_lock(&c->lock);
	int rc = wait_until(c, &c->over, deadline_ms);

	if (rc < 0)
		return rc;
	*ret = c->end;
	buf_add(ret_status, c->status.data, c->status.len);
	return 0;
}

int control_wait_flushed(struct control *c, int64_t deadline_ms)
{
	scoped_lock(&c->lock);

	return wait_until(c, &c->flushed, deadline_ms);
}

void control_stderr(struct control *c, struct buf *ret)
{
	scoped_lock(&c->lock);

	buf_add(ret, c->tail.data, c->tail.len);
}

struct control_asked control_asked(struct control *c)
{
	scoped_lock(&c->lock);

	return c->asked;
}

struct control_asked control_take_asked(struct control *c)
{
	scoped_lock(&c->lock);
	struct control_asked asked = c->asked;

	c->asked.resize = false;
	return asked;
}

void control_add_stderr(struct control *c, const void *bytes, size_t n)
{
	scoped_lock(&c->lock);
	const char *from = bytes;

	if (n > EXEC_STDERR_TAIL) {
		from += n - EXEC_STDERR_TAIL;
		n = EXEC_STDERR_TAIL;
	}
	if (c->tail.len + n > EXEC_STDERR_TAIL)
		buf_drop(&c->tail, c->tail.len + n - EXEC_STDERR_TAIL);
	buf_add(&c->tail, from, n);
}

void control_add_status(struct control *c, const void *bytes, size_t n)
{
	scoped_lock(&c->lock);

	buf_add(&c->status, bytes, n);
}

void control_flushed(struct control *c)
{
	scoped_lock(&c->lock);

	c->flushed = true;
	pthread_cond_broadcast(&c->changed);
}

void control_over(struct control *c, const struct stream_end *end)
{
	scoped_lock(&c->lock);

	c->end = *end;
	c->flushed = c->over = true;
	pthread_cond_broadcast(&c->changed);
}
