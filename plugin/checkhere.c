/* check_here: can this machine mount? */
#include "common/base/clock.h"
#include "common/base/io.h"
#include "plugin/checks.h"
#include "plugin/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TOPIC    "mount"
#define MOUNT_MS 20000
#define CONF_MAX (64 * 1024)

/* What the daemon says when it has mounted a folder of this machine. */
static int hear(int fd, struct buf *ret)
{
	int rc = program_hear(fd, deadline_after(MOUNT_MS), ret);

	if (rc < 0)
		return rc;
	if (!memchr(buf_text(ret), '\n', ret->len))
		return -EPIPE;
	buf_trim(ret, ret->len - 1);
	return 0;
}

static void stop(pid_t pid)
{
	kill(pid, SIGTERM);
	program_wait(pid);
}

static void judge(struct checks *c, const char *text, int64_t took_ms)
{
	if (!strcmp(text, "mounted"))
		checks_say(c, CHECK_OK, TOPIC, NULL, "a folder was mounted and unmounted (%lld ms)",
			(long long)took_ms);
	else
		checks_say(c, CHECK_FAIL, TOPIC, NULL, "%s", *text ? text : "sbxfs ended at once");
}

/* A mount of this machine's own files, for as long as it takes to see that it works. */
static void try_mount(struct checks *c, const char *daemon)
{
	char dir[] = "/tmp/sbx-doctor.XXXXXX";
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC), in = -1;
	int64_t began_ms = clock_now_ms();
	auto_buf text = BUF_INIT(4096);
	auto_args a = { 0 };
	int fds[2];
	pid_t pid;

	if (!mkdtemp(dir) || pipe(fds) < 0) {
		checks_say(c, CHECK_SKIP, TOPIC, NULL, "not tried: %s", strerror(errno));
		return;
	}
	in = fds[0];
	fcntl(in, F_SETFD, FD_CLOEXEC);
	args_add(&a, "sbxfs");
	args_add(&a, "--foreground");
	args_add(&a, "--local=probe=/tmp");
	args_add(&a, "-o");
	args_printf(&a, "notify_fd=%d", fds[1]);
	args_add(&a, dir);
	pid = program_start(daemon, &a, null, null);
	close(fds[1]);
	if (pid > 0)
		hear(in, &text);
	judge(c, buf_text(&text), clock_now_ms() - began_ms);
	if (pid > 0)
		stop(pid);
	rmdir(dir);
}

static bool check_device(struct checks *c)
{
	auto_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return true;
	checks_say(c, CHECK_FAIL, TOPIC,
		errno == ENOENT ? "modprobe fuse, or give it to the container (--device /dev/fuse)"
				: "as root: chmod 666 /dev/fuse; a container also needs "
				  "--device /dev/fuse --cap-add SYS_ADMIN",
		"/dev/fuse cannot be opened: %s", strerror(errno));
	return false;
}

/* Root mounts without it. */
static bool check_helper(struct checks *c)
{
	auto_free char *path = program_find("fusermount3", ".");
	struct stat st;

	if (geteuid() == 0)
		return true;
	if (!path) {
		checks_say(c, CHECK_FAIL, TOPIC, "install the package fuse3",
			"there is no fusermount3, by which users mount");
		return false;
	}
	if (stat(path, &st) == 0 && st.st_uid == 0 && (st.st_mode & S_ISUID))
		return true;
	checks_say(c, CHECK_FAIL, TOPIC, "as root: chown root and chmod 4755 on it",
		"%s is not set-user-id root", path);
	return false;
}

/* One line of its own that begins so. */
static bool has_line(const char *text, const char *word)
{
	size_t n = strlen(word);

	while (*text) {
		size_t blank = strspn(text, " \t");

		if (!strncmp(text + blank, word, n) && strchr(" \t\n", text[blank + n]))
			return true;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return false;
}

static void check_others(struct checks *c)
{
	auto_buf text = BUF_INIT(CONF_MAX);

	if (geteuid() == 0)
		return;
	if (io_read_file("/etc/fuse.conf", &text) == 0 &&
		has_line(buf_text(&text), "user_allow_other"))
		checks_say(c, CHECK_OK, "allow_other", NULL, "/etc/fuse.conf lets users give it");
	else
		checks_say(c, CHECK_SKIP, "allow_other",
			"for a mount that others enter: user_allow_other in /etc/fuse.conf",
			"users may not give it");
}

void check_here(struct checks *c)
{
	auto_free char *daemon = program_find("sbxfs", "../fs");

	if (!daemon)
		checks_say(c, CHECK_FAIL, TOPIC, "install it beside this program",
			"sbxfs is neither beside this program nor on PATH");
	else if (check_device(c) && check_helper(c))
		try_mount(c, daemon);
	check_others(c);
}
