#include "common/base/keyhash.h" /* first */

#include "fs/links.h"

#include "common/base/buf.h"
#include "fs/box.h"

#include <utlist.h>

struct links_key {
	uint64_t dev, ino;
};

struct links {
	struct links_key key;
	struct node *nodes;
	UT_hash_handle hh; /* of box->links */
};

void links_leave(struct node *n)
{
	struct links *l = n->links;

	if (!l)
		return;
	DL_DELETE2(l->nodes, n, link_prev, link_next);
	n->links = NULL;
	if (l->nodes)
		return;
	HASH_DEL(n->box->links, l);
	free(l);
}

static struct links *links_for(struct box *b, const struct links_key *key)
{
	struct links *l;

	HASH_FIND(hh, b->links, key, sizeof(*key), l);
	if (l)
		return l;
	l = xcalloc(1, sizeof(*l));
	l->key = *key;
	HASH_ADD(hh, b->links, key, sizeof(l->key), l);
	return l;
}

void links_learn(struct node *n)
{
	struct links_key key = { .dev = n->attr.dev, .ino = n->attr.ino };
	bool many = n->attr.nlink > 1 && !S_ISDIR(n->attr.mode) && n->box;

	if (many && n->links && memcmp(&n->links->key, &key, sizeof(key)) == 0)
		return;
	links_leave(n);
	if (!many)
		return;
	n->links = links_for(n->box, &key);
	DL_APPEND2(n->links->nodes, n, link_prev, link_next);
}

struct node *links_of(const struct node *n)
{
	return n->links ? n->links->nodes : NULL;
}
