#include "common/remote/pack/tree.h"

#include "common/base/lock.h"

#include <string.h>

#define TOGETHER     32 /* files of one folder that one worker takes at once */
#define WORTH_A_WAKE 16 /* files: fewer wait until there is nothing else to do */

/* --- slots ----------------------------------------------------------------------------- */

/* lock held. */
static void stir(struct sink *s)
{
	if (s->idle && s->waiting)
		pthread_cond_broadcast(&s->work);
}

/* lock held, on the caller's thread: until an entry is done. */
static void await_done(struct sink *s)
{
	stir(s);
	s->awaiting = true;
	pthread_cond_wait(&s->wake, &s->lock);
	s->awaiting = false;
}

uint64_t sink_slot(struct sink *s)
{
	scoped_lock(&s->lock);
	while (s->next_slot - s->sure == SINK_SLOTS)
		await_done(s);
	return s->next_slot++;
}

void sink_slot_done(struct sink *s, uint64_t slot)
{
	scoped_lock(&s->lock);
	s->done[slot % SINK_SLOTS] = true;
	while (s->sure < s->next_slot && s->done[s->sure % SINK_SLOTS])
		s->done[s->sure++ % SINK_SLOTS] = false;
	/* a wake costs more than a small file */
	if (s->awaiting && (s->sure == s->next_slot || s->next_slot - s->sure <= SINK_SLOTS / 2))
		pthread_cond_signal(&s->wake);
}

/* --- what is said ------------------------------------------------------------------------ */

int sink_say(struct sink *s, uint8_t type, const void *bytes, size_t n)
{
	const struct pack_watch *w = s->side->watch;

	if (w)
		w->sink_says(w->arg, type, bytes, n);
	return pack_pipe_send(s->pipe, type, bytes, n);
}

void sink_tell(struct sink *s, uint8_t type, const struct dir *dir, const char *name, int code,
	const char *text)
{
	auto_buf path = BUF_INIT(PACK_PATH_MAX);
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);
	struct pack_trouble t = { .code = (uint32_t)-code, .text = text };

	if (dir) {
		t.root = dir == s->anchor ? s->root : dir->root;
		buf_str(&path, dir->path);
		if (path.len && *name)
			buf_char(&path, '/');
		/* what stands in the anchor is a SRC's root */
		buf_str(&path, dir == s->anchor ? "" : name);
	}
	t.path = buf_text(&path);
	pack_trouble_put(&b, &t);
	if (type == PACK_FAIL) {
		scoped_lock(&s->lock);
		s->count.failures++;
	}
	sink_say(s, type, b.data, b.len);
}

/* --- folders ------------------------------------------------------------------------------ */

struct dir *dir_new(struct sink *s, struct dir *parent, uint32_t root, const char *path, int fd)
{
	struct dir *d = xcalloc(1, sizeof(*d));

	*d = (struct dir){ .sink = s,
		.parent = parent ? dir_ref(parent) : NULL,
		.fd = fd,
		.refs = 1,
		.root = root,
		.path = xstrdup(path),
		.slot = UINT64_MAX };
	return d;
}

struct dir *dir_ref(struct dir *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}

/*
 * Best effort for the owner; the mode and the times must be had. Of a folder that was there a sync makes what the
 * source's is; a copy goes into it and leaves it its mode, as cp -r does: or who copies what he does not trust
 * into his home opens that for everybody.
 */
static void set_dir(struct dir *d)
{
	struct sink *s = d->sink;
	struct pack_set set = sink_set_of(s, &d->meta);
	int rc;

	if (d->was_there && !(s->job->flags & PACK_JOB_SYNC)) {
		set.uid = set.gid = -1;
		set.mode = -1;
	}
	rc = s->sys->fset(s->sys, d->fd, &set);

	if (rc < 0)
		sink_tell(s, PACK_FAIL, d, "", rc, "its mode and times cannot be set");
}

void dir_unref(struct dir *d)
{
	struct dir *parent;

	if (!d || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	parent = d->parent;
	if (d->fd >= 0 && d->set)
		set_dir(d);
	if (d->fd >= 0)
		d->sink->sys->close(d->sink->sys, d->fd);
	if (d->slot != UINT64_MAX)
		sink_slot_done(d->sink, d->slot);
	free(d->path);
	free(d);
	dir_unref(parent);
}

/* --- workers ------------------------------------------------------------------------------- */

/*
 * Files of one folder, half of what waits at most: two threads that make files in the same folder wait for each other.
 * 0: it is over.
 */
static size_t next_tasks(struct sink *s, struct task *ret[TOGETHER])
{
	size_t n = 0, most;

	scoped_lock(&s->lock);
	while (!s->waiting && !s->over) {
		s->idle++;
		pthread_cond_wait(&s->work, &s->lock);
		s->idle--;
	}
	most = s->waiting / 2 < TOGETHER ? s->waiting / 2 : TOGETHER;
	while (s->waiting &&
		(!n || (n < most && s->tasks[s->first % SINK_SLOTS]->dir == ret[0]->dir))) {
		ret[n++] = s->tasks[s->first++ % SINK_SLOTS];
		s->waiting--;
	}
	return n;
}

static void *work(void *arg)
{
	struct sink *s = arg;
	struct task *tasks[TOGETHER];
	size_t n;

	while ((n = next_tasks(s, tasks)))
		for (size_t i = 0; i < n; i++)
			sink_small(s, tasks[i]);
	return NULL;
}

int sink_workers_start(struct sink *s)
{
	unsigned wanted = s->side->workers < SINK_WORKERS ? s->side->workers : SINK_WORKERS;

	lock_init(&s->lock);
	pthread_cond_init(&s->wake, NULL);
	pthread_cond_init(&s->work, NULL);
	for (; s->workers < wanted; s->workers++) {
		if (pthread_create(&s->threads[s->workers], NULL, work, s))
			break;
	}
	return 0;
}

void sink_workers_end(struct sink *s)
{
	{
		scoped_lock(&s->lock);
		s->over = true;
		pthread_cond_broadcast(&s->work);
	}
	for (unsigned i = 0; i < s->workers; i++)
		pthread_join(s->threads[i], NULL);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->work);
}

void sink_submit(struct sink *s, struct task *t)
{
	if (!s->workers) {
		sink_small(s, t);
		return;
	}
	{
		scoped_lock(&s->lock);
		s->tasks[(s->first + s->waiting++) % SINK_SLOTS] = t;
		if (s->idle && s->waiting >= WORTH_A_WAKE)
			pthread_cond_signal(&s->work);
	}
}

void sink_stir(struct sink *s)
{
	scoped_lock(&s->lock);
	stir(s);
}

void sink_settle(struct sink *s)
{
	scoped_lock(&s->lock);
	while (s->sure < s->next_slot)
		await_done(s);
}
