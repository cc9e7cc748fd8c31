#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "plugin/cli.h"
#include "plugin/mountinfo.h"
#include "plugin/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <time.h>

#define HELPER          "fusermount3"
#define HELPER_TEXT_MAX 4096
#define HELPER_MS       30000
#define BUSY_MS         1000
#define BUSY_PAUSE_MS   50

struct unmount {
	bool force;
};

static const struct opt opts[] = {
	{ "force", 'f', OPT_BOOL, NULL,
		"also while programs work in it: it goes from the\n"
		"tree at once, and ends when they let go",
		offsetof(struct unmount, force) },
	{ NULL },
};

static const struct example examples[] = {
	{ "the sandboxes stay as they are", "unmount ~/sbx" },
	{ NULL },
};

/* What it says on its standard error decides between busy and the rest; its status does not tell.
 */
static int by_helper(const char *dir, bool force, struct err *err)
{
	auto_free char *path = program_find(HELPER, ".");
	auto_close int in = -1;
	auto_buf text = BUF_INIT(HELPER_TEXT_MAX);
	auto_buf shown = BUF_INIT(4 * HELPER_TEXT_MAX);
	auto_args a = { 0 };
	char bytes[HELPER_TEXT_MAX];
	int fds[2];
	ssize_t n;
	pid_t pid;
	int rc;

	if (!path)
		return err_set(
			err, -ENOENT, "%s is not installed (Debian: apt install fuse3)", HELPER);
	args_add(&a, HELPER);
	args_add(&a, force ? "-uz" : "-u");
	args_add(&a, "--");
	args_add(&a, dir);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, -errno, "cannot make a pipe: %m");
	in = fds[0];
	pid = program_start(path, &a, -1, fds[1]);
	close(fds[1]);
	if (pid < 0)
		return err_set(err, pid, "cannot start %s: %s", path, strerror(-pid));
	while ((n = io_read_some(in, bytes, sizeof(bytes), deadline_after(HELPER_MS))) > 0)
		buf_add(&text, bytes, (size_t)n);
	rc = program_wait(pid);
	if (!rc)
		return 0;
	if (strcasestr(buf_text(&text), "busy"))
		return -EBUSY;
	log_escape(&shown, buf_text(&text), strcspn(buf_text(&text), "\n"));
	return err_set(err, -EIO, "%s", shown.len ? buf_text(&shown) : HELPER " failed");
}

static int take_away(const char *dir, bool force, struct err *err)
{
	if (!umount2(dir, UMOUNT_NOFOLLOW | (force ? MNT_DETACH : 0)))
		return 0;
	if (errno == EPERM)
		return by_helper(dir, force, err);
	if (errno == EBUSY)
		return -EBUSY;
	return err_set(err, -errno, "%m");
}

/* Another verb that asks the mount what it shows is in it for a moment: that is no program of a person's. */
static int take_away_patiently(const char *dir, bool force, struct err *err)
{
	static const struct timespec pause = { .tv_nsec = BUSY_PAUSE_MS * 1000000L };
	int64_t until = deadline_after(BUSY_MS);
	int rc;

	while ((rc = take_away(dir, force, err)) == -EBUSY && !deadline_passed(until))
		nanosleep(&pause, NULL);
	return rc;
}

static int unmount(const struct cli *cli, const char *word, bool force, struct err *err)
{
	auto_free char *dir = mount_resolve(word);
	auto_mounts all = { 0 };
	int rc;

	if (!dir)
		return err_set(err, -errno, "cannot unmount %s: %m", word);
	rc = mounts_read(MOUNT_TYPE, &all, err);
	if (rc < 0)
		return rc;
	if (!mounts_has(&all, dir))
		return err_set(err, -EINVAL,
			"cannot unmount %s: no sandboxes are mounted there; \"%s mounts\" lists "
			"the mounts",
			word, cli->program);
	rc = take_away_patiently(dir, force, err);
	if (rc == -EBUSY)
		return err_set(err, rc,
			"cannot unmount %s: a program works in it (\"fuser -vm %s\" tells which); "
			"end it, "
			"or use --force",
			word, word);
	return rc < 0 ? err_wrap(err, rc, "cannot unmount %s", word) : 0;
}

static int run(struct cli *cli, const void *settings)
{
	const struct unmount *u = settings;
	int status = EXIT_DONE;

	if (!cli->words.count || cli->words.dashes)
		return cli_usage(cli, "unmount wants the DIR of a mount");
	for (int i = 0; i < cli->words.count; i++) {
		struct err err = { 0 };
		int rc = unmount(cli, cli->words.at[i], u->force, &err);

		if (rc < 0)
			status = cli_failed(&err, rc);
	}
	return status;
}

const struct verb verb_unmount = {
	.name = "unmount",
	.args = "DIR... [FLAGS]",
	.summary = "take a mount away; the sandboxes stay",
	.about = "Takes a mount away. The sandboxes and what runs in them stay as they are.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct unmount),
	.run = run,
};
