#include "tests/lib/pair.h"

#include "common/base/clock.h"
#include "common/base/io.h"

#include <poll.h>
#include <sys/socket.h>

#define PATIENCE_MS 60000

/* False: the line is cut. */
static bool carry(struct pair_line *l, char *bytes, size_t n)
{
	const struct pair_faults *f = &l->faults;

	if (f->flip_at > l->carried && f->flip_at <= l->carried + n)
		bytes[f->flip_at - l->carried - 1] ^= (char)f->flip_bits;
	if (f->cut_after && l->carried + n > f->cut_after)
		n = f->cut_after - l->carried;
	if (f->delay_ms)
		poll(NULL, 0, f->delay_ms);
	l->carried += n;
	if (io_write_all(l->to, bytes, n, deadline_after(PATIENCE_MS)) < 0)
		return false;
	return !f->cut_after || l->carried < f->cut_after;
}

static void *run(void *arg)
{
	struct pair_line *l = arg;
	char bytes[65536];
	size_t chunk = l->faults.chunk_bytes ? l->faults.chunk_bytes : sizeof(bytes);

	for (;;) {
		ssize_t got = io_read_some(l->from, bytes, chunk, deadline_after(PATIENCE_MS));

		if (got <= 0 || !carry(l, bytes, (size_t)got))
			break;
	}
	shutdown(l->from, SHUT_RD);
	shutdown(l->to, SHUT_WR);
	return NULL;
}

static void start(
	struct pair *p, const struct pair_faults *toward0, const struct pair_faults *toward1)
{
	p->lines[0].from = p->lines[1].to = p->mine[1];
	p->lines[1].from = p->lines[0].to = p->mine[0];
	if (toward0)
		p->lines[0].faults = *toward0;
	if (toward1)
		p->lines[1].faults = *toward1;
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&p->lines[i].thread, NULL, run, &p->lines[i]))
			abort();
	}
}

void pair_open(struct pair *p, const struct pair_faults *toward0, const struct pair_faults *toward1,
	int ret_fds[2])
{
	int a[2], b[2];

	if (io_pair(a) < 0 || io_pair(b) < 0)
		abort();
	*p = (struct pair){ .mine = { a[1], b[1] } };
	ret_fds[0] = a[0];
	ret_fds[1] = b[0];
	start(p, toward0, toward1);
}

int pair_wrap(struct pair *p, int fd, const struct pair_faults *toward)
{
	int a[2];

	if (io_pair(a) < 0)
		abort();
	*p = (struct pair){ .mine = { a[1], fd } };
	start(p, toward, NULL);
	return a[0];
}

void pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		pthread_join(p->lines[i].thread, NULL);
	for (int i = 0; i < 2; i++)
		close(p->mine[i]);
}
