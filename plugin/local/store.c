#include "plugin/local/store.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/base/wire.h"

#include <dirent.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <uthash.h>

/* Versions that were given out and not written down are jumped over after a restart. */
#define RV_JUMP 100000

struct entry {
	UT_hash_handle hh;
	struct snap *snap;
	char key[]; /* plural.group / namespace / name, by which lists are sorted */
};

struct store {
	char *dir;
	void (*changed)(void *arg);
	void *changed_arg;

	pthread_mutex_t file_lock; /* keeps the writes of one object in order; before lock */

	pthread_mutex_t lock; /* all below */
	struct entry *entries;
	uint64_t rv;
	uint64_t first_rv; /* changes up to here are not in the ring */
	struct change ring[STORE_CHANGES];
	size_t ring_next;
};

struct snap *snap_ref(struct snap *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void snap_unref(struct snap *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	cJSON_Delete(s->json);
	free(s->text);
	free(s);
}

void snap_unref_at(struct snap **at)
{
	snap_unref(*at);
}

void snaps_free(struct snap **snaps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snap_unref(snaps[i]);
	free(snaps);
}

void change_fini(struct change *c)
{
	snap_unref(c->now);
	snap_unref(c->before);
	*c = (struct change){ 0 };
}

static struct snap *snap_make(const struct resource *r, cJSON *json, uint64_t rv)
{
	struct snap *s = xcalloc(1, sizeof(*s));
	cJSON *meta = json_object_at(json, "metadata");
	char number[24];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)rv);
	json_put_text(meta, "resourceVersion", number);
	s->refs = 1;
	s->rv = rv;
	s->resource = r;
	s->json = json;
	s->ns = json_text_or(meta, "namespace", "");
	s->name = json_text_or(meta, "name", "");
	s->uid = json_text_or(meta, "uid", "");
	s->text = cJSON_PrintUnformatted(json);
	if (!s->text)
		abort();
	return s;
}

static char *key_of(const struct resource *r, const char *ns, const char *name)
{
	return xprintf("%s.%s/%s/%s", r->plural, r->group, ns, name);
}

/* st->lock held */
static struct entry *find(struct store *st, const char *key)
{
	struct entry *e = NULL;

	HASH_FIND(hh, st->entries, key, strlen(key), e);
	return e;
}

/* st->lock held; takes the snapshot */
static void put(struct store *st, const char *key, struct snap *snap)
{
	struct entry *e = find(st, key);

	if (e) {
		snap_unref(e->snap);
		e->snap = snap;
		return;
	}
	e = xcalloc(1, sizeof(*e) + strlen(key) + 1);
	memcpy(e->key, key, strlen(key) + 1);
	e->snap = snap;
	HASH_ADD_KEYPTR(hh, st->entries, e->key, strlen(e->key), e);
}

/* st->lock held */
static void forget(struct store *st, struct entry *e)
{
	HASH_DEL(st->entries, e);
	snap_unref(e->snap);
	free(e);
}

/* st->lock held; takes a reference of each */
static void remember(struct store *st, struct snap *now, struct snap *before, bool deleted)
{
	struct change *c = &st->ring[st->ring_next++ % STORE_CHANGES];

	if (c->now)
		st->first_rv = c->rv;
	change_fini(c);
	c->now = snap_ref(now);
	c->before = before ? snap_ref(before) : NULL;
	c->deleted = deleted;
	c->rv = now->rv;
}

static char *file_of(struct store *st, const struct resource *r, const char *ns, const char *name)
{
	return xprintf("%s/%s.%s/%s/%s.json", st->dir, r->plural, r->group, *ns ? ns : "-", name);
}

static void make_folders_of(const char *path)
{
	auto_free char *copy = xstrdup(path);

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(copy, 0700);
		*slash = '/';
	}
}

/* Writes what the object is now, whoever changed it last; so the order of writers is no matter. */
static void write_down(struct store *st, const struct resource *r, const char *ns, const char *name)
{
	auto_free char *path = NULL;
	auto_snap struct snap *snap = NULL;
	int rc = 0;

	if (r->fleeting)
		return;
	path = file_of(st, r, ns, name);
	pthread_mutex_lock(&st->file_lock);
	snap = store_get(st, r, ns, name);
	if (snap)
		rc = io_replace_file(path, snap->text, strlen(snap->text), 0600);
	if (rc == -ENOENT) {
		make_folders_of(path);
		rc = io_replace_file(path, snap->text, strlen(snap->text), 0600);
	}
	if (!snap && unlink(path) < 0 && errno != ENOENT)
		rc = -errno;
	pthread_mutex_unlock(&st->file_lock);
	if (rc < 0)
		trace(LOCAL, "cannot keep %s: %s", path, strerror(-rc));
}

static void announce(struct store *st)
{
	if (st->changed)
		st->changed(st->changed_arg);
}

/* One file; what cannot be read or is no object of this place is left alone. */
static void load_file(struct store *st, const struct resource *r, const char *ns, const char *path)
{
	cJSON *json = NULL;
	struct snap *snap;
	auto_free char *key = NULL;
	uint64_t rv;

	if (json_load(path, &json) < 0)
		return;
	if (!json_text(json, "metadata.name") ||
		strcmp(json_text_or(json, "metadata.namespace", ""), ns) ||
		parse_u64(json_text_or(json, "metadata.resourceVersion", ""), UINT64_MAX / 2, &rv) <
			0) {
		cJSON_Delete(json);
		return;
	}
	snap = snap_make(r, json, rv);
	key = key_of(r, snap->ns, snap->name);
	put(st, key, snap);
	if (rv > st->rv)
		st->rv = rv;
}

static void load_folder(struct store *st, const struct resource *r, const char *ns)
{
	auto_free char *dir = xprintf("%s/%s.%s/%s", st->dir, r->plural, r->group, *ns ? ns : "-");
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);
		auto_free char *path = xprintf("%s/%s", dir, e->d_name);

		if (n > 5 && !strcmp(e->d_name + n - 5, ".json"))
			load_file(st, r, ns, path);
	}
	if (d)
		closedir(d);
}

static void load_resource(struct store *st, const struct resource *r)
{
	auto_free char *dir = xprintf("%s/%s.%s", st->dir, r->plural, r->group);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			load_folder(st, r, strcmp(e->d_name, "-") ? e->d_name : "");
	if (d)
		closedir(d);
}

int store_open(const char *dir, struct store **ret, struct err *err)
{
	struct store *st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "making %s: %m", dir);
	st = xcalloc(1, sizeof(*st));
	st->dir = xstrdup(dir);
	pthread_mutex_init(&st->lock, NULL);
	pthread_mutex_init(&st->file_lock, NULL);
	for (size_t i = 0; resource_nth(i); i++)
		load_resource(st, resource_nth(i));
	st->rv += RV_JUMP;
	st->first_rv = st->rv;
	*ret = st;
	return 0;
}

void store_close(struct store *st)
{
	struct entry *e, *next;

	if (!st)
		return;
	HASH_ITER(hh, st->entries, e, next)
	forget(st, e);
	for (size_t i = 0; i < STORE_CHANGES; i++)
		change_fini(&st->ring[i]);
	pthread_mutex_destroy(&st->file_lock);
	pthread_mutex_destroy(&st->lock);
	free(st->dir);
	free(st);
}

void store_listen(struct store *st, void (*changed)(void *arg), void *arg)
{
	st->changed = changed;
	st->changed_arg = arg;
}

uint64_t store_rv(struct store *st)
{
	scoped_lock(&st->lock);

	return st->rv;
}

struct snap *store_get(struct store *st, const struct resource *r, const char *ns, const char *name)
{
	auto_free char *key = key_of(r, ns, name);
	struct entry *e;

	scoped_lock(&st->lock);

	e = find(st, key);
	return e ? snap_ref(e->snap) : NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct snap *x = *(struct snap *const *)a, *y = *(struct snap *const *)b;
	int order = strcmp(x->ns, y->ns);

	return order ? order : strcmp(x->name, y->name);
}

size_t store_list(struct store *st, const struct resource *r, const char *ns, struct snap ***ret,
	uint64_t *ret_rv)
{
	struct snap **all;
	struct entry *e, *next;
	size_t n = 0;

	pthread_mutex_lock(&st->lock);
	all = xcalloc(HASH_COUNT(st->entries) + 1, sizeof(*all));
	HASH_ITER(hh, st->entries, e, next)
	if (e->snap->resource == r && (!*ns || !strcmp(e->snap->ns, ns)))
		all[n++] = snap_ref(e->snap);
	if (ret_rv)
		*ret_rv = st->rv;
	pthread_mutex_unlock(&st->lock);
	qsort(all, n, sizeof(*all), by_name);
	*ret = all;
	return n;
}

static void put_uid(cJSON *meta)
{
	uint8_t b[16];
	char text[40];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		abort();
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(text, sizeof(text),
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
	json_put_text(meta, "uid", text);
}

int store_create(struct store *st, const struct resource *r, cJSON *json, struct snap **ret)
{
	cJSON *meta = json_object_at(json, "metadata");
	auto_free char *key = NULL;
	auto_snap struct snap *snap = NULL;
	int rc = 0;

	put_uid(meta);
	json_put_now(meta, "creationTimestamp");
	key = key_of(r, json_text_or(meta, "namespace", ""), json_text_or(meta, "name", ""));
	pthread_mutex_lock(&st->lock);
	if (find(st, key))
		rc = -EEXIST;
	else if (HASH_COUNT(st->entries) >= STORE_OBJECTS)
		rc = -ENOSPC;
	if (rc == 0) {
		snap = snap_make(r, json, ++st->rv);
		put(st, key, snap_ref(snap));
		remember(st, snap, NULL, false);
	}
	pthread_mutex_unlock(&st->lock);
	if (rc < 0) {
		cJSON_Delete(json);
		return rc;
	}
	write_down(st, r, snap->ns, snap->name);
	announce(st);
	if (ret)
		*ret = take_ptr(snap);
	return 0;
}

/* st->lock held. The name, namespace and uid are never the caller's to change. */
static int change_entry(struct store *st, struct entry *e, store_change_fn *change, void *arg,
	struct snap **ret_new)
{
	const struct snap *old = e->snap;
	cJSON *copy = cJSON_Duplicate(old->json, true);
	cJSON *meta;
	int rc = change(copy, arg);

	if (rc != 0) {
		cJSON_Delete(copy);
		return rc;
	}
	meta = json_object_at(copy, "metadata");
	json_put_text(meta, "name", old->name);
	json_put_text(meta, "namespace", *old->ns ? old->ns : NULL);
	json_put_text(meta, "uid", old->uid);
	json_put_text(
		meta, "creationTimestamp", json_text(old->json, "metadata.creationTimestamp"));
	*ret_new = snap_make(old->resource, copy, ++st->rv);
	return 0;
}

int store_change(struct store *st, const struct resource *r, const char *ns, const char *name,
	store_change_fn *change, void *arg, struct snap **ret)
{
	auto_free char *key = key_of(r, ns, name);
	auto_snap struct snap *snap = NULL;
	struct entry *e;
	int rc = -ENOENT;

	pthread_mutex_lock(&st->lock);
	e = find(st, key);
	if (e)
		rc = change_entry(st, e, change, arg, &snap);
	if (rc == 0) {
		remember(st, snap, e->snap, false);
		put(st, key, snap_ref(snap));
	} else if (rc == 1) {
		snap = snap_ref(e->snap);
	}
	pthread_mutex_unlock(&st->lock);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		write_down(st, r, ns, name);
		announce(st);
	}
	if (ret)
		*ret = take_ptr(snap);
	return 0;
}

int store_delete(struct store *st, const struct resource *r, const char *ns, const char *name,
	const char *uid, struct snap **ret)
{
	auto_free char *key = key_of(r, ns, name);
	auto_snap struct snap *last = NULL;
	struct entry *e;
	int rc = 0;

	pthread_mutex_lock(&st->lock);
	e = find(st, key);
	if (!e)
		rc = -ENOENT;
	else if (uid && strcmp(uid, e->snap->uid))
		rc = -ESTALE;
	if (rc == 0) {
		last = snap_make(r, cJSON_Duplicate(e->snap->json, true), ++st->rv);
		remember(st, last, e->snap, true);
		forget(st, e);
	}
	pthread_mutex_unlock(&st->lock);
	if (rc < 0)
		return rc;
	write_down(st, r, ns, name);
	announce(st);
	if (ret)
		*ret = take_ptr(last);
	return 0;
}

/* st->lock held. Where in the ring, counted from its start, the first change behind rv stands. */
static size_t first_behind(struct store *st, uint64_t rv)
{
	size_t low = st->ring_next > STORE_CHANGES ? st->ring_next - STORE_CHANGES : 0;
	size_t high = st->ring_next;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (st->ring[middle % STORE_CHANGES].rv <= rv)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int store_next(struct store *st, const struct resource *r, const char *ns, uint64_t *cursor,
	struct change *ret)
{
	scoped_lock(&st->lock);

	if (*cursor < st->first_rv)
		return -ESTALE;
	for (size_t i = first_behind(st, *cursor); i < st->ring_next; i++) {
		struct change *c = &st->ring[i % STORE_CHANGES];

		*cursor = c->rv;
		if (c->now->resource != r || (*ns && strcmp(c->now->ns, ns)))
			continue;
		*ret = *c;
		snap_ref(c->now);
		if (c->before)
			snap_ref(c->before);
		return 1;
	}
	*cursor = st->rv > *cursor ? st->rv : *cursor;
	return 0;
}
