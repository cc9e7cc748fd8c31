#include "fs/piece.h"

#include "common/base/clock.h"
#include "fs/fs.h"

#include <utlist.h>

/* An end of file that was seen is believed so long; the file may grow. */
#define END_MS 1000

uint64_t piece_end(const struct piece *p)
{
	return p->offset + p->want;
}

void piece_unref(struct fs *fs, struct piece *p)
{
	if (--p->refs > 0)
		return;
	fs->ahead_bytes -= p->want;
	remote_reply_fini(&p->reply);
	free(p);
}

void piece_unlist(struct fs *fs, struct reader *r, struct piece *p)
{
	DL_DELETE(r->pieces, p);
	p->listed = false;
	piece_unref(fs, p);
}

bool piece_is_short(const struct piece *p)
{
	return p->ready && (p->reply.rc < 0 || p->reply.n < p->want);
}

bool piece_is_old(const struct piece *p)
{
	return p->ready &&
	       (p->reply.rc < 0 || (piece_is_short(p) && clock_now_ms() - p->ready_ms > END_MS));
}

struct piece *piece_find(const struct reader *r, uint64_t offset)
{
	struct piece *p;

	DL_FOREACH(r->pieces, p)
	{
		if (offset >= p->offset && offset < piece_end(p))
			return p;
	}
	return NULL;
}

uint64_t piece_gap_end(const struct reader *r, uint64_t offset, uint64_t limit)
{
	struct piece *p;

	DL_FOREACH(r->pieces, p)
	{
		if (p->offset > offset && p->offset < limit)
			limit = p->offset;
	}
	return limit;
}

struct piece *piece_ask(
	struct fs *fs, struct reader *r, uint64_t offset, size_t want, struct piece **to_send)
{
	struct piece *p = xcalloc(1, sizeof(*p));

	p->offset = offset;
	p->want = want;
	p->asked_us = clock_now_us();
	p->refs = 2; /* listed; under way */
	p->listed = true;
	fs->ahead_bytes += want;
	DL_APPEND(r->pieces, p);
	p->next_to_send = *to_send;
	*to_send = p;
	return p;
}
