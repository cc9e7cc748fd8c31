#include "common/remote/agent/static/feed.h"

#include "common/remote/agent/static/agent.h"

static void on_room(void *arg, uint32_t events)
{
	feed_go(arg);
}

void feed_init(struct feed *f, struct task *t, size_t credit, void (*at_end)(struct task *t))
{
	*f = (struct feed){ .watch = { .fd = -1, .ready = on_room, .arg = f },
		.task = t,
		.credit = credit,
		.at_end = at_end };
	buf_init(&f->queue, credit + 2);
}

void feed_fini(struct feed *f)
{
	feed_close(f);
	buf_fini(&f->queue);
}

void feed_close(struct feed *f)
{
	f->on = false;
	watch_close(f->task->agent->loop, &f->watch);
	buf_reset(&f->queue);
}

/* What has gone is welcome again, in portions. */
static void grant(struct feed *f)
{
	bool little = f->eaten < f->credit / (f->sparing ? 4 : 2);

	if (!f->eaten || (little && (f->queue.len || f->sparing)))
		return;
	task_say_input(f->task, f->eaten);
	f->eaten = 0;
}

void feed_go(struct feed *f)
{
	ssize_t n = 0;

	while (f->on && !f->held && (f->queue.len || f->ending)) {
		if (!f->queue.len) {
			f->ending = false;
			f->at_end(f->task);
			continue;
		}
		if (f->open && f->watch.fd < 0)
			f->watch.fd = f->open(f->task);
		n = write(f->watch.fd, f->queue.data, f->queue.len);
		if (n <= 0)
			break;
		f->last = f->queue.data[n - 1];
		f->eaten += (uint64_t)n;
		buf_drop(&f->queue, (size_t)n);
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		feed_close(f);
		task_say_input(f->task, 0);
		return;
	}
	if (f->open && !f->queue.len)
		watch_close(f->task->agent->loop, &f->watch);
	watch_set(f->task->agent->loop, &f->watch, f->queue.len && !f->held ? EPOLLOUT : 0);
	grant(f);
}

void feed_put(struct feed *f, const char *bytes, size_t n)
{
	if (!f->on || f->ending || f->queue.len > f->credit || n > f->credit - f->queue.len)
		return;
	buf_add(&f->queue, bytes, n);
	feed_go(f);
}

void feed_eof(struct feed *f)
{
	if (!f->on)
		return;
	f->ending = true;
	feed_go(f);
}
