#include "common/remote/pack/sys.h"

#include "common/remote/pack/hash64.h"
#include "common/remote/pack/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void pack_names_fini(struct pack_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->at[i].name);
	free(n->at);
	*n = (struct pack_names){ 0 };
}

void pack_names_add(struct pack_names *n, const char *name, unsigned char type)
{
	if ((n->count & (n->count - 1)) == 0)
		n->at = xrealloc(n->at, (n->count ? n->count * 2 : 1) * sizeof(*n->at));
	n->at[n->count++] = (struct pack_name){ xstrdup(name), type };
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pack_name *)a)->name, ((const struct pack_name *)b)->name);
}

void pack_names_sort(struct pack_names *n)
{
	if (n->count)
		qsort(n->at, n->count, sizeof(*n->at), by_name);
}

int pack_hash_file(struct pack_sys *sys, int fd, uint64_t n, uint64_t *ret)
{
	auto_free char *piece = xmalloc(PACK_HASH_PIECE);
	uint64_t at = 0, hash = 0;

	while (at < n) {
		size_t want = n - at < PACK_HASH_PIECE ? (size_t)(n - at) : PACK_HASH_PIECE;
		size_t got = 0;

		while (got < want) {
			ssize_t more = sys->read(sys, fd, piece + got, want - got, at + got);

			if (more <= 0)
				return more < 0 ? (int)more : -ESTALE;
			got += (size_t)more;
		}
		hash = hash64(piece, got, hash);
		at += got;
	}
	*ret = hash;
	return 0;
}

/* --- this machine's ------------------------------------------------------------------- */

static int at(int dir)
{
	return dir < 0 ? AT_FDCWD : dir;
}

static int result(int rc)
{
	return rc < 0 ? -errno : 0;
}

static int here_open(struct pack_sys *s, int dir, const char *name, int flags, unsigned mode)
{
	int fd;

	flags |= O_CLOEXEC | O_NONBLOCK | (dir < 0 ? 0 : O_NOFOLLOW);
	fd = openat(at(dir), name, flags, (mode_t)mode);
	return fd < 0 ? -errno : fd;
}

static int here_close(struct pack_sys *s, int fd)
{
	return result(close(fd));
}

static ssize_t here_read(struct pack_sys *s, int fd, void *to, size_t n, uint64_t offset)
{
	ssize_t got;

	do
		got = pread(fd, to, n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static int here_write(struct pack_sys *s, int fd, const void *bytes, size_t n, uint64_t offset)
{
	const char *from = bytes;

	while (n) {
		ssize_t put = pwrite(fd, from, n, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		from += put;
		offset += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

/* Where a file system knows no holes, all is data. */
static int here_data(struct pack_sys *s, int fd, uint64_t from, uint64_t *ret_at, uint64_t *ret_end)
{
	off_t begin = lseek(fd, (off_t)from, SEEK_DATA);
	off_t end;

	if (begin < 0 && errno == ENXIO)
		return -ENXIO;
	end = begin < 0 ? -1 : lseek(fd, begin, SEEK_HOLE);
	*ret_at = begin < 0 ? from : (uint64_t)begin;
	*ret_end = end < 0 ? UINT64_MAX : (uint64_t)end;
	return 0;
}

static int here_truncate(struct pack_sys *s, int fd, uint64_t size)
{
	return result(ftruncate(fd, (off_t)size));
}

static int here_zero(struct pack_sys *s, int fd, uint64_t from, uint64_t to)
{
	static const char none[512];

	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
		    (off_t)(to - from)) == 0)
		return 0;
	while (from < to) {
		size_t n = to - from < sizeof(none) ? (size_t)(to - from) : sizeof(none);
		int rc = here_write(s, fd, none, n, from);

		if (rc < 0)
			return rc;
		from += n;
	}
	return 0;
}

static int here_fstat(struct pack_sys *s, int fd, struct stat *ret)
{
	return result(fstat(fd, ret));
}

static int here_stat(struct pack_sys *s, int dir, const char *name, bool follow, struct stat *ret)
{
	return result(fstatat(at(dir), name, ret, follow ? 0 : AT_SYMLINK_NOFOLLOW));
}

static int here_list(struct pack_sys *s, int dir, struct pack_names *ret)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *d;
	int rc;

	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		rc = -errno;
		close(fd);
		return rc;
	}
	errno = 0;
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			pack_names_add(ret, e->d_name, e->d_type);
		errno = 0;
	}
	rc = -errno;
	closedir(d);
	pack_names_sort(ret);
	return rc;
}

static ssize_t here_readlink(struct pack_sys *s, int dir, const char *name, char *to, size_t n)
{
	ssize_t got = readlinkat(at(dir), name, to, n);

	return got < 0 ? -errno : got;
}

static char *here_real(struct pack_sys *s, const char *path)
{
	return realpath(path, NULL);
}

static int here_mkdir(struct pack_sys *s, int dir, const char *name, unsigned mode)
{
	return result(mkdirat(at(dir), name, (mode_t)mode));
}

static int here_symlink(struct pack_sys *s, const char *target, int dir, const char *name)
{
	return result(symlinkat(target, at(dir), name));
}

static int here_fifo(struct pack_sys *s, int dir, const char *name, unsigned mode)
{
	return result(mkfifoat(at(dir), name, (mode_t)mode));
}

static int here_link(struct pack_sys *s, int from, const char *old, int dir, const char *name)
{
	return result(linkat(at(from), old, at(dir), name, 0));
}

static int here_rename(struct pack_sys *s, int dir, const char *old, const char *name)
{
	return result(renameat(at(dir), old, at(dir), name));
}

static int here_unlink(struct pack_sys *s, int dir, const char *name, bool is_dir)
{
	return result(unlinkat(at(dir), name, is_dir ? AT_REMOVEDIR : 0));
}

static int here_fset(struct pack_sys *s, int fd, const struct pack_set *set)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, set->mtime };

	if ((set->uid >= 0 || set->gid >= 0) && fchown(fd, (uid_t)set->uid, (gid_t)set->gid) < 0)
		return -errno;
	if (set->mode >= 0 && fchmod(fd, (mode_t)set->mode) < 0)
		return -errno;
	return set->mtime.tv_nsec == UTIME_OMIT ? 0 : result(futimens(fd, times));
}

/* Never of what a link leads to. Where neither the kernel nor /proc can do that, a look must do. */
static int chmod_itself(int dir, const char *name, mode_t mode)
{
	struct stat st;

	if (fchmodat(dir, name, mode, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
		return -errno;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISLNK(st.st_mode) ? -ELOOP : result(fchmodat(dir, name, mode, 0));
}

static int here_set(struct pack_sys *s, int dir, const char *name, const struct pack_set *set)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, set->mtime };
	int rc;

	if ((set->uid >= 0 || set->gid >= 0) &&
		fchownat(at(dir), name, (uid_t)set->uid, (gid_t)set->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	rc = set->mode < 0 ? 0 : chmod_itself(at(dir), name, (mode_t)set->mode);
	if (rc < 0)
		return rc;
	return set->mtime.tv_nsec == UTIME_OMIT
		       ? 0
		       : result(utimensat(at(dir), name, times, AT_SYMLINK_NOFOLLOW));
}

static uint32_t here_uid(struct pack_sys *s)
{
	return geteuid();
}

struct pack_sys pack_sys_here = { .open = here_open,
	.close = here_close,
	.read = here_read,
	.write = here_write,
	.data = here_data,
	.truncate = here_truncate,
	.zero = here_zero,
	.fstat = here_fstat,
	.stat = here_stat,
	.list = here_list,
	.readlink = here_readlink,
	.real = here_real,
	.mkdir = here_mkdir,
	.symlink = here_symlink,
	.fifo = here_fifo,
	.link = here_link,
	.rename = here_rename,
	.unlink = here_unlink,
	.fset = here_fset,
	.set = here_set,
	.links_set = true,
	.mask = 022,
	.uid = here_uid };
