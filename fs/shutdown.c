#include "fs/shutdown.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/keep.h"
#include "common/kube/net.h"
#include "common/kube/rest.h"
#include "fs/box.h"
#include "fs/notify.h"
#include "fs/oplog.h"

#include <fcntl.h>

#define BYE_MS      500
#define THREADS_MAX 256

struct closing {
	pthread_t thread;
	struct session *session;
};

static void *close_one(void *arg)
{
	struct closing *c = arg;

	session_close(c->session, BYE_MS);
	return NULL;
}

/* Their sessions, no longer the boxes'. */
static size_t take_sessions(struct fs *fs, struct closing *ret, size_t max)
{
	struct box *b, *next;
	size_t n = 0;

	HASH_ITER(hh, fs->tree.boxes, b, next)
	{
		scoped_lock(&b->session_lock);
		atomic_store(&b->down, -ESTALE);
		if (b->session && n < max)
			ret[n++].session = take_ptr(b->session);
	}
	return n;
}

static bool close_sessions(struct fs *fs, int64_t deadline_ms)
{
	struct closing *all = xcalloc(THREADS_MAX, sizeof(*all));
	struct timespec until;
	bool ok = true;
	size_t n;

	pthread_mutex_lock(&fs->lock);
	n = take_sessions(fs, all, THREADS_MAX);
	pthread_mutex_unlock(&fs->lock);
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&all[i].thread, NULL, close_one, &all[i]))
			all[i].session = NULL;
	for (size_t i = 0; i < n; i++) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += deadline_left(deadline_ms) / 1000;
		until.tv_nsec += deadline_left(deadline_ms) % 1000 * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000L;
		}
		if (all[i].session && pthread_timedjoin_np(all[i].thread, NULL, &until) != 0)
			ok = false;
	}
	if (ok)
		free(all);
	return ok;
}

static void stop_keeping(struct fs *fs)
{
	if (fs->kube)
		kube_interrupt(fs->kube);
	keep_close(fs->keep);
}

/*
 * When it has left our namespace, what is on its folder now may be another's, and libfuse would unmount
 * that, unless poll(2) says POLLERR of the device, as it does of a pipe that nobody reads. The copies elsewhere
 * answer "not connected" from the moment in which nobody holds the device.
 */
static void leave_mount(struct fs *fs)
{
	int nobody[2];

	if (atomic_load(&fs->gone)) {
		if (pipe2(nobody, O_CLOEXEC) < 0)
			return; /* the end of this process does the same */
		close(nobody[0]);
		dup3(nobody[1], fuse_session_fd(fs->se), O_CLOEXEC);
		close(nobody[1]);
	}
	fuse_session_unmount(fs->se);
}

bool shutdown_all(struct fs *fs)
{
	int64_t deadline_ms = deadline_after(SHUTDOWN_MS);
	bool ok;

	notifier_mute(fs->notifier);
	fuse_remove_signal_handlers(fs->se);
	leave_mount(fs);
	ok = close_sessions(fs, deadline_ms);
	oplog_end(fs->oplog);
	if (!ok || deadline_passed(deadline_ms)) {
		log_warn("some streams did not end in time");
		_exit(0); /* the mount is gone; waiting on would help nobody */
	}
	tree_close(fs);
	stop_keeping(fs);
	return true;
}

int shutdown_failed(struct fs *fs)
{
	tree_close(fs);
	stop_keeping(fs);
	oplog_end(fs->oplog);
	return 1;
}
