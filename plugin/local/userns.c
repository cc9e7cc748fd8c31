#include "plugin/local/userns.h"
#include "common/base/io.h"
#include "plugin/local/process.h"
#include "plugin/local/runtime.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

bool userns_inside(void)
{
	auto_buf map = BUF_INIT(4096);

	return io_read_file("/proc/self/uid_map", &map) == 0 &&
	       !strstr(buf_text(&map), " 4294967295");
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

int userns_make(struct err *err)
{
	auto_free char *uids = xprintf("0 %u 1", (unsigned)geteuid());
	auto_free char *gids = xprintf("0 %u 1", (unsigned)getegid());
	auto_buf why = BUF_INIT(512);
	int rc;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		rc = -errno;
		what_forbids(&why);
		return err_set(err, rc,
			"this kernel gives an ordinary user no user namespace (%s).%s Run "
			"sbx-local as root, or allow them",
			strerror(-rc), buf_text(&why));
	}
	rc = write_proc("/proc/self/setgroups", "deny");
	if (rc == 0)
		rc = write_proc("/proc/self/uid_map", uids);
	if (rc == 0)
		rc = write_proc("/proc/self/gid_map", gids);
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
