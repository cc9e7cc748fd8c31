#include "common/kube/outbox.h"

#include "common/kube/dial.h"

#include <sys/random.h>

void outbox_init(struct outbox *o, size_t max_bytes)
{
	memset(o, 0, sizeof *o);
	buf_init(&o->next, max_bytes);
	buf_init(&o->now, max_bytes);
}

void outbox_fini(struct outbox *o)
{
	buf_fini(&o->next);
	buf_fini(&o->now);
	o->sent = 0;
}

const uint8_t *outbox_key(struct outbox *o)
{
	if (o->keys_left == 0) {
		if (getrandom(o->keys, sizeof o->keys, 0) != sizeof o->keys)
			abort();
		o->keys_left = sizeof o->keys;
	}
	o->keys_left -= 4;
	return o->keys + o->keys_left;
}

size_t outbox_unsent(const struct outbox *o)
{
	return o->next.len + o->now.len - o->sent;
}

/* False: there is nothing to send. */
static bool load(struct outbox *o)
{
	struct buf empty;

	if (o->sent < o->now.len)
		return true;
	buf_reset(&o->now);
	o->sent = 0;
	empty = o->now;
	o->now = o->next;
	o->next = empty;
	return o->now.len > 0;
}

static void discard(struct outbox *o)
{
	buf_reset(&o->next);
	buf_reset(&o->now);
	o->sent = 0;
}

void outbox_flush(struct outbox *o, struct dial *d)
{
	o->blocked = false;
	while (!o->dead && load(o)) {
		ssize_t n = dial_send(d, o->now.data + o->sent, o->now.len - o->sent);

		if (n == -EAGAIN) {
			o->blocked = true;
			return;
		}
		if (n < 0)
			o->dead = true;
		else
			o->sent += n;
	}
	if (o->dead)
		discard(o);
}
