#include "plugin/local/userns.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "plugin/local/process.h"
#include "plugin/local/runtime.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define USERS  65536u
#define MAP_MS 10000

bool userns_inside(void)
{
	auto_buf map = BUF_INIT(4096);

	return io_read_file("/proc/self/uid_map", &map) == 0 &&
	       !strstr(buf_text(&map), " 4294967295");
}

bool userns_one_user(void)
{
	auto_buf map = BUF_INIT(4096);
	unsigned long inside, outside, count;

	return userns_inside() && io_read_file("/proc/self/uid_map", &map) == 0 &&
	       sscanf(buf_text(&map), "%lu %lu %lu", &inside, &outside, &count) == 3 &&
	       count == 1 && strchr(buf_text(&map), '\n') == buf_text(&map) + map.len - 1;
}

/* --- more users, which newuidmap(1) may map ---------------------------------------- */

struct range {
	unsigned long first, count;
};

/* The first of the user's in /etc/subuid or /etc/subgid: "NAME:FIRST:COUNT", or by number. */
static bool range_of(const char *path, struct range *ret)
{
	const struct passwd *user = getpwuid(geteuid());
	auto_free char *number = xprintf("%u", (unsigned)geteuid());
	auto_buf text = BUF_INIT(1 << 20);
	char *line, *rest;

	if (io_read_file(path, &text) < 0)
		return false;
	rest = text.data;
	while ((line = strsep(&rest, "\n"))) {
		char *name = strsep(&line, ":");

		if (line && (!strcmp(name, number) || (user && !strcmp(name, user->pw_name))) &&
			sscanf(line, "%lu:%lu", &ret->first, &ret->count) == 2 &&
			ret->count >= USERS)
			return true;
	}
	return false;
}

static int map_by(const char *program, pid_t pid, unsigned own, const struct range *r)
{
	auto_free char *who = xprintf("%d", (int)pid), *self = xprintf("%u", own);
	auto_free char *first = xprintf("%lu", r->first), *count = xprintf("%u", USERS - 1);
	const char *const argv[] = { program, who, "0", self, "1", "1", first, count, NULL };
	struct err err = { 0 };

	return process_run(argv, MAP_MS, &err);
}

/* Waits for the namespace of pid, outside of it, and maps. Does not return. */
static void map_from_outside(
	int begin, pid_t pid, const struct range *uids, const struct range *gids)
{
	char byte;
	bool good = io_read_all(begin, &byte, 1, deadline_after(MAP_MS)) == 0 &&
		    map_by("newuidmap", pid, geteuid(), uids) == 0 &&
		    map_by("newgidmap", pid, getegid(), gids) == 0;

	_exit(!good);
}

/* Who maps, once it is written to; *ret_pid -1: nobody, there is one user alone. */
static int start_mapper(pid_t *ret_pid)
{
	struct range uids, gids;
	pid_t self = getpid();
	int fds[2];

	*ret_pid = -1;
	if (!range_of("/etc/subuid", &uids) || !range_of("/etc/subgid", &gids) || io_pair(fds) < 0)
		return -1;
	*ret_pid = fork();
	if (*ret_pid == 0) {
		close(fds[1]);
		map_from_outside(fds[0], self, &uids, &gids);
	}
	close(fds[0]);
	return fds[1];
}

static bool mapped(pid_t mapper, int begin)
{
	int status;

	if (mapper < 0 || io_write_all(begin, "", 1, deadline_after(MAP_MS)) < 0)
		return false;
	return waitpid(mapper, &status, 0) == mapper && status == 0;
}

/* Writes in place: these files of /proc cannot be replaced. */
static int write_proc(const char *path, const char *text)
{
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static void what_forbids(struct buf *ret)
{
	static const struct {
		const char *path;
		const char *value;
	} switches[] = {
		{ "/proc/sys/user/max_user_namespaces", "0" },
		{ "/proc/sys/kernel/unprivileged_userns_clone", "0" },
		{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1" },
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		auto_buf text = BUF_INIT(64);

		if (io_read_file(switches[i].path, &text) < 0)
			continue;
		if (!strncmp(buf_text(&text), switches[i].value, 1) && text.len <= 2)
			buf_printf(ret, " %s is %s.", switches[i].path, switches[i].value);
	}
}

static int map_one(const char *uids, const char *gids)
{
	int rc = write_proc("/proc/self/setgroups", "deny");

	if (rc == 0)
		rc = write_proc("/proc/self/uid_map", uids);
	return rc < 0 ? rc : write_proc("/proc/self/gid_map", gids);
}

int userns_make(struct err *err)
{
	auto_free char *uids = xprintf("0 %u 1", (unsigned)geteuid());
	auto_free char *gids = xprintf("0 %u 1", (unsigned)getegid());
	auto_buf why = BUF_INIT(512);
	pid_t mapper;
	auto_close int begin = start_mapper(&mapper);
	int rc = 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		rc = -errno;
		what_forbids(&why);
		return err_set(err, rc,
			"this kernel gives an ordinary user no user namespace (%s).%s Run "
			"sbx-local as root, or allow them",
			strerror(-rc), buf_text(&why));
	}
	if (!mapped(mapper, begin))
		rc = map_one(uids, gids);
	if (rc == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		rc = -errno;
	if (rc < 0)
		return err_set(err, rc,
			"the kernel made a user namespace but refused to set it up: %s",
			strerror(-rc));
	return 0;
}

int userns_join(pid_t pid)
{
	auto_free char *user = xprintf("/proc/%d/ns/user", (int)pid);
	auto_close int fd = open(user, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWUSER) < 0)
		return -errno;
	return unshare(CLONE_NEWNS) < 0 ? -errno : 0;
}

int userns_check(struct err *err)
{
	static const char *const runtime[] = { RUNTIME, "--version", NULL };
	auto_buf known = BUF_INIT(64 * 1024);
	int rc = process_run(runtime, 10000, err);

	if (rc < 0)
		return err_set(err, rc,
			"the OCI runtime '" RUNTIME "' is missing or does not run (%s): install it",
			strerror(-rc));
	rc = io_read_file("/proc/filesystems", &known);
	if (rc == 0 && !strstr(buf_text(&known), "\toverlay\n"))
		return err_set(err, -ENODEV,
			"the kernel has no overlayfs (not in /proc/filesystems): load the module "
			"'overlay'");
	return 0;
}
