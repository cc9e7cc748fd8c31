#include "plugin/program.h"

#include "common/base/io.h"
#include "common/base/path.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

void args_add(struct args *a, const char *word)
{
	a->at = xrealloc(a->at, (a->count + 2) * sizeof(*a->at));
	a->at[a->count++] = xstrdup(word);
	a->at[a->count] = NULL;
}

void args_printf(struct args *a, const char *fmt, ...)
{
	auto_buf word = BUF_INIT(1024 * 1024);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&word, fmt, ap);
	va_end(ap);
	args_add(a, buf_text(&word));
}

void args_fini(struct args *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->at[i]);
	free(a->at);
	*a = (struct args){ 0 };
}

static char *runnable(const char *dir, size_t n, const char *middle, const char *name)
{
	auto_free char *path =
		xprintf("%.*s%s%s/%s", (int)n, dir, *middle ? "/" : "", middle, name);

	return access(path, X_OK) ? NULL : take_ptr(path);
}

static char *on_path(const char *name)
{
	const char *at = getenv("PATH");

	for (; at && *at; at += at[0] == ':') {
		size_t n = strcspn(at, ":");
		char *found = n ? runnable(at, n, "", name) : NULL;

		if (found)
			return found;
		at += n;
	}
	return NULL;
}

char *program_own(void)
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (n <= 0)
		return NULL;
	own[n] = '\0';
	return xstrdup(own);
}

char *program_find(const char *name, const char *beside)
{
	auto_free char *own = program_own();
	char *found = NULL;
	size_t dir;

	if (own) {
		dir = (size_t)(path_base(own) - own) - 1;
		found = runnable(own, dir, "", name);
		if (!found)
			found = runnable(own, dir, beside, name);
	}
	return found ? found : on_path(name);
}

static void signals_as_new(void)
{
	sigset_t none;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int program_hear(int fd, int64_t deadline_ms, struct buf *ret)
{
	char bytes[1024];
	ssize_t n;

	while (!memchr(buf_text(ret), '\n', ret->len)) {
		n = io_read_some(fd, bytes, sizeof(bytes), deadline_ms);
		if (n <= 0)
			return (int)n;
		buf_add(ret, bytes, (size_t)n);
	}
	return 0;
}

int program_become(const char *path, const struct args *a)
{
	signals_as_new();
	execv(path, a->at);
	return -errno;
}

pid_t program_start(const char *path, const struct args *a, int out, int errs)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid)
		return pid;
	if ((out >= 0 && dup2(out, STDOUT_FILENO) < 0) ||
		(errs >= 0 && dup2(errs, STDERR_FILENO) < 0))
		_exit(126);
	program_become(path, a);
	_exit(127);
}

int program_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
