/*
 * The objects, their versions and the recent changes.
 *
 * Each state of an object is an immutable snapshot, shared by reference; a
 * change makes a new one with the next resourceVersion and is remembered in
 * a ring of the newest changes, which watchers read by cursor. Objects live
 * in files too, one each, written by replacement after the change (kinds
 * marked fleeting do not). Any thread.
 */
#ifndef SBX_LOCAL_STORE_H
#define SBX_LOCAL_STORE_H

#include "common/base/err.h"
#include "plugin/local/json.h"
#include "plugin/local/resource.h"

#define STORE_CHANGES  4096  /* kept for watchers that resume */
#define STORE_OBJECTS  20000 /* of all kinds; more is -ENOSPC */
#define NAME_SUBDOMAIN 253

struct snap {
	int refs;
	uint64_t rv;
	const struct resource *resource;
	const char *ns;   /* borrowed from json; "" when of no namespace */
	const char *name; /* borrowed from json */
	const char *uid;  /* borrowed from json */
	cJSON *json;      /* never changed */
	char *text;       /* the same, printed */
};

struct snap *snap_ref(struct snap *s);
void snap_unref(struct snap *s); /* NULL is fine */
void snap_unref_at(struct snap **at);
#define auto_snap auto_with(snap_unref_at)

struct store;

int store_open(const char *dir, struct store **ret, struct err *err);
void store_close(struct store *st);

/* Calls changed(arg) after each change, on the thread that made it, no lock held. One listener. */
void store_listen(struct store *st, void (*changed)(void *arg), void *arg);

uint64_t store_rv(struct store *st); /* of the newest change */

struct snap *store_get(
	struct store *st, const struct resource *r, const char *ns, const char *name);

/* All of one kind, in one namespace or (ns "") all of them, by name. Count; frees: snaps_free. */
size_t store_list(struct store *st, const struct resource *r, const char *ns, struct snap ***ret,
	uint64_t *ret_rv);
void snaps_free(struct snap **snaps, size_t n);

/*
 * A new object; uid, creationTimestamp and resourceVersion are put in. Takes json, also on failure.
 * -EEXIST; -ENOSPC past STORE_OBJECTS. ret may be NULL.
 */
int store_create(struct store *st, const struct resource *r, cJSON *json, struct snap **ret);

/*
 * Runs change on a copy, under the store's lock (no I/O in it), and keeps the copy when it
 * returns 0; 1 keeps the object as it was, an error is passed on. -ENOENT. ret may be NULL.
 */
typedef int store_change_fn(cJSON *copy, void *arg);
int store_change(struct store *st, const struct resource *r, const char *ns, const char *name,
	store_change_fn *change, void *arg, struct snap **ret);

/* uid NULL is any. -ENOENT; -ESTALE: another uid. ret gets the last state; it may be NULL. */
int store_delete(struct store *st, const struct resource *r, const char *ns, const char *name,
	const char *uid, struct snap **ret);

struct change {
	struct snap *now;    /* the new state; for a deletion the last one, with its rv */
	struct snap *before; /* NULL for a creation */
	bool deleted;
	uint64_t rv;
};

/*
 * The next change of one kind (and namespace, if not "") behind *cursor, which moves on.
 * 1 and *ret (change_fini); 0: no more; -ESTALE: the ring no longer reaches back so far.
 */
int store_next(struct store *st, const struct resource *r, const char *ns, uint64_t *cursor,
	struct change *ret);
void change_fini(struct change *c);

#endif
