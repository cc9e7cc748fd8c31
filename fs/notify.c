#include "fs/notify.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/learn.h"
#include "fs/op.h"
#include "fs/reaper.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <utlist.h>

#define TICK_MS 100 /* how late an interrupted request on a stalled line may end */

/* A file that the kernel is about to know, but does not know yet, is told of again so long after, then twice that, .. */
#define UNKNOWN_MS    20
#define UNKNOWN_TRIES 8

/* So many workers stay when there is nothing to tell: making one costs more than most items. */
#define WORKERS_IDLE 2

enum kind { ATTR, PAGES, ENTRY, EXPIRE, POLL, THEN, LAST };

struct item {
	enum kind kind;
	uint64_t box; /* of PAGES, ENTRY, EXPIRE and LAST: whose queue */
	uint64_t ino;
	char *name;
	struct fuse_pollhandle *ph;
	void (*fn)(void *arg);
	void *arg;
	int64_t due_ms; /* of THEN and ATTR; 0: at once */
	unsigned tries; /* of ATTR: how often it was told in vain */
	struct item *prev, *next;
};

/* Names and pages of one box, which are told in order. It is there while there are any, or one is being told. */
struct queue {
	uint64_t box; /* box_hash: the box itself may have gone */
	struct item *items;
	size_t count; /* of them */
	struct queue *prev, *next;
	UT_hash_handle hh;
};

/*
 * What the kernel may keep waiting (for a folder that an operation holds, for a page that is being read)
 * is not told by the first thread, so that THEN, which such an operation may wait for, is not behind it.
 * There are as many workers for it as queues, so one that is stuck keeps its own queue waiting, and no other.
 * Each takes one item of the queue that has waited longest: so it goes on, with long waits, also when no
 * more threads can be had.
 */
struct notifier {
	struct fs *fs;
	struct reaper *reaper;
	pthread_t thread;
	int wake_fd, signal_fd;
	pthread_mutex_t lock; /* all below */
	struct item *items;
	struct item *later; /* what is not due yet */
	bool stop, mute;
	bool over; /* the first has ended: nothing more comes for the workers */

	pthread_cond_t slow;  /* one is ready; it is over; the last worker has gone */
	struct queue *queues; /* all, by box */
	struct queue *ready;  /* those that no worker is at, by how long they have waited */
	unsigned workers;     /* at least one until it is over */
	pthread_t ended;      /* the worker that ended last has waited for all before it */
	bool some_ended;
};

static struct item *item_of(const struct item *item)
{
	struct item *copy = xmalloc(sizeof(*copy));

	*copy = *item;
	return copy;
}

static void push(struct notifier *n, struct item item)
{
	struct item *copy = item_of(&item);
	uint64_t one = 1;
	ssize_t rc;

	pthread_mutex_lock(&n->lock);
	DL_APPEND(n->items, copy);
	pthread_mutex_unlock(&n->lock);
	rc = write(n->wake_fd, &one, sizeof(one)); /* full means it is awake anyway */
	(void)rc;
}

static int start_worker(struct notifier *n);

/* lock held. NULL: there is none. */
static struct queue *find_queue(const struct notifier *n, uint64_t box)
{
	struct queue *q;

	HASH_FIND(hh, n->queues, &box, sizeof(box), q);
	return q;
}

/* lock held */
static struct queue *make_queue(struct notifier *n, uint64_t box)
{
	struct queue *q = xcalloc(1, sizeof(*q));

	q->box = box;
	HASH_ADD(hh, n->queues, box, sizeof(q->box), q);
	DL_APPEND(n->ready, q);
	pthread_cond_signal(&n->slow);
	return q;
}

/* lock held */
static void append_slow(struct notifier *n, const struct item *item)
{
	struct item *copy = item_of(item);
	struct queue *q = find_queue(n, item->box);

	if (!q)
		q = make_queue(n, item->box);
	DL_APPEND(q->items, copy);
	q->count++;
	if (n->workers < HASH_COUNT(n->queues))
		start_worker(n); /* or those that there are take turns */
}

static void push_slow(struct notifier *n, struct item item)
{
	scoped_lock(&n->lock);
	append_slow(n, &item);
}

void notify_attr(struct notifier *n, uint64_t ino)
{
	push(n, (struct item){ .kind = ATTR, .ino = ino });
}

static void push_name(
	struct notifier *n, const struct box *b, enum kind kind, uint64_t parent, const char *name)
{
	push_slow(n,
		(struct item){
			.kind = kind, .box = box_hash(b), .ino = parent, .name = xstrdup(name) });
}

void notify_entry(struct notifier *n, const struct box *b, uint64_t parent, const char *name)
{
	push_name(n, b, ENTRY, parent, name);
}

void notify_expire(struct notifier *n, const struct box *b, uint64_t parent, const char *name)
{
	push_name(n, b, EXPIRE, parent, name);
}

/* lock held. The last that will be told of its box is just that, and it has not begun. */
static bool is_due(const struct notifier *n, const struct item *item)
{
	const struct queue *q = find_queue(n, item->box);
	const struct item *tail = q && q->items ? q->items->prev : NULL;

	return tail && tail->kind == item->kind && tail->ino == item->ino;
}

/* Each of many writes that fail says so. */
void notify_pages(struct notifier *n, const struct box *b, uint64_t ino)
{
	struct item item = { .kind = PAGES, .box = box_hash(b), .ino = ino };

	scoped_lock(&n->lock);
	if (!is_due(n, &item))
		append_slow(n, &item);
}

size_t notify_left(struct notifier *n, const struct box *b)
{
	const struct queue *q;

	scoped_lock(&n->lock);
	q = find_queue(n, box_hash(b));
	return q ? q->count : 0;
}

void notify_last(struct notifier *n, const struct box *b, void (*fn)(void *arg), void *arg)
{
	push(n, (struct item){ .kind = LAST, .box = box_hash(b), .fn = fn, .arg = arg });
}

void notify_poll(struct notifier *n, struct fuse_pollhandle *ph)
{
	push(n, (struct item){ .kind = POLL, .ph = ph });
}

void notify_then(struct notifier *n, void (*fn)(void *arg), void *arg)
{
	push(n, (struct item){ .kind = THEN, .fn = fn, .arg = arg });
}

/* lock held. Will the first thread look by then anyway? */
static bool looks_by(const struct notifier *n, int64_t due_ms)
{
	const struct item *item;

	DL_FOREACH(n->later, item)
	{
		if (item->due_ms <= due_ms)
			return true;
	}
	return false;
}

void notify_later(struct notifier *n, int delay_ms, void (*fn)(void *arg), void *arg)
{
	struct item *item = xmalloc(sizeof(*item));
	uint64_t one = 1;
	bool wake;

	*item = (struct item){
		.kind = THEN, .fn = fn, .arg = arg, .due_ms = deadline_after(delay_ms)
	};
	pthread_mutex_lock(&n->lock);
	wake = delay_ms < TICK_MS && !looks_by(n, item->due_ms); /* else a tick looks */
	DL_APPEND(n->later, item);
	pthread_mutex_unlock(&n->lock);
	if (wake && write(n->wake_fd, &one, sizeof(one)) < 0)
		trace(OP, "notifier: %s", strerror(errno));
}

void notify_reap(struct notifier *n, struct box *b)
{
	reaper_take(n->reaper, b);
}

/* When it comes to know the file it reads nothing of it without having asked: its attributes are enough. */
static void tell_again(struct notifier *n, const struct item *item)
{
	struct item again = { .kind = ATTR, .ino = item->ino, .tries = item->tries + 1 };
	struct item *copy;

	if (!learn_unknown(n->fs, item->ino, item->tries >= UNKNOWN_TRIES))
		return;
	again.due_ms = deadline_after(UNKNOWN_MS << item->tries);
	pthread_mutex_lock(&n->lock);
	if (!n->mute) { /* else nobody tells it */
		copy = item_of(&again);
		DL_APPEND(n->later, copy); /* a tick looks */
	}
	pthread_mutex_unlock(&n->lock);
}

static void forget(struct notifier *n, const struct item *item, off_t from)
{
	if (fuse_lowlevel_notify_inval_inode(n->fs->se, item->ino, from, 0) == -ENOENT)
		tell_again(n, item);
}

/* Takes it. No lock held. */
static void tell(struct notifier *n, struct item *item, bool mute)
{
	struct fuse_session *se = n->fs->se;

	switch (item->kind) {
	case ATTR:
		if (!mute)
			forget(n, item, -1);
		break;
	case ENTRY:
		if (!mute)
			fuse_lowlevel_notify_inval_entry(
				se, item->ino, item->name, strlen(item->name));
		break;
	case EXPIRE:
		if (!mute)
			fuse_lowlevel_notify_expire_entry(
				se, item->ino, item->name, strlen(item->name), FUSE_LL_EXPIRE_ONLY);
		break;
	case PAGES:
		if (!mute)
			forget(n, item, 0);
		break;
	case LAST:
		push_slow(n,
			(struct item){
				.kind = THEN, .box = item->box, .fn = item->fn, .arg = item->arg });
		break;
	case POLL:
		if (!mute)
			fuse_lowlevel_notify_poll(item->ph);
		fuse_pollhandle_destroy(item->ph);
		break;
	case THEN:
		item->fn(item->arg);
		break;
	}
	free(item->name);
	free(item);
}

/* lock held */
static void bring_due(struct notifier *n)
{
	struct item *item, *next;

	DL_FOREACH_SAFE(n->later, item, next)
	{
		if (!n->stop && !deadline_passed(item->due_ms))
			continue;
		DL_DELETE(n->later, item);
		DL_APPEND(n->items, item);
	}
}

static struct item *take(struct notifier *n, bool *mute)
{
	struct item *item;

	scoped_lock(&n->lock);
	bring_due(n);
	item = n->items;
	if (item)
		DL_DELETE(n->items, item);
	*mute = n->mute;
	return item;
}

static void drain(struct notifier *n)
{
	struct item *item;
	bool mute;

	while ((item = take(n, &mute)))
		tell(n, item, mute);
}

/* --- names and pages ---------------------------------------------------------- */

/*
 * lock held. The one whose turn it is, for this worker alone until it is ready again. NULL: the worker is to
 * end; what is left when the first thread has ended is done before.
 */
static struct queue *take_queue(struct notifier *n)
{
	struct queue *q;

	while (!n->ready && !n->over && n->workers <= HASH_COUNT(n->queues) + WORKERS_IDLE)
		pthread_cond_wait(&n->slow, &n->lock);
	q = n->ready;
	if (q)
		DL_DELETE(n->ready, q);
	return q;
}

/* lock held, and let go meanwhile */
static void tell_first(struct notifier *n, struct queue *q)
{
	struct item *item = q->items;
	bool mute = n->mute;

	DL_DELETE(q->items, item);
	q->count--;
	pthread_mutex_unlock(&n->lock);
	tell(n, item, mute);
	pthread_mutex_lock(&n->lock);
	if (q->items) {
		DL_APPEND(n->ready, q);
	} else {
		HASH_DEL(n->queues, q);
		free(q);
	}
}

/* lock held, and let go. Each that ends waits for the one before it: so nobody else needs to wait for more than one. */
static void end_worker(struct notifier *n)
{
	bool some = n->some_ended;
	pthread_t before = n->ended;

	n->ended = pthread_self();
	n->some_ended = true;
	if (--n->workers == 0)
		pthread_cond_signal(&n->slow);
	pthread_mutex_unlock(&n->lock);
	if (some)
		pthread_join(before, NULL);
}

static void *work(void *arg)
{
	struct notifier *n = arg;
	struct queue *q;

	pthread_mutex_lock(&n->lock);
	while ((q = take_queue(n)))
		tell_first(n, q);
	end_worker(n);
	return NULL;
}

/* lock held. Positive errno. Signals are the main thread's. */
static int start_worker(struct notifier *n)
{
	sigset_t all, before;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, work, n);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		n->workers++;
	return rc;
}

static void end_workers(struct notifier *n)
{
	pthread_mutex_lock(&n->lock);
	n->over = true;
	pthread_cond_broadcast(&n->slow);
	while (n->workers)
		pthread_cond_wait(&n->slow, &n->lock);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->ended, NULL);
}

/* --- the clock, and all else ------------------------------------------------- */

static void log_counters(struct notifier *n)
{
	auto_buf text = BUF_INIT(4096);
	struct signalfd_siginfo info;

	if (read(n->signal_fd, &info, sizeof(info)) < 0)
		return;
	fs_counters(n->fs, &text);
	log_info("counters: %s", buf_text(&text));
}

static int until_due(struct notifier *n)
{
	int ms = TICK_MS;
	struct item *item;

	scoped_lock(&n->lock);
	DL_FOREACH(n->later, item)
	{
		int left = deadline_left(item->due_ms);

		if (left < ms)
			ms = left;
	}
	return ms;
}

static bool stopping(struct notifier *n)
{
	scoped_lock(&n->lock);
	return n->stop && !n->items && !n->later;
}

static void *run(void *arg)
{
	struct notifier *n = arg;
	struct pollfd fds[2] = {
		{ .fd = n->wake_fd, .events = POLLIN },
		{ .fd = n->signal_fd, .events = POLLIN },
	};
	uint64_t count;

	while (!stopping(n)) {
		if (poll(fds, 2, until_due(n)) > 0) {
			if ((fds[0].revents & POLLIN) &&
				read(n->wake_fd, &count, sizeof(count)) < 0)
				trace(OP, "notifier: %s", strerror(errno));
			if (fds[1].revents & POLLIN)
				log_counters(n);
		}
		drain(n);
		op_table_tick(n->fs->ops);
		pool_tick(&n->fs->pool);
	}
	return NULL;
}

/* Positive errno. */
static int start_threads(struct notifier *n)
{
	int rc;

	pthread_mutex_lock(&n->lock);
	rc = start_worker(n);
	pthread_mutex_unlock(&n->lock);
	if (rc)
		return rc;
	rc = pthread_create(&n->thread, NULL, run, n);
	if (rc)
		end_workers(n);
	return rc;
}

int notifier_open(struct fs *fs, struct notifier **ret)
{
	struct notifier *n = xcalloc(1, sizeof(*n));
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	n->fs = fs;
	n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->slow, NULL);
	rc = n->wake_fd < 0 || n->signal_fd < 0 ? errno : -reaper_open(&n->reaper);
	if (rc == 0)
		rc = start_threads(n);
	if (rc) {
		reaper_close(n->reaper);
		if (n->wake_fd >= 0)
			close(n->wake_fd);
		if (n->signal_fd >= 0)
			close(n->signal_fd);
		free(n);
		return -rc;
	}
	*ret = n;
	return 0;
}

void notifier_mute(struct notifier *n)
{
	reaper_hurry(n->reaper);
	pthread_mutex_lock(&n->lock);
	n->mute = true;
	pthread_mutex_unlock(&n->lock);
}

void notifier_close(struct notifier *n)
{
	uint64_t one = 1;
	ssize_t rc;

	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stop = n->mute = true;
	pthread_mutex_unlock(&n->lock);
	rc = write(n->wake_fd, &one, sizeof(one));
	(void)rc;
	pthread_join(n->thread, NULL);
	end_workers(n); /* what they still did may have let boxes go */
	reaper_close(n->reaper);
	close(n->wake_fd);
	close(n->signal_fd);
	pthread_cond_destroy(&n->slow);
	pthread_mutex_destroy(&n->lock);
	free(n);
}
