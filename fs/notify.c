#include "fs/notify.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/op.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <utlist.h>

#define TICK_MS         100 /* how late an interrupted request on a stalled line may end */
#define REAP_TIMEOUT_MS 1000

enum kind { ATTR, ENTRY, POLL, THEN, REAP };

struct item {
	enum kind kind;
	uint64_t ino;
	char *name;
	struct fuse_pollhandle *ph;
	void (*fn)(void *arg);
	void *arg;
	struct item *prev, *next;
};

struct notifier {
	struct fs *fs;
	pthread_t thread;
	int wake_fd, signal_fd;
	pthread_mutex_t lock; /* all below */
	struct item *items;
	bool stop, mute;
};

static void push(struct notifier *n, struct item item)
{
	struct item *copy = xmalloc(sizeof(*copy));
	uint64_t one = 1;
	ssize_t rc;

	*copy = item;
	pthread_mutex_lock(&n->lock);
	DL_APPEND(n->items, copy);
	pthread_mutex_unlock(&n->lock);
	rc = write(n->wake_fd, &one, sizeof(one)); /* full means it is awake anyway */
	(void)rc;
}

void notify_attr(struct notifier *n, uint64_t ino)
{
	push(n, (struct item){ .kind = ATTR, .ino = ino });
}

void notify_entry(struct notifier *n, uint64_t parent, const char *name)
{
	push(n, (struct item){ .kind = ENTRY, .ino = parent, .name = xstrdup(name) });
}

void notify_poll(struct notifier *n, struct fuse_pollhandle *ph)
{
	push(n, (struct item){ .kind = POLL, .ph = ph });
}

void notify_then(struct notifier *n, void (*fn)(void *arg), void *arg)
{
	push(n, (struct item){ .kind = THEN, .fn = fn, .arg = arg });
}

void notify_reap(struct notifier *n, struct box *b)
{
	push(n, (struct item){ .kind = REAP, .arg = b });
}

static void tell(struct notifier *n, struct item *item, bool mute)
{
	struct fuse_session *se = n->fs->se;

	switch (item->kind) {
	case ATTR:
		if (!mute)
			fuse_lowlevel_notify_inval_inode(se, item->ino, -1, 0);
		break;
	case ENTRY:
		if (!mute)
			fuse_lowlevel_notify_inval_entry(
				se, item->ino, item->name, strlen(item->name));
		break;
	case POLL:
		if (!mute)
			fuse_lowlevel_notify_poll(item->ph);
		fuse_pollhandle_destroy(item->ph);
		break;
	case THEN:
		item->fn(item->arg);
		break;
	case REAP:
		box_close_session(item->arg, mute ? 0 : REAP_TIMEOUT_MS);
		break;
	}
}

static struct item *take(struct notifier *n, bool *mute)
{
	struct item *item;

	scoped_lock(&n->lock);
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

	while ((item = take(n, &mute))) {
		tell(n, item, mute);
		free(item->name);
		free(item);
	}
}

static void log_counters(struct notifier *n)
{
	auto_buf text = BUF_INIT(4096);
	struct signalfd_siginfo info;

	if (read(n->signal_fd, &info, sizeof(info)) < 0)
		return;
	fs_counters(n->fs, &text);
	log_info("counters: %s", buf_text(&text));
}

static bool stopping(struct notifier *n)
{
	scoped_lock(&n->lock);
	return n->stop && !n->items;
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
		if (poll(fds, 2, TICK_MS) > 0) {
			if ((fds[0].revents & POLLIN) &&
				read(n->wake_fd, &count, sizeof(count)) < 0)
				trace(OP, "notifier: %s", strerror(errno));
			if (fds[1].revents & POLLIN)
				log_counters(n);
		}
		drain(n);
		op_table_tick(n->fs->ops);
	}
	return NULL;
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
	rc = n->wake_fd < 0 || n->signal_fd < 0 ? errno : pthread_create(&n->thread, NULL, run, n);
	if (rc) {
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
	scoped_lock(&n->lock);
	n->mute = true;
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
	close(n->wake_fd);
	close(n->signal_fd);
	pthread_mutex_destroy(&n->lock);
	free(n);
}
