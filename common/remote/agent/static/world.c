#include "common/remote/agent/static/world.h"

#include "common/base/buf.h"

#include <limits.h>
#include <sys/stat.h>

extern char **environ;

static char *find_shell(const char *path)
{
	auto_buf b = BUF_INIT(PATH_MAX);

	while (path && *path) {
		size_t n = strcspn(path, ":");

		buf_reset(&b);
		buf_add(&b, path, n);
		buf_str(&b, "/sh");
		if (*path == '/' && !b.bad && access(b.data, X_OK) == 0)
			return buf_steal(&b);
		path += n + (path[n] == ':');
	}
	return xstrdup("/bin/sh");
}

void world_init(struct world *w)
{
	char cwd[PATH_MAX];
	struct rlimit more;

	w->home = xstrdup(getcwd(cwd, sizeof(cwd)) && cwd[0] == '/' ? cwd : "/");
	w->shell = find_shell(getenv("PATH"));
	/* The shells that started this one leave these; they say nothing of the container. */
	unsetenv("_");
	unsetenv("OLDPWD");
	w->env = environ;
	w->umask = umask(0);
	w->uid = geteuid();
	w->gid = getegid();
	if (getrlimit(RLIMIT_NOFILE, &w->files) < 0)
		w->files = (struct rlimit){ 1024, 1024 };
	more = w->files;
	more.rlim_cur = more.rlim_max < 1 << 20 ? more.rlim_max : 1 << 20;
	setrlimit(RLIMIT_NOFILE, &more);
}
