#include "common/remote/agent/static/changes.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/folder.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/agent/static/record.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#define WANTED                                                                                     \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_MODIFY |             \
		IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define NAMED    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO) /* the folder's times, too */
#define GOES     (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)
#define ALONE_MS 3
#define ENDS_MS  500 /* how long a run's end waits for what is to be told before */

/* --- events ------------------------------------------------------------------ */

static void take_event(struct changes *c, const struct inotify_event *e)
{
	struct folder *f;

	if (e->mask & IN_Q_OVERFLOW) {
		folder_lost_count(c);
		return;
	}
	f = *folder_slot(c, (uint32_t)e->wd);
	if (!f)
		return;
	if (e->mask & GOES) {
		if (!f->over && !(e->mask & IN_IGNORED))
			inotify_rm_watch(c->watch.fd, e->wd);
		folder_drop_names(c, f);
		f->over = true;
	} else {
		if (!e->len || (e->mask & NAMED))
			f->self = true;
		if (e->len)
			folder_note(c, f, e->name);
	}
	folder_due(c, f);
}

/* What is there by now: a flood goes on meanwhile. */
static void read_events(struct changes *c)
{
	char bytes[32 * 1024] __attribute__((aligned(8)));
	int there = 0;
	ssize_t n = 1;

	if (c->watch.fd < 0 || ioctl(c->watch.fd, FIONREAD, &there) < 0)
		return;
	pthread_mutex_lock(&c->lock);
	for (; there > 0 && n > 0; there -= (int)n) {
		n = read(c->watch.fd, bytes, sizeof(bytes));
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(bytes + at);

			take_event(c, e);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	pthread_mutex_unlock(&c->lock);
}

static bool may_look(const struct changes *c)
{
	return !c->looking && (c->hurry > c->looks || clock_now_ms() >= c->quiet_ms);
}

/* What the client changes one thing after the other is told with its answers, not between them. */
static int64_t goes_alone_ms(const struct changes *c)
{
	return c->hurry > c->looks ? 0 : c->agent->brief.done_ms + ALONE_MS;
}

static void on_events(void *arg, uint32_t events)
{
	struct changes *c = arg;

	if (may_look(c) && clock_now_ms() >= goes_alone_ms(c)) {
		read_events(c);
		return;
	}
	c->muted = true;
	watch_set(c->agent->loop, &c->watch, 0);
}

static void on_mounts(void *arg, uint32_t events)
{
	struct changes *c = arg;
	scoped_lock(&c->lock);

	folder_lost_count(c);
}

/* --- looking: on a worker, at the batch alone ---------------------------------- */

static void put_changes(struct buf *to, uint32_t watch, const char *bytes, size_t n)
{
	buf_add(to, "c ", 2);
	put_u64(to, watch);
	buf_char(to, ' ');
	put_u64(to, n);
	buf_char(to, '\n');
	buf_add(to, bytes, n);
}

/* -errno: the name cannot be told of. */
static int put_name(struct buf *b, int dir, const struct name *name)
{
	struct stat st;

	if (fstatat(dir, name->text, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		record_put(b, &st, name->text);
		return 0;
	}
	if (errno != ENOENT)
		return -errno;
	buf_add(b, "gone ", 5);
	buf_add(b, name->text, name->n);
	buf_add(b, "/\n", 2);
	return 0;
}

/* Its path may be another folder's by now: one above it was moved. */
static int open_same(const struct folder *f, struct stat *st)
{
	int fd = open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, st) == 0 && st->st_dev == f->dev && st->st_ino == f->ino)
		return fd;
	close(fd);
	return -ESTALE;
}

static void look_into(struct folder *f, struct buf *to)
{
	auto_buf b = BUF_INIT(2 * FOLDER_LOOK);
	auto_close int fd = -1;
	struct stat st;

	if (!f->over && !f->all)
		fd = open_same(f, &st);
	for (const struct name *name = f->names; name && fd >= 0 && !f->all; name = name->next)
		f->all = put_name(&b, fd, name) < 0;
	if (f->over || (fd < 0 && !f->all)) {
		put_changes(to, f->watch, "over/\n", 6);
		f->over = true;
	} else if (f->all || buf_check(&b) < 0) {
		put_changes(to, f->watch, "all/\n", 5);
	} else {
		if (f->self)
			record_put(&b, &st, NULL);
		if (b.len) /* what was to be told may be told by "all" */
			put_changes(to, f->watch, buf_text(&b), b.len);
	}
}

static int look(struct job *j)
{
	for (struct folder *f = j->agent->changes.batch; f; f = f->next)
		look_into(f, &j->content);
	return 0;
}

/* --- telling ------------------------------------------------------------------- */

/* A folder whose path means another one by now is not watched any more. */
static void end_lost(struct changes *c, const struct folder *part)
{
	struct folder *f = *folder_slot(c, part->watch);

	if (!part->over || !f || f->lists)
		return;
	inotify_rm_watch(c->watch.fd, (int)part->watch);
	folder_forget(c, f);
}

static void free_batch(struct changes *c)
{
	scoped_lock(&c->lock);
	while (c->batch) {
		struct folder *part = c->batch;

		c->batch = part->next;
		end_lost(c, part);
		folder_free(part);
	}
}

/* The answer of a look: all that it found. */
static bool pull(struct source *s, struct buf *to)
{
	struct job *j = (struct job *)s;
	struct changes *c = &j->agent->changes;

	buf_add(to, j->content.data, j->content.len);
	free_batch(c);
	job_free(j);
	c->looking = false;
	c->quiet_ms = deadline_after(PROTO_CHANGES_MS);
	c->looks++;
	if (c->hurry < c->looks)
		return false;
	for (struct task *t = c->agent->tasks.first; t; t = t->next) {
		if (!t->over)
			task_wants(t);
	}
	return false;
}

static void begin_look(struct changes *c)
{
	struct job *j = job_new(c->agent, 0);

	c->looking = true;
	j->work = look;
	j->brief = BRIEF_ALWAYS;
	j->source.pull = pull;
	pthread_mutex_lock(&c->lock);
	if (c->all)
		put_changes(&j->content, 0, "all/\n", 5);
	c->all = false;
	c->batch = folder_batch(c);
	pthread_mutex_unlock(&c->lock);
	agent_submit(c->agent, j);
}

static bool has_due(struct changes *c)
{
	scoped_lock(&c->lock);
	return c->due || c->all;
}

/* Also what is not due yet, because an answer that names its WATCH is still to go. */
static bool has_any(struct changes *c)
{
	scoped_lock(&c->lock);
	return c->due || c->all || c->name_count;
}

int changes_timeout(struct changes *c)
{
	if (c->looking || (!c->muted && !has_due(c)))
		return -1;
	return deadline_left(may_look(c) ? goes_alone_ms(c) : c->quiet_ms);
}

void changes_look(struct changes *c, bool answers)
{
	if (!may_look(c) || (!answers && clock_now_ms() < goes_alone_ms(c)))
		return;
	if (c->muted) {
		c->muted = false;
		watch_set(c->agent->loop, &c->watch, EPOLLIN);
		read_events(c);
	} else if (answers) {
		read_events(c);
	}
	if (has_due(c))
		begin_look(c);
}

bool changes_told(struct task *t, struct buf *to)
{
	struct changes *c = &t->agent->changes;

	if (!t->told_ms) {
		read_events(c);
		pthread_mutex_lock(&c->lock);
		t->told_by =
			c->looks + c->looking + 2 +
			(c->name_bytes + c->name_count * FOLDER_RECORD + c->count * FOLDER_RECORD) /
				FOLDER_LOOK;
		pthread_mutex_unlock(&c->lock);
		t->told_ms = deadline_after(ENDS_MS);
		if (c->hurry < t->told_by)
			c->hurry = t->told_by;
	}
	if (c->looks >= t->told_by || (!c->looking && !has_any(c)))
		return true;
	if (deadline_passed(t->told_ms)) {
		put_changes(to, 0, "all/\n", 5);
		return true;
	}
	t->look_ms = t->told_ms;
	return false;
}

/* --- which folders --------------------------------------------------------------- */

/* Elsewhere things change without an event: /proc, what other machines share, what a process makes up. */
static bool tells(int dir)
{
	static const uint32_t known[] = { 0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6,
		0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e, 0x73717368, 0xe0f5e1e2, 0x9660,
		0x3153464a, 0x52654973, 0x3434, 0x4d44, 0x2011bab0 };
	struct statfs s;

	if (fstatfs(dir, &s) < 0)
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if ((uint32_t)s.f_type == known[i])
			return true;
	}
	return false;
}

/* lock held. By its descriptor: what the path means may change between two looks. */
static int add_watch(struct changes *c, int dir)
{
	auto_buf name = BUF_INIT(64);

	buf_str(&name, "/proc/self/fd/");
	put_u64(&name, (uint64_t)dir);
	return inotify_add_watch(c->watch.fd, buf_text(&name), WANTED);
}

/* lock held. NULL: one too many. */
static struct folder *entered(struct changes *c, uint32_t watch, const struct stat *st)
{
	struct folder **slot = folder_slot(c, watch);
	struct folder *f = *slot;

	if (f)
		return f;
	if (c->count == PROTO_WATCHES) {
		inotify_rm_watch(c->watch.fd, (int)watch);
		return NULL;
	}
	f = xcalloc(1, sizeof(*f));
	*f = (struct folder){ .watch = watch, .dev = st->st_dev, .ino = st->st_ino };
	f->end = &f->names;
	*slot = f;
	c->count++;
	return f;
}

uint32_t changes_watch(struct agent *a, int dir, const char *path)
{
	struct changes *c = &a->changes;
	struct folder *f;
	struct stat st;
	int wd;

	if (c->watch.fd < 0 || fstat(dir, &st) < 0 || !tells(dir))
		return 0;
	pthread_mutex_lock(&c->lock);
	wd = add_watch(c, dir);
	f = wd > 0 ? entered(c, (uint32_t)wd, &st) : NULL;
	if (f) {
		free(f->path);
		f->path = xstrdup(path);
		f->self = true; /* who learns of it is told what it is now */
		f->lists++;
		folder_not_due(c, f);
	}
	pthread_mutex_unlock(&c->lock);
	return f ? (uint32_t)wd : 0;
}

void changes_named(struct job *j)
{
	struct changes *c = &j->agent->changes;
	struct folder *f;

	pthread_mutex_lock(&c->lock);
	f = j->watch ? *folder_slot(c, j->watch) : NULL;
	if (f) {
		f->lists--;
		f->known = f->known || j->rc == 0;
		if (f->known || f->lists) {
			folder_due(c, f);
		} else {
			inotify_rm_watch(c->watch.fd, (int)f->watch);
			folder_forget(c, f);
		}
	}
	pthread_mutex_unlock(&c->lock);
}

void changes_unwatch(struct job *j)
{
	struct changes *c = &j->agent->changes;
	struct folder *f;

	if (j->rc == 0 && j->num[0] <= UINT32_MAX && j->num[0] > 0) {
		scoped_lock(&c->lock);
		f = *folder_slot(c, (uint32_t)j->num[0]);
		/* Who is about to be told of it decides anew. */
		if (f && !f->lists) {
			inotify_rm_watch(c->watch.fd, (int)f->watch);
			folder_forget(c, f);
		}
	}
	job_free(j);
}

void changes_init(struct agent *a)
{
	struct changes *c = &a->changes;

	*c = (struct changes){ .agent = a };
	c->due_end = &c->due;
	pthread_mutex_init(&c->lock, NULL);
	c->watch = (struct watch){
		.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .ready = on_events, .arg = c
	};
	if (c->watch.fd >= 0 && watch_set(a->loop, &c->watch, EPOLLIN) < 0)
		watch_close(a->loop, &c->watch);
	c->mounts = (struct watch){ .fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC),
		.ready = on_mounts,
		.arg = c };
	/* proc(5): such a descriptor is EPOLLPRI, once, when something was mounted or unmounted */
	watch_set(a->loop, &c->mounts, EPOLLPRI);
}
