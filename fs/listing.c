#include "common/base/keyhash.h" /* first */

#include "fs/listing.h"

#include "common/base/budget.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"

#include <string.h>

#define ITEM_MORE 64 /* bytes of one item that are not its own */

uint32_t item_now(void)
{
	uint32_t ms = (uint32_t)clock_now_ms();

	return ms ? ms : 1;
}

bool item_lately(uint32_t at)
{
	return at && item_now() - at < DIR_CROSS_MS;
}

struct item *item_new(const char *name, const struct attr *a)
{
	size_t n = strlen(name) + 1;
	struct item *item = xcalloc(1, sizeof(*item) + n);

	item->attr = *a;
	memcpy(item->name, name, n);
	return item;
}

void listing_put(struct listing *l, struct item *item)
{
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 32;
		l->items = xrealloc(l->items, l->cap * sizeof(*l->items));
	}
	l->items[l->count++] = item;
	HASH_ADD_STR(l->by_name, name, item);
}

/* What an item costs: itself, its place, and what malloc and uthash have of it. */
static bool take(struct listing *l, const char *name)
{
	size_t n = sizeof(struct item) + strlen(name) + 1 + ITEM_MORE;

	if (!budget_take(l->budget, n))
		return false;
	l->taken += n;
	return true;
}

struct listing *listing_of(struct remote_reply *reply, struct budget *budget)
{
	struct listing *l = xcalloc(1, sizeof(*l));

	l->refs = 1;
	l->budget = budget;
	l->read_ms = clock_now_ms();
	l->cap = reply->entry_count;
	l->items = xcalloc(l->cap ? l->cap : 1, sizeof(*l->items));
	for (size_t i = 0; i < reply->entry_count; i++) {
		const struct entry *e = &reply->entries[i];
		struct item *item;

		if (listing_any(l, e->name)) /* a hostile far end repeats itself */
			continue;
		if (!take(l, e->name)) {
			listing_unref(l);
			return NULL;
		}
		item = item_new(e->name, &e->attr);
		item->stale = !e->attr.nlink; /* proto.h: they could not be had */
		listing_put(l, item);
	}
	return l;
}

void listing_ref(struct listing *l)
{
	l->refs++;
}

void listing_unref(struct listing *l)
{
	if (!l || --l->refs > 0)
		return;
	HASH_CLEAR(hh, l->by_name);
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
	budget_give(l->budget, l->taken);
	free(l);
}

struct item *listing_any(const struct listing *l, const char *name)
{
	struct item *item;

	HASH_FIND_STR(l->by_name, name, item);
	return item;
}

struct item *listing_find(const struct listing *l, const char *name)
{
	struct item *item = listing_any(l, name);

	return item && !item->dead ? item : NULL;
}

void listing_doubt(struct listing *l, struct item *item, bool doubt)
{
	l->doubts += (size_t)doubt - (size_t)item->doubt;
	item->doubt = doubt;
}
