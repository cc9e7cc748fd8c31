#include "plugin/local/folder.h"
#include "common/base/buf.h"
#include "common/base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define DEPTH_MAX 4096

int folder_make(const char *path, unsigned mode, struct err *err)
{
	auto_free char *copy = xstrdup(path);

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return err_set(err, -errno, "making %s: %m", copy);
		*slash = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return err_set(err, -errno, "making %s: %m", copy);
	return 0;
}

static int empty(int dir, dev_t device, int depth);

/* An open descriptor is needed for each level, so the depth is bounded; 0 or -errno. */
static int remove_at(int dir, const char *name, dev_t device, int depth)
{
	auto_close int fd = -1;
	struct stat st;
	int rc;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -EPERM;
	if (st.st_dev != device)
		return -EXDEV;
	if ((st.st_mode & 0700) != 0700)
		fchmodat(dir, name, 0700, 0);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = empty(fd, device, depth + 1);
	if (rc < 0)
		return rc;
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int empty(int dir, dev_t device, int depth)
{
	auto_close int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	struct dirent *e;
	int rc = 0;
	DIR *d;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return -errno;
	copy = -1;
	while (rc == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = remove_at(dir, e->d_name, device, depth);
	closedir(d);
	return rc;
}

int folder_remove(const char *path, struct err *err)
{
	struct stat st;
	int rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(err, -errno, "removing %s: %m", path);
	rc = remove_at(AT_FDCWD, path, st.st_dev, 0);
	if (rc < 0)
		return err_set(err, rc, "removing %s: %s", path, strerror(-rc));
	return 0;
}

int folder_write(const char *dir, const char *name, const char *text, unsigned mode)
{
	auto_free char *path = xprintf("%s/%s", dir, name);

	return io_replace_file(path, text, strlen(text), mode);
}
