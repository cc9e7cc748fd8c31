/*
 * Files that a source will open next. One that asks for one file after the other waits for three answers a file;
 * so the small files of a folder that it goes through in order are peeked at before it comes to them, content and
 * attributes in one request each, more of them the longer it does so.
 */
#include "plugin/farpriv.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
/* Between two that it opens there may be so many that it does not: folders, links. */
#define APART      64
#define WINDOW_MAX 32
#define HELD_MAX   (8 * 1024 * 1024) /* in all folders together, but one file in each */

/* One file, asked for. A reference is the ring's or the opener's, one the request's. */
struct far_peek {
	struct far_agent *agent;
	size_t at, want;
	unsigned refs; /* agent->lock, as all below */
	bool ready;
	struct remote_reply reply; /* when ready: its own */
	struct far_peek *next_to_send;
};

/* A folder that is gone through: entries first to last - 1 of what was asked for are in the ring. */
struct far_ahead {
	struct far_peek *ring[WINDOW_MAX];
	unsigned first, last, window;
	size_t at, asked; /* entries: the next to be opened, and to be asked for */
};

/* lock held */
static void unref(struct far_peek *p)
{
	if (--p->refs > 0)
		return;
	p->agent->peeked -= p->want;
	remote_reply_fini(&p->reply);
	free(p);
}

static void answered(void *arg, struct remote_reply *reply)
{
	struct far_peek *p = arg;
	struct far_agent *f = p->agent;
	scoped_lock(&f->lock);

	remote_reply_move(&p->reply, reply);
	p->ready = true;
	pthread_cond_broadcast(&f->wake);
	unref(p);
}

/* One byte more than it has: what comes with less is all of it. 0: it is opened when its turn comes. */
static size_t want_of(const struct far_agent *f, const struct attr *a)
{
	size_t want = (size_t)(a->size / PAGE + 1) * PAGE;

	return S_ISREG(a->mode) && a->size && a->size < PACK_SMALL && want <= f->far.max ? want : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

void far_sort(struct far_file *d)
{
	if (d->list.entry_count)
		qsort(d->entries, d->list.entry_count, sizeof(*d->entries), by_name);
}

struct entry *far_listed(const struct far_file *d, const char *name)
{
	const struct entry key = { .name = (char *)name };

	return d->entries ? bsearch(&key, d->entries, d->list.entry_count, sizeof(key), by_name)
			  : NULL;
}

/* lock held */
static void forget(struct far_ahead *a)
{
	for (; a->first < a->last; a->first++)
		unref(a->ring[a->first % WINDOW_MAX]);
	*a = (struct far_ahead){ 0 };
}

void far_ahead_end(struct far_agent *f, struct far_file *d)
{
	scoped_lock(&f->lock);
	if (!d->walk)
		return;
	forget(d->walk);
	free(take_ptr(d->walk));
}

/* lock held */
static void ask(struct far_agent *f, struct far_file *d, size_t at, struct far_peek ***end)
{
	struct far_ahead *a = d->walk;
	struct far_peek *p = xcalloc(1, sizeof(*p));

	*p = (struct far_peek){
		.agent = f, .at = at, .want = want_of(f, &d->entries[at].attr), .refs = 2
	};
	a->ring[a->last++ % WINDOW_MAX] = p;
	f->peeked += p->want;
	**end = p;
	*end = &p->next_to_send;
}

/* lock held. The opener is at the entry; the ring begins there then. */
static void arrive(struct far_ahead *a, size_t at)
{
	bool onward = a->window && at >= a->at && at - a->at <= APART;

	if (!onward)
		forget(a);
	a->window = !a->window ? 1 : a->window < WINDOW_MAX ? 2 * a->window : WINDOW_MAX;
	a->at = at + 1;
	if (a->asked < at)
		a->asked = at;
	for (; a->first < a->last && a->ring[a->first % WINDOW_MAX]->at < at; a->first++)
		unref(a->ring[a->first % WINDOW_MAX]);
}

/* lock held. What is to be sent now. */
static struct far_peek *fill(struct far_agent *f, struct far_file *d)
{
	struct far_ahead *a = d->walk;
	struct far_peek *first = NULL, **end = &first;

	for (; a->asked < d->list.entry_count && a->last - a->first < a->window; a->asked++) {
		if (a->last > a->first && f->peeked >= HELD_MAX)
			break;
		if (want_of(f, &d->entries[a->asked].attr))
			ask(f, d, a->asked, &end);
	}
	return first;
}

/* lock held. That of the entry, out of the ring: the caller's reference. */
static struct far_peek *take(struct far_ahead *a, size_t at)
{
	struct far_peek *p = a->first < a->last ? a->ring[a->first % WINDOW_MAX] : NULL;

	if (!p || p->at != at)
		return NULL;
	a->first++;
	return p;
}

static void send(
	struct far_agent *f, const char *folder, const struct far_file *d, struct far_peek *p)
{
	struct far_peek *next;

	for (; p; p = next) {
		auto_free char *path = pack_join(folder, d->entries[p->at].name);
		const struct remote_request rq = { .op = OP_PEEK, .path = path, .size = p->want };

		next = p->next_to_send; /* its answer may have come before this returns */
		session_send(f->session, &rq, deadline_after(FAR_CALL_MS), answered, p);
	}
}

/* A number for what was peeked at, if that is the whole file. */
static int number_of(struct far_agent *f, struct far_peek *p, char *path)
{
	struct remote_reply *r = &p->reply;
	int fd = -EAGAIN;

	if (r->rc == 0 && r->has_attr && S_ISREG(r->attr.mode) && r->n < p->want &&
		r->n == r->attr.size)
		fd = far_number(f, xstrdup(path));
	if (fd < 0)
		return -EAGAIN;
	far_stat_of(&r->attr, &f->files[fd].st);
	f->files[fd].held = true;
	remote_reply_move(&f->files[fd].content, r);
	return fd;
}

int far_ahead_open(struct far_agent *f, int dir, const char *name)
{
	struct far_file *d = dir >= 0 ? &f->files[dir] : NULL;
	const struct entry *e = d && f->far.peeks && !d->stale ? far_listed(d, name) : NULL;
	auto_free char *path = e ? far_path(f, dir, name) : NULL;
	struct far_peek *p, *list;
	int fd;

	if (!e || !want_of(f, &e->attr))
		return -EAGAIN;
	pthread_mutex_lock(&f->lock);
	if (!d->walk)
		d->walk = xcalloc(1, sizeof(*d->walk));
	arrive(d->walk, (size_t)(e - d->entries));
	list = fill(f, d);
	p = take(d->walk, (size_t)(e - d->entries));
	pthread_mutex_unlock(&f->lock);
	send(f, strcmp(d->path, "/") ? d->path : "", d, list);
	if (!p)
		return -EAGAIN;
	pthread_mutex_lock(&f->lock);
	while (!p->ready)
		pthread_cond_wait(&f->wake, &f->lock);
	pthread_mutex_unlock(&f->lock);
	fd = number_of(f, p, path);
	pthread_mutex_lock(&f->lock);
	unref(p);
	pthread_mutex_unlock(&f->lock);
	return fd;
}

ssize_t far_ahead_read(const struct far_file *file, void *to, size_t n, uint64_t offset)
{
	size_t left = offset < file->content.n ? file->content.n - (size_t)offset : 0;

	n = n < left ? n : left;
	if (n)
		memcpy(to, file->content.data + offset, n);
	return (ssize_t)n;
}
