#include "common/base/clock.h"
#include "common/base/io.h"
#include "plugin/farpriv.h"

#include <sys/socket.h>

#define OPEN_MS 30000
#define BYE_MS  1000
#define TIDY_S  2
#define WORKERS 8

int far_number(struct far_agent *f, char *path)
{
	scoped_lock(&f->lock);
	for (int i = 0; i < FAR_FILES_MAX; i++) {
		if (f->files[i].used)
			continue;
		f->files[i] = (struct far_file){ .used = true, .path = path };
		return i;
	}
	free(path);
	return -EMFILE;
}

char *far_path(struct far_agent *f, int dir, const char *name)
{
	if (dir < 0)
		return *name == '/' ? xstrdup(name) : pack_join(f->far.cwd, name);
	if (!strcmp(name, "."))
		return xstrdup(f->files[dir].path);
	return pack_join(strcmp(f->files[dir].path, "/") ? f->files[dir].path : "", name);
}

void far_touched(struct far_agent *f, int dir)
{
	if (dir >= 0)
		f->files[dir].stale = true;
}

int far_call(struct far_agent *f, const struct remote_request *rq, struct remote_reply *reply)
{
	int rc = session_call(f->session, rq, deadline_after(FAR_CALL_MS), reply);

	return rc == -ENOTCONN || rc == -ESTALE ? -EIO : rc;
}

int far_simple(struct far_agent *f, const struct remote_request *rq)
{
	struct remote_reply reply = { 0 };
	int rc = far_call(f, rq, &reply);

	remote_reply_fini(&reply);
	return rc;
}

void far_stat_of(const struct attr *a, struct stat *ret)
{
	*ret = (struct stat){ .st_mode = a->mode,
		.st_dev = a->dev,
		.st_ino = a->ino,
		.st_nlink = a->nlink,
		.st_uid = a->uid,
		.st_gid = a->gid,
		.st_size = (off_t)a->size,
		.st_blocks = (blkcnt_t)a->blocks,
		.st_atim = a->atime,
		.st_mtim = a->mtime,
		.st_ctim = a->ctime };
}

struct remote_request far_set_of(const struct pack_set *set)
{
	return (struct remote_request){ .op = OP_SET,
		.sets = set->mode < 0 ? 0 : SET_MODE,
		.mode = (uint32_t)set->mode,
		.uid = set->uid < 0 ? REMOTE_ID_KEEP : (uint32_t)set->uid,
		.gid = set->gid < 0 ? REMOTE_ID_KEEP : (uint32_t)set->gid,
		.atime = { .tv_nsec = UTIME_OMIT },
		.mtime = set->mtime };
}

static uint32_t far_uid(struct pack_sys *s)
{
	return far_of(s)->far.uid;
}

/* --- life ----------------------------------------------------------------------------------- */

static void *serve(void *arg)
{
	struct far_agent *f = arg;

	pack_serve(f->theirs, f->theirs, false, &f->sys, f->far.cwd, WORKERS);
	shutdown(f->theirs, SHUT_RDWR);
	return NULL;
}

static int connect_far(struct far_agent *f, const struct session_spec *spec, struct err *err)
{
	const struct remote_request ping = { .op = OP_PING };
	struct remote_reply reply = { 0 };
	int rc = session_open(spec, &f->session);

	if (rc < 0)
		return err_set(err, rc, "cannot start a thread: %s", strerror(-rc));
	rc = session_call(f->session, &ping, deadline_after(OPEN_MS), &reply);
	if (rc < 0)
		err_set(err, rc, "%s", err_text(&reply.err, rc));
	remote_reply_fini(&reply);
	return rc < 0 ? rc : session_far(f->session, &f->far);
}

int far_agent_open(const struct session_spec *spec, struct far_agent **ret, struct err *err)
{
	struct far_agent *f = xcalloc(1, sizeof(*f));
	int fds[2], rc;

	f->sys.uid = far_uid;
	f->sys.mask = 022;
	far_names(&f->sys);
	far_files(&f->sys);
	f->fd = f->theirs = -1;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->wake, NULL);
	rc = connect_far(f, spec, err);
	if (rc == 0 && io_pair(fds) == 0) {
		f->fd = fds[0];
		f->theirs = fds[1];
		f->running = !pthread_create(&f->thread, NULL, serve, f);
	}
	if (!f->running) {
		far_agent_close(f);
		return rc < 0 ? rc : err_set(err, -EAGAIN, "cannot start a thread");
	}
	*ret = f;
	return 0;
}

int far_agent_fd(const struct far_agent *f)
{
	return f->fd;
}

/* It takes back what is half done there, if that can be had soon; then what it waits for ends, too. */
static void end_serving(struct far_agent *f)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIDY_S;
	if (pthread_timedjoin_np(f->thread, NULL, &until) == 0)
		return;
	session_down(f->session, -ENOTCONN);
	pthread_join(f->thread, NULL);
}

void far_agent_close(struct far_agent *f)
{
	if (!f)
		return;
	close_at(&f->fd);
	if (f->running)
		end_serving(f);
	session_close(f->session, BYE_MS);
	close_at(&f->theirs);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->wake);
	free(f);
}
