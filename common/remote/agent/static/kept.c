#include "common/remote/agent/static/kept.h"

#include "common/base/io.h"
#include "common/base/wire.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/fields.h"
#include "common/remote/proto.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#define BASES    5
#define SMALL    4096
#define START_MS 10000 /* so long a folder may be without `about` */

static const char *const state_names[] = { "running", "exited", "signaled", "timeout", "lost" };

const char *kept_state_name(enum kept_state state)
{
	return state_names[state];
}

/* --- folders ---------------------------------------------------------------- */

static void put_path(char ret[static KEPT_PATH], const char *a, const char *b)
{
	size_t n = strnlen(a, KEPT_PATH - 1), m = strnlen(b, KEPT_PATH - 1);

	if (n + m + 2 > KEPT_PATH)
		n = m = 0;
	memmove(ret, a, n);
	ret[n] = '/';
	memcpy(ret + n + 1, b, m);
	ret[n + 1 + m] = '\0';
}

/* BASE/.sbx-runs-UID */
static void home_of(const struct world *w, int base, char ret[static KEPT_PATH])
{
	const char *const bases[BASES] = { "/var/tmp", "/tmp", "/dev/shm", "/run", w->home };
	auto_buf name = BUF_INIT(64);

	buf_str(&name, ".sbx-runs-");
	put_u64(&name, w->uid);
	put_path(ret, bases[base], name.data);
}

static bool is_ours(const struct world *w, const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == w->uid &&
	       (st.st_mode & 07777) == 0700;
}

static int in_folder(const char *home, uint32_t id, struct kept_dir *ret)
{
	auto_buf name = BUF_INIT(16);
	struct stat st;

	put_u64(&name, id);
	put_path(ret->path, home, name.data);
	ret->id = id;
	return lstat(ret->path, &st) == 0 && S_ISDIR(st.st_mode) ? 0 : -ENOENT;
}

int kept_find(const struct world *w, uint32_t id, struct kept_dir *ret)
{
	char home[KEPT_PATH];

	for (int i = 0; i < BASES; i++) {
		home_of(w, i, home);
		if (is_ours(w, home) && in_folder(home, id, ret) == 0)
			return 0;
	}
	return -ENOENT;
}

static int each_of(const char *home, int (*fn)(void *arg, const struct kept_dir *d), void *arg)
{
	DIR *dir = opendir(home);
	struct kept_dir d;
	struct dirent *e;
	uint64_t id;
	int rc = 0;

	while (dir && rc == 0 && (e = readdir(dir))) {
		if (parse_u64(e->d_name, PROTO_KEPT_ID_MAX, &id) == 0 && id && *e->d_name != '0' &&
			in_folder(home, (uint32_t)id, &d) == 0)
			rc = fn(arg, &d);
	}
	if (dir)
		closedir(dir);
	return rc;
}

int kept_each(const struct world *w, int (*fn)(void *arg, const struct kept_dir *d), void *arg)
{
	char home[KEPT_PATH];
	int rc = 0;

	for (int i = 0; i < BASES && rc == 0; i++) {
		home_of(w, i, home);
		if (is_ours(w, home))
			rc = each_of(home, fn, arg);
	}
	return rc;
}

void kept_remove(const struct kept_dir *d)
{
	DIR *dir = opendir(d->path);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(d->path);
}

struct census {
	int count;
	struct kept_dir oldest; /* of those that have ended */
	uint64_t started;
	bool found;
};

static int count_one(void *arg, const struct kept_dir *d)
{
	struct census *c = arg;
	struct kept_about about = { 0 };
	struct kept_end end;

	c->count++;
	kept_state(d, &about, &end);
	if (end.state == KEPT_RUNNING || (c->found && about.started >= c->started))
		return 0;
	c->found = true;
	c->started = about.started;
	c->oldest = *d;
	return 0;
}

static int make_room(const struct world *w)
{
	struct census c = { 0 };

	kept_each(w, count_one, &c);
	if (c.count < PROTO_KEPT_RUNS)
		return 0;
	if (!c.found)
		return -ENOSPC;
	kept_remove(&c.oldest);
	return 0;
}

/* The first home that can be written to. */
static int writable_home(const struct world *w, char ret[static KEPT_PATH])
{
	for (int i = 0; i < BASES; i++) {
		home_of(w, i, ret);
		if ((mkdir(ret, 0700) == 0 || errno == EEXIST) && is_ours(w, ret) &&
			access(ret, W_OK) == 0)
			return 0;
	}
	return -EROFS;
}

int kept_make(const struct world *w, uint32_t id, struct kept_dir *ret)
{
	char home[KEPT_PATH];
	int rc = make_room(w);

	if (rc == 0)
		rc = writable_home(w, home);
	if (rc < 0)
		return rc;
	for (; id <= PROTO_KEPT_ID_MAX; id++) {
		if (kept_find(w, id, ret) == 0)
			continue;
		in_folder(home, id, ret);
		if (mkdir(ret->path, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -ENOSPC;
}

/* --- files ------------------------------------------------------------------ */

int kept_open(const struct kept_dir *d, const char *name, int flags)
{
	char path[KEPT_PATH];
	int fd;

	put_path(path, d->path, name);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	return fd < 0 ? -errno : fd;
}

int kept_write(const struct kept_dir *d, const char *name, const struct buf *b)
{
	char path[KEPT_PATH], last[KEPT_PATH];
	int fd = kept_open(d, ".new", O_WRONLY | O_CREAT | O_TRUNC);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, b->data, b->len);
	close(fd);
	if (n != (ssize_t)b->len)
		return n < 0 ? -errno : -ENOSPC;
	put_path(path, d->path, ".new");
	put_path(last, d->path, name);
	return rename(path, last) < 0 ? -errno : 0;
}

void kept_unlink(const struct kept_dir *d, const char *name)
{
	char path[KEPT_PATH];

	put_path(path, d->path, name);
	unlink(path);
}

uint64_t kept_size(const struct kept_dir *d, const char *name)
{
	char path[KEPT_PATH];
	struct stat st;

	put_path(path, d->path, name);
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static int read_small(const struct kept_dir *d, const char *name, struct buf *ret)
{
	char path[KEPT_PATH];
	int rc;

	put_path(path, d->path, name);
	rc = io_read_file(path, ret);
	if (rc < 0)
		return rc;
	if (!ret->len || ret->data[ret->len - 1] != '\n')
		return -EBADMSG;
	buf_trim(ret, ret->len - 1);
	return 0;
}

int kept_about(const struct kept_dir *d, struct kept_about *ret)
{
	auto_buf b = BUF_INIT(SMALL);
	struct kept_about a;
	struct fields f;
	int rc = read_small(d, "about", &b);

	if (rc < 0)
		return rc;
	f = fields_of(b.data, b.len);
	a.pid = fields_u64(&f, INT32_MAX);
	a.pid_start = fields_u64(&f, INT64_MAX);
	a.keeper = fields_u64(&f, INT32_MAX);
	a.keeper_start = fields_u64(&f, INT64_MAX);
	a.started = fields_u64(&f, INT64_MAX);
	a.terminal = fields_u64(&f, 1);
	if (fields_end(&f) < 0)
		return -EBADMSG;
	*ret = a;
	return 0;
}

int kept_end(const struct kept_dir *d, struct kept_end *ret)
{
	auto_buf b = BUF_INIT(SMALL);
	struct kept_end e = { KEPT_EXITED };
	struct fields f;
	size_t n;
	const char *word;
	int rc = read_small(d, "end", &b);

	if (rc < 0)
		return rc;
	f = fields_of(b.data, b.len);
	word = fields_word(&f, &n);
	while (word &&
		(strlen(state_names[e.state]) != n || memcmp(state_names[e.state], word, n) != 0)) {
		if (e.state == KEPT_LOST)
			return -EBADMSG;
		e.state++;
	}
	e.code = fields_u64(&f, 255);
	e.out[0] = fields_u64(&f, INT64_MAX);
	e.out[1] = fields_u64(&f, INT64_MAX);
	e.dropped[0] = fields_u64(&f, INT64_MAX);
	e.dropped[1] = fields_u64(&f, INT64_MAX);
	e.ms = fields_u64(&f, INT64_MAX);
	if (fields_end(&f) < 0)
		return -EBADMSG;
	*ret = e;
	return 0;
}

void kept_start(const struct kept_dir *d, uint64_t ret[static 2])
{
	auto_buf b = BUF_INIT(SMALL);
	struct fields f;

	ret[0] = ret[1] = 0;
	if (read_small(d, "start", &b) < 0)
		return;
	f = fields_of(b.data, b.len);
	ret[0] = fields_u64(&f, INT64_MAX);
	ret[1] = fields_u64(&f, INT64_MAX);
}

uint64_t process_start(uint64_t pid)
{
	auto_buf path = BUF_INIT(64);
	auto_buf stat = BUF_INIT(SMALL);
	const char *at;
	uint64_t v = 0;

	buf_str(&path, "/proc/");
	put_u64(&path, pid);
	buf_str(&path, "/stat");
	if (io_read_file(path.data, &stat) < 0)
		return 0;
	at = strrchr(stat.data, ')');
	for (int i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	for (at = at ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
		v = v * 10 + (uint64_t)(*at - '0');
	return v;
}

bool process_is(uint64_t pid, uint64_t start)
{
	if (!pid)
		return false;
	if (start)
		return process_start(pid) == start;
	return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static bool just_made(const struct kept_dir *d)
{
	struct stat st;

	return stat(d->path, &st) == 0 && time(NULL) - st.st_ctime < START_MS / 1000;
}

void kept_state(const struct kept_dir *d, struct kept_about *about, struct kept_end *ret)
{
	struct kept_about a = { 0 };
	bool known = kept_about(d, &a) == 0;

	if (about)
		*about = a;
	if (kept_end(d, ret) == 0)
		return;
	*ret = (struct kept_end){ .state = KEPT_LOST };
	if (known ? process_is(a.keeper, a.keeper_start) : just_made(d))
		ret->state = KEPT_RUNNING;
	else if (kept_end(d, ret) == 0) /* it ended while we looked */
		return;
	ret->out[0] = kept_size(d, "out");
	ret->out[1] = kept_size(d, "err");
	if (known && ret->state == KEPT_RUNNING)
		ret->ms = (uint64_t)(time(NULL) - (time_t)a.started) * 1000;
}
