#include "common/remote/agent/static/deep.h"

#include "common/remote/agent/static/put.h"

#include <fcntl.h>
#include <limits.h>

#define PIECE_MAX (PATH_MAX - 64) /* what stands before it, too, must fit */

/* The end of the longest beginning that can be opened at once; NULL: a name as long as that. */
static char *piece_end(char *path)
{
	char *slash = memrchr(path, '/', PIECE_MAX);

	return slash == path ? NULL : slash;
}

/* The folder that is so far down; rest is what is left of path. -errno. */
static int descend(char *path, char **rest)
{
	int dir = AT_FDCWD;

	while (strlen(path) >= PIECE_MAX) {
		char *end = piece_end(path);
		int next = -1;

		errno = ENAMETOOLONG;
		if (end) {
			*end = '\0';
			next = openat(dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
		if (dir >= 0)
			close(dir);
		if (next < 0)
			return -errno;
		dir = next;
		path = end + 1;
	}
	*rest = path;
	return dir;
}

static int shorten(struct job *j, int i)
{
	auto_buf b = BUF_INIT(PATH_MAX);
	char *rest = NULL;
	int fd;

	if (!j->text[i] || strlen(j->text[i]) < PATH_MAX)
		return 0;
	fd = descend(j->text[i], &rest);
	if (fd < 0)
		return fd;
	j->deep_fd[i] = fd;
	buf_str(&b, "/proc/self/fd/");
	put_u64(&b, (uint64_t)fd);
	buf_char(&b, '/');
	buf_str(&b, rest);
	free(j->text[i]);
	j->text[i] = buf_steal(&b);
	return 0;
}

static int work(struct job *j)
{
	int rc = shorten(j, 0);

	if (rc == 0)
		rc = shorten(j, 1);
	return rc < 0 ? rc : j->deep(j);
}

static bool is_deep(const char *text)
{
	return text && strlen(text) >= PATH_MAX;
}

void deep_prepare(struct job *j)
{
	if (!is_deep(j->text[0]) && !is_deep(j->text[1]))
		return;
	j->deep = j->work;
	j->work = work;
	j->quick = NULL;
	j->brief = BRIEF_NOT;
}
