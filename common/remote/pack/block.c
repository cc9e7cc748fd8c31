#include "common/remote/pack/block.h"

#include "common/base/buf.h"

void stock_init(struct stock *s, size_t bytes)
{
	*s = (struct stock){ .bytes = bytes };
	pthread_mutex_init(&s->lock, NULL);
}

void stock_fini(struct stock *s)
{
	while (s->count)
		free(s->spare[--s->count]);
	pthread_mutex_destroy(&s->lock);
}

struct pack_block *block_new(size_t n)
{
	struct pack_block *b = xmalloc(sizeof(*b) + n);

	b->refs = 1;
	b->stock = NULL;
	return b;
}

/* The last that came back is the first to go: it is in the processor's cache still. */
static struct pack_block *take_spare(struct stock *s)
{
	scoped_lock(&s->lock);
	return s->count ? s->spare[--s->count] : NULL;
}

struct pack_block *stock_take(struct stock *s)
{
	struct pack_block *b = take_spare(s);

	if (!b)
		b = block_new(s->bytes);
	b->refs = 1;
	b->stock = s;
	return b;
}

/* False: there are enough. */
static bool keep_spare(struct stock *s, struct pack_block *b)
{
	scoped_lock(&s->lock);
	if (s->count == STOCK_SPARE)
		return false;
	s->spare[s->count++] = b;
	return true;
}

struct pack_block *block_ref(struct pack_block *b)
{
	__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void block_unref(struct pack_block *b)
{
	if (!b || __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (!b->stock || !keep_spare(b->stock, b))
		free(b);
}
