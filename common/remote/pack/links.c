#include "common/remote/pack/links.h"

#include "common/remote/pack/hash64.h"

#include <string.h>

void links_fini(struct links *l)
{
	for (size_t i = 0; i < l->cap; i++)
		free(l->at[i].path);
	free(l->at);
	*l = (struct links){ 0 };
}

static struct linked *slot(const struct links *l, uint64_t dev, uint64_t ino)
{
	const uint64_t key[2] = { dev, ino };
	size_t i = hash64(key, sizeof(key), 0) & (l->cap - 1);

	while (l->at[i].path && (l->at[i].dev != dev || l->at[i].ino != ino))
		i = (i + 1) & (l->cap - 1);
	return &l->at[i];
}

static void grow(struct links *l)
{
	struct links more = { .cap = l->cap ? l->cap * 2 : 64, .count = l->count };

	more.at = xcalloc(more.cap, sizeof(*more.at));
	for (size_t i = 0; i < l->cap; i++) {
		if (l->at[i].path)
			*slot(&more, l->at[i].dev, l->at[i].ino) = l->at[i];
	}
	free(l->at);
	*l = more;
}

const struct linked *links_find(
	struct links *l, const struct stat *st, uint32_t root, const char *path)
{
	struct linked *at;

	if (l->count * 2 >= l->cap)
		grow(l);
	at = slot(l, st->st_dev, st->st_ino);
	if (at->path)
		return at;
	*at = (struct linked){ st->st_dev, st->st_ino, root, xstrdup(path) };
	l->count++;
	return NULL;
}
