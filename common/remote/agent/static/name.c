#include "common/remote/agent/static/name.h"

#include "common/remote/agent/static/agent.h"
#include "common/base/squeeze.h"
#include "common/remote/agent/static/own.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/agent/static/record.h"
#include "common/remote/agent/static/set.h"
#include "common/remote/proto.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static int answer_stat(struct job *j, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	quick_learn_name(&j->agent->quick, path, st.st_dev);
	job_record(j, &st);
	return 0;
}

/* The RECORD of what a call has made or changed. */
static int made(struct job *j, int rc, const char *path)
{
	return rc < 0 ? -errno : answer_stat(j, path);
}

static int done(int rc)
{
	return rc < 0 ? -errno : 0;
}

int name_stat(struct job *j)
{
	return answer_stat(j, j->text[0]);
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* As proto.h's BLOCK. */
static void put_block(struct job *j, const struct buf *piece)
{
	auto_buf block = BUF_INIT(2 * OUT_FRAME);
	auto_free char *packed = NULL;
	size_t n = 0;

	if (piece->len >= PROTO_SQUEEZE_MIN)
		packed = squeezed(piece->data, piece->len, &n);
	put_u64(&block, n);
	buf_char(&block, ' ');
	put_u64(&block, piece->len);
	buf_char(&block, '\n');
	buf_add(&block, n ? packed : piece->data, n ? n : piece->len);
	pool_put(&j->agent->pool, j, &block);
}

static void put_piece(struct job *j, const struct buf *piece)
{
	if (j->packs)
		put_block(j, piece);
	else
		pool_put(&j->agent->pool, j, piece);
}

/*
 * 1: a RECORD. 0: none, what goes while it is looked at was never there. Of what cannot be looked at (a mount whose
 * server is gone) it has the kind alone; where nothing can, the folder being readable but no more, -EACCES.
 */
static int put_entry(struct buf *piece, DIR *dir, const struct dirent *e)
{
	struct stat st;

	if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT || errno == EACCES)
			return errno == ENOENT ? 0 : -EACCES;
		st = (struct stat){ .st_ino = e->d_ino,
			.st_mode = e->d_type ? DTTOIF(e->d_type) : S_IFREG };
	}
	record_put(piece, &st, e->d_name);
	return 1;
}

/* Every name. */
static int list(struct job *j, DIR *dir, struct buf *piece)
{
	uint64_t count = 0;
	struct dirent *e;
	int put;

	for (errno = 0; (e = readdir(dir)); errno = 0) {
		put = is_dot(e->d_name) ? 0 : put_entry(piece, dir, e);
		if (put < 0)
			return put;
		count += (uint64_t)put;
		if (piece->len < OUT_FRAME)
			continue;
		put_piece(j, piece);
		buf_reset(piece);
	}
	if (errno)
		return -errno;
	if (piece->len)
		put_piece(j, piece);
	put_words(&j->fields, (const uint64_t[]){ count, j->watch }, j->num[0] ? 2 : 1);
	return 0;
}

int name_list(struct job *j)
{
	auto_buf piece = BUF_INIT(2 * OUT_FRAME);
	int fd = open(j->text[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int rc;

	if (!dir) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (j->num[0] && !j->deep) {
		j->watch = changes_watch(j->agent, fd, j->text[0]);
		j->told = changes_named;
	}
	rc = list(j, dir, &piece);
	closedir(dir);
	return rc;
}

int name_zlist(struct job *j)
{
	j->packs = true;
	return name_list(j);
}

int name_readlink(struct job *j)
{
	char target[PATH_MAX];
	ssize_t n = readlink(j->text[0], target, sizeof(target));

	if (n < 0)
		return -errno;
	buf_add(&j->content, target, (size_t)n);
	return 0;
}

int name_mkdir(struct job *j)
{
	struct own own = own_begin(j->num[1], j->num[2]);
	int rc = mkdir(j->text[0], (mode_t)j->num[0] & 07777);

	own_end(&own);
	/* mkdir takes no set-id bits. */
	if (rc == 0 && (j->num[0] & 06000))
		rc = chmod(j->text[0], (mode_t)j->num[0] & 07777);
	return made(j, rc, j->text[0]);
}

int name_mknod(struct job *j)
{
	mode_t mode = (mode_t)j->num[0];
	dev_t dev = makedev((unsigned)j->num[3], (unsigned)j->num[4]);
	struct own own;
	int rc;

	if (!S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISCHR(mode) && !S_ISBLK(mode))
		return -EPERM;
	own = own_begin(j->num[1], j->num[2]);
	rc = mknod(j->text[0], mode & (S_IFMT | 07777), dev);
	own_end(&own);
	return made(j, rc, j->text[0]);
}

int name_symlink(struct job *j)
{
	struct own own = own_begin(j->num[0], j->num[1]);
	int rc = symlink(j->text[0], j->text[1]);

	own_end(&own);
	return made(j, rc, j->text[1]);
}

int name_link(struct job *j)
{
	return made(j, link(j->text[0], j->text[1]), j->text[1]);
}

int name_rename(struct job *j)
{
	const char *flag = j->word[0];
	unsigned flags = *flag == 'n' ? 1 : *flag == 'x' ? 2 : 0; /* RENAME_NOREPLACE, _EXCHANGE */

	if (flag[0] && (flag[1] || (!flags && *flag != '-')))
		return -EINVAL;
	if (!flags)
		return done(rename(j->text[0], j->text[1]));
	return done((int)syscall(SYS_renameat2, AT_FDCWD, j->text[0], AT_FDCWD, j->text[1], flags));
}

int name_unlink(struct job *j)
{
	return done(unlink(j->text[0]));
}

int name_rmdir(struct job *j)
{
	return done(rmdir(j->text[0]));
}

int name_statfs(struct job *j)
{
	struct statvfs v;

	if (statvfs(j->text[0], &v) < 0)
		return -errno;
	put_words(&j->fields,
		(const uint64_t[]){ v.f_frsize ? v.f_frsize : v.f_bsize, v.f_blocks, v.f_bfree,
			v.f_bavail, v.f_files, v.f_ffree, v.f_namemax },
		7);
	return 0;
}
