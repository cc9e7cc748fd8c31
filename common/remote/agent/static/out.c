#include "common/remote/agent/static/out.h"

#include "common/base/clock.h"

#include <fcntl.h>

#define HIGH  (64 * 1024)
#define SHARE (64 * 1024) /* of fresh sources before an old one has a turn */

static void put_last(struct sources *l, struct source *s)
{
	s->next = NULL;
	s->waits = true;
	if (!l->first)
		l->end = &l->first;
	*l->end = s;
	l->end = &s->next;
}

static struct source *take_first(struct sources *l)
{
	struct source *s = l->first;

	l->first = s->next;
	s->waits = false;
	return s;
}

static void on_room(void *arg, uint32_t events)
{
	out_flush(arg);
}

void out_init(struct out *o, int loop, int fd)
{
	*o = (struct out){ .loop = loop,
		.watch = { .fd = fd, .ready = on_room, .arg = o },
		.bytes = BUF_INIT(HIGH + 4 * OUT_FRAME) };
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void out_fini(struct out *o)
{
	buf_fini(&o->bytes);
}

void out_wants(struct out *o, struct source *s)
{
	if (!s->waits)
		put_last(&o->fresh, s);
}

void out_wants_later(struct out *o, struct source *s)
{
	if (s->waits)
		return;
	if (!o->later.first)
		o->later_ms = deadline_after(OUT_LATER_MS);
	put_last(&o->later, s);
}

int out_timeout(const struct out *o)
{
	return o->later.first ? deadline_left(o->later_ms) : -1;
}

bool out_speaks(const struct out *o)
{
	return o->fresh.first || o->old.first || o->at < o->bytes.len;
}

bool out_idle(const struct out *o)
{
	return !out_speaks(o) && !o->later.first;
}

static void bring_later(struct out *o)
{
	if (!out_speaks(o) && !deadline_passed(o->later_ms))
		return;
	if (!o->later.first)
		return;
	/* They came before what is said now, mostly. */
	*o->later.end = o->fresh.first;
	if (!o->fresh.first)
		o->fresh.end = o->later.end;
	o->fresh.first = o->later.first;
	o->later.first = NULL;
}

static struct source *next(struct out *o)
{
	bool old = o->old.first && (!o->fresh.first || o->served >= SHARE);

	if (old)
		o->served = 0;
	return take_first(old ? &o->old : &o->fresh);
}

static void fill(struct out *o)
{
	while (o->bytes.len < HIGH && (o->fresh.first || o->old.first)) {
		struct source *s = next(o);
		size_t before = o->bytes.len;

		if (s->pull(s, &o->bytes) && !s->waits)
			put_last(&o->old, s);
		o->served += o->bytes.len - before;
	}
}

static bool write_some(struct out *o)
{
	ssize_t n = write(o->watch.fd, o->bytes.data + o->at, o->bytes.len - o->at);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		o->broken = true;
	if (n <= 0)
		return n < 0 && errno == EINTR;
	o->at += (size_t)n;
	if (o->at == o->bytes.len) {
		buf_trim(&o->bytes, 0);
		o->at = 0;
	} else if (o->at >= HIGH / 2) {
		buf_drop(&o->bytes, o->at);
		o->at = 0;
	}
	return true;
}

void out_flush(struct out *o)
{
	bool went = true;

	bring_later(o);
	while (went && !o->broken) {
		fill(o);
		if (o->at == o->bytes.len)
			break;
		went = write_some(o);
	}
	watch_set(o->loop, &o->watch, !o->broken && o->at < o->bytes.len ? EPOLLOUT : 0);
}
