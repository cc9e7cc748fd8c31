#include "fs/podlog.h"

#include "common/base/clock.h"
#include "fs/box.h"

struct podlog {
	struct box *box;  /* holds a reference */
	atomic_uint refs; /* the handle's and the thread's */
	volatile bool stop;
	struct output out;

	pthread_mutex_t lock; /* only for the wait */
	pthread_cond_t room;
};

static void unref(struct podlog *l)
{
	if (atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	atomic_fetch_sub(&l->box->fs->podlogs, 1);
	output_fini(&l->out);
	pthread_cond_destroy(&l->room);
	pthread_mutex_destroy(&l->lock);
	box_unref(l->box);
	free(l);
}

/* Waits while the reader is behind; a look at stop every so often is enough. */
static void await_room(struct podlog *l)
{
	scoped_lock(&l->lock);
	while (!l->stop && output_full(&l->out)) {
		struct timespec until = deadline_timespec(deadline_after(200));

		pthread_cond_timedwait(&l->room, &l->lock, &until);
	}
}

static int chunk(void *arg, const char *bytes, size_t n)
{
	struct podlog *l = arg;

	output_add(l->box->fs, &l->out, bytes, n);
	await_room(l);
	return l->stop;
}

static void *follow(void *arg)
{
	struct podlog *l = arg;
	struct box *b = l->box;
	auto_free char *path =
		rest_path("/api/v1/namespaces/%s/pods/%s/log?container=%s&follow=true", b->ns,
			b->name, b->container);
	struct rest_request rq = { .method = "GET",
		.path = path,
		.accept = "*/*",
		.what = "follow the log",
		.timeout_ms = 24 * 3600 * 1000 };
	int rc = rest_stream(b->fs->kube, &rq, chunk, l, &l->stop, NULL);

	output_end(b->fs, &l->out, rc < 0 && !l->stop ? rc : 0);
	unref(l);
	return NULL;
}

static void *list_events(void *arg)
{
	struct podlog *l = arg;
	struct box *b = l->box;
	auto_buf text = BUF_INIT(PODLOG_BYTES_MAX);
	int rc = sandbox_events_json(b->fs->kube, b->ns, b->uid, &text);

	if (rc == 0)
		output_add(b->fs, &l->out, buf_text(&text), text.len);
	output_end(b->fs, &l->out, rc);
	unref(l);
	return NULL;
}

int podlog_open(struct box *b, bool events, struct podlog **ret)
{
	struct podlog *l;
	pthread_t thread;
	int rc;

	if (atomic_fetch_add(&b->fs->podlogs, 1) >= PODLOG_MAX) {
		atomic_fetch_sub(&b->fs->podlogs, 1);
		return -EMFILE;
	}
	l = xcalloc(1, sizeof(*l));
	l->box = box_ref(b);
	l->refs = 2;
	output_init(&l->out, PODLOG_BYTES_MAX, PODLOG_BYTES_MAX);
	pthread_mutex_init(&l->lock, NULL);
	clock_cond_init(&l->room);
	rc = pthread_create(&thread, NULL, events ? list_events : follow, l);
	if (rc) {
		l->refs = 1;
		unref(l);
		return -rc;
	}
	pthread_detach(thread);
	*ret = l;
	return 0;
}

struct output *podlog_output(struct podlog *l)
{
	return &l->out;
}

void podlog_more(struct podlog *l)
{
	scoped_lock(&l->lock);
	pthread_cond_broadcast(&l->room);
}

void podlog_close(struct podlog *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->room);
	pthread_mutex_unlock(&l->lock);
	unref(l);
}
