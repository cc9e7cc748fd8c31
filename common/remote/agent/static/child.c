#include "common/remote/agent/static/child.h"

#include "common/base/io.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/agent/static/user.h"
#include "common/remote/text.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define ARGUMENT_MAX 100000 /* of a script; the kernel's is 128 KiB */
#define SCRIPT_FD    9
#define LINE_MAX_    256 /* of "#!", as the kernel's */

static void complain(const char *what, const char *why)
{
	auto_buf b = BUF_INIT(PATH_MAX + 256);
	ssize_t n;

	put_complaint(&b, what, why);
	n = write(2, b.data, b.len);
	(void)n;
}

static void give_up(const char *what, const char *why, int code) __attribute__((noreturn));
static void give_up(const char *what, const char *why, int code)
{
	complain(what, why);
	_exit(code);
}

/* --- the environment -------------------------------------------------------- */

/* The line at *at, decoded; false at the end. */
static bool next_line(const char **at, const char *end, struct buf *ret, int *rc)
{
	const char *lf = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
	size_t n = (size_t)((lf ? lf : end) - *at);

	if (*at >= end)
		return false;
	buf_reset(ret);
	*rc = text_unescape(ret, *at, n);
	*at = lf ? lf + 1 : end;
	return true;
}

int child_check_env(const char *env, size_t n)
{
	auto_buf line = BUF_INIT(n + 1);
	const char *at = env;
	int rc = 0;

	while (next_line(&at, env + n, &line, &rc)) {
		const char *s = buf_text(&line);

		if (rc < 0 || strlen(s) != line.len || *s == '=' || !strchr(s, '='))
			return -EINVAL;
	}
	return 0;
}

static void set(const char *name, const char *value)
{
	if (setenv(name, value, 1) < 0)
		give_up(name, strerror(errno), 126);
}

static void set_env(const struct start *s, const struct user *u)
{
	auto_buf line = BUF_INIT(s->env_n + 1);
	const char *at = s->env;
	int rc;

	if (u) {
		set("HOME", u->home);
		if (*u->name) {
			set("USER", u->name);
			set("LOGNAME", u->name);
		}
	}
	while (next_line(&at, s->env + s->env_n, &line, &rc)) {
		char *value = strchr(line.data, '=');

		*value++ = '\0';
		set(line.data, value);
	}
}

/* --- the script --------------------------------------------------------------- */

static bool interpreted(const struct start *s)
{
	return s->script_n > 2 && s->script[0] == '#' && s->script[1] == '!';
}

void child_script_file(const struct start *s, char ret[static 64])
{
	static const char *const dirs[] = { "/dev/shm/", "/tmp/", "/var/tmp/" };

	ret[0] = '\0';
	for (size_t i = 0; interpreted(s) && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		auto_buf path = BUF_INIT(63);
		struct user u = { 0 };
		int fd, rc;

		buf_str(&path, dirs[i]);
		buf_str(&path, ".sbx-");
		put_u64(&path, (uint64_t)getpid());
		buf_char(&path, '-');
		put_u64(&path, s->tag);
		fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			continue;
		rc = io_put_all(fd, s->script, s->script_n);
		if (rc == 0 && *s->user && user_find(s->user, &u) == 0)
			rc = fchown(fd, u.uid, u.gid) < 0 && u.uid != geteuid() ? -1 : 0;
		close(fd);
		if (rc == 0) {
			memcpy(ret, path.data, path.len + 1);
			return;
		}
		unlink(path.data);
	}
}

/* The script as an open file without a name, at its start. */
static int script_fd(const char *before, const struct start *s)
{
	int fd = memfd_create("script", 0);

	if (fd < 0)
		fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	if (fd < 0 || io_put_all(fd, before, strlen(before)) < 0 ||
		io_put_all(fd, s->script, s->script_n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		give_up("script", strerror(errno), 126);
	return fd;
}

/* "#! INTERPRETER ARGUMENT": both end up NUL-terminated in line. */
static char *split_line(const struct start *s, char line[static LINE_MAX_], char **ret_argument)
{
	size_t n = s->script_n - 2 < LINE_MAX_ - 1 ? s->script_n - 2 : LINE_MAX_ - 1;
	char *at = line, *end;

	memcpy(line, s->script + 2, n);
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	at += strspn(at, " \t");
	for (end = at + strlen(at); end > at && (end[-1] == ' ' || end[-1] == '\t'); end--)
		end[-1] = '\0';
	end = at + strcspn(at, " \t");
	*ret_argument = *end ? end + 1 + strspn(end + 1, " \t") : NULL;
	*end = '\0';
	return at;
}

static void exec_interpreter(const struct start *s, const char *file)
{
	char line[LINE_MAX_];
	char *argument;
	char *interpreter = split_line(s, line, &argument);
	char by_fd[] = "/proc/self/fd/9";
	char *path = *file ? (char *)file : by_fd;
	char *argv[] = { interpreter, argument ? argument : path, argument ? path : NULL, NULL };
	struct stat st;

	if (stat(interpreter, &st) < 0 || !S_ISREG(st.st_mode) || access(interpreter, X_OK) < 0)
		give_up(interpreter, "not found", 127);
	if (!*file && dup2(script_fd("", s), SCRIPT_FD) < 0)
		give_up("script", strerror(errno), 126);
	execv(interpreter, argv);
	give_up(interpreter, strerror(errno), 126);
}

static void exec_shell(const struct start *s)
{
	char flag[] = "-c", name[] = "sh", dot[] = ". /proc/self/fd/9";
	char *argv[] = { name, flag, NULL, name, NULL };
	const char *shell = s->world->shell;
	int fd;

	if (s->script_n < ARGUMENT_MAX && !memchr(s->script, '\0', s->script_n)) {
		argv[2] = xstrndup(s->script, s->script_n);
	} else {
		/* The shell reads it by a descriptor of its own; those it starts get neither. */
		fd = script_fd("exec 9<&-; ", s);
		if (fd != SCRIPT_FD && (dup2(fd, SCRIPT_FD) < 0 || close(fd) < 0))
			give_up("script", strerror(errno), 126);
		argv[2] = dot;
	}
	execv(shell, argv);
	give_up(shell, errno == ENOENT ? "not found" : strerror(errno),
		errno == ENOENT ? 127 : 126);
}

/* --- becoming ----------------------------------------------------------------- */

static void take_stdio(const struct start *s)
{
	if (s->terminal)
		ioctl(s->stdio[0], TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++) {
		if (s->stdio[i] >= 0 && dup2(s->stdio[i], i) < 0)
			_exit(126);
	}
}

static void default_signals(void)
{
	sigset_t none;

	for (int i = 1; i < 32; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_lead(void)
{
	setsid();
	default_signals();
}

void child_become(const struct start *s, const char *script_file)
{
	const struct world *w = s->world;
	const char *cwd = *s->cwd ? s->cwd : w->home;
	struct user u;
	int rc;

	take_stdio(s);
	setrlimit(RLIMIT_NOFILE, &w->files);
	umask(w->umask);
	if (*s->user) {
		rc = user_find(s->user, &u);
		if (rc == 0)
			rc = user_become(&u);
		if (rc < 0)
			give_up(s->user,
				rc == -ENOENT ? "no such user" : "this user cannot be taken", 126);
	}
	if (chdir(cwd) < 0)
		give_up(cwd, strerror(errno), 126);
	set_env(s, *s->user ? &u : NULL);
	if (interpreted(s))
		exec_interpreter(s, script_file);
	exec_shell(s);
	_exit(126);
}
