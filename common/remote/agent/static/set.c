#include "common/remote/agent/static/set.h"

#include "common/remote/agent/static/agent.h"

#include <fcntl.h>

/* "now", "-" or SECONDS.NANOSECONDS with nine digits. */
static int time_of(const char *text, struct timespec *ret)
{
	bool minus = *text == '-';
	uint64_t seconds = 0;
	long ns = 0;
	int n = 0;

	*ret = (struct timespec){ .tv_nsec = *text == 'n' ? UTIME_NOW : UTIME_OMIT };
	if (strcmp(text, "now") == 0 || strcmp(text, "-") == 0)
		return 0;
	for (text += minus; *text >= '0' && *text <= '9' && n < 18; text++, n++)
		seconds = seconds * 10 + (uint64_t)(*text - '0');
	if (!n || *text++ != '.')
		return -EINVAL;
	for (n = 0; *text >= '0' && *text <= '9' && n < 9; text++, n++)
		ns = ns * 10 + (*text - '0');
	if (n != 9 || *text)
		return -EINVAL;
	ret->tv_sec = minus ? -(time_t)seconds : (time_t)seconds;
	ret->tv_nsec = ns;
	return 0;
}

/* What is wished, in the order in which it is done. */
struct wish {
	uint64_t size, mode;
	uid_t uid;
	gid_t gid;
	struct timespec times[2];
};

static int wish_of(const struct job *j, const uint64_t *num, struct wish *ret)
{
	ret->size = num[0];
	ret->mode = num[1];
	ret->uid = (uid_t)num[2];
	ret->gid = (gid_t)num[3];
	if (time_of(j->word[0], &ret->times[0]) < 0 || time_of(j->word[1], &ret->times[1]) < 0)
		return -EINVAL;
	return 0;
}

static bool sets_owner(const struct wish *w)
{
	return w->uid != (uid_t)-1 || w->gid != (gid_t)-1;
}

static bool sets_times(const struct wish *w)
{
	return w->times[0].tv_nsec != UTIME_OMIT || w->times[1].tv_nsec != UTIME_OMIT;
}

int set_handle(struct job *j)
{
	struct wish w;
	struct stat st;

	if (wish_of(j, j->num + 1, &w) < 0)
		return -EINVAL;
	if (w.size != SET_KEEP && ftruncate(j->fd, (off_t)w.size) < 0)
		return -errno;
	if (sets_owner(&w) && fchown(j->fd, w.uid, w.gid) < 0)
		return -errno;
	if (w.mode != SET_KEEP && fchmod(j->fd, (mode_t)w.mode & 07777) < 0)
		return -errno;
	if (sets_times(&w) && futimens(j->fd, w.times) < 0)
		return -errno;
	if (fstat(j->fd, &st) < 0)
		return -errno;
	job_record(j, &st);
	return 0;
}

static int cut(const char *path, uint64_t size)
{
	auto_close int fd = -1;
	struct stat st;

	/* Opening anything else may wait, or do things. */
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 || ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

/* chmod follows a link; the link itself has no mode to change. */
static int change_mode(const char *path, uint64_t mode)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -EOPNOTSUPP;
	return chmod(path, (mode_t)mode & 07777) < 0 ? -errno : 0;
}

int set_path(struct job *j)
{
	const char *path = j->text[0];
	struct wish w;
	struct stat st;
	int rc = wish_of(j, j->num, &w);

	if (rc == 0 && w.size != SET_KEEP)
		rc = cut(path, w.size);
	if (rc == 0 && sets_owner(&w) && lchown(path, w.uid, w.gid) < 0)
		rc = -errno;
	if (rc == 0 && w.mode != SET_KEEP)
		rc = change_mode(path, w.mode);
	if (rc == 0 && sets_times(&w) &&
		utimensat(AT_FDCWD, path, w.times, AT_SYMLINK_NOFOLLOW) < 0)
		rc = -errno;
	if (rc == 0 && (w.size == SET_KEEP ? lstat(path, &st) : stat(path, &st)) < 0)
		rc = -errno;
	if (rc == 0)
		job_record(j, &st);
	return rc;
}
