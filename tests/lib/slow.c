/* Linked into an agent whose unlink(2) of a fifo waits until somebody opens that for writing. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);

int __wrap_unlink(const char *path)
{
	struct stat st;
	int fd = -1;

	if (lstat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return __real_unlink(path);
}
