#include "fs/mount.h"

#include "common/base/log.h"
#include "common/base/mountinfo.h"
#include "fs/initflags.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* What the kernel lists on path, ours on top; -ENOENT: none, or another's is over it. */
static int find_ours(const char *path, struct mount *ret)
{
	auto_mounts all = { 0 };
	const struct mount *m;
	int rc = path ? mounts_read(MOUNT_TYPE, &all, NULL) : -ENOENT;

	m = rc == 0 ? mounts_at(&all, path) : NULL;
	if (!m || m->covered)
		return rc < 0 ? rc : -ENOENT;
	*ret = *m;
	ret->dir = ret->source = NULL;
	return 0;
}

static bool run_fusermount(const char *path)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", path, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int take_away_dead(const char *path, struct err *err)
{
	auto_free char *real = mount_resolve(path);
	struct mount ours;

	if (find_ours(real, &ours) < 0)
		return err_set(err, -ENOTCONN,
			"%s is a dead mount of another program; unmount it first", path);
	if (umount2(path, MNT_DETACH) < 0 && !run_fusermount(path))
		return err_set(err, -errno, "%s is a dead mount that cannot be unmounted: %s", path,
			strerror(errno));
	return 0;
}

static int check_empty(const char *path, struct err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	bool empty = true;

	if (!dir)
		return err_set(err, -errno, "mount point %s: %s", path, strerror(errno));
	while (empty && (e = readdir(dir)))
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(dir);
	return empty ? 0
		     : err_set(err, -ENOTEMPTY,
			       "mount point %s is not empty; mount elsewhere, or with -o nonempty",
			       path);
}

static int check_device(struct err *err)
{
	auto_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_set(err, -errno,
			"/dev/fuse is missing: load the fuse module (modprobe fuse), or give this "
			"container the device (--device /dev/fuse)");
	return err_set(err, -errno,
		"/dev/fuse cannot be opened (%s): a container needs --device /dev/fuse and "
		"CAP_SYS_ADMIN, a user the right to open it",
		strerror(errno));
}

/* A user's mount is made by this set-uid program; root needs none. */
static int check_fusermount(struct err *err)
{
	const char *path = getenv("PATH");
	auto_free char *all = xstrdup(path ? path : "/usr/bin:/bin");

	if (geteuid() == 0)
		return 0;
	for (char *dir = all, *next; dir; dir = next) {
		auto_free char *program = NULL;

		next = strchr(dir, ':');
		if (next)
			*next++ = '\0';
		program = xprintf("%s/fusermount3", dir);
		if (access(program, X_OK) == 0)
			return 0;
	}
	return err_set(
		err, -ENOENT, "fusermount3 is missing: a user needs it to mount (package fuse3)");
}

int mount_check(const struct options *o, struct err *err)
{
	auto_free char *real = NULL;
	struct mount ours;
	struct stat st;
	int rc;

	if (stat(o->mountpoint, &st) < 0 && errno == ENOTCONN) {
		rc = take_away_dead(o->mountpoint, err);
		if (rc < 0)
			return rc;
	}
	if (stat(o->mountpoint, &st) < 0)
		return err_set(err, -errno, "mount point %s: %s%s", o->mountpoint, strerror(errno),
			errno == ENOENT ? "; make the folder first" : "");
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "mount point %s is not a folder", o->mountpoint);
	real = mount_resolve(o->mountpoint);
	if (find_ours(real, &ours) == 0)
		return err_set(
			err, -EBUSY, "%s is mounted already; unmount it first", o->mountpoint);
	rc = o->nonempty ? 0 : check_empty(o->mountpoint, err);
	if (rc == 0)
		rc = check_device(err);
	return rc < 0 ? rc : check_fusermount(err);
}

static void add_options(struct fuse_args *args, const struct options *o, const char *source)
{
	auto_free char *fsname = xprintf("fsname=%s", source);
	char *list = NULL;

	/* escaped: a context's name may hold a comma */
	fuse_opt_add_opt_escaped(&list, fsname);
	fuse_opt_add_opt(&list, "subtype=" MOUNT_SUBTYPE ",nosuid,nodev");
	if (o->allow_other && !o->default_permissions)
		fuse_opt_add_opt(&list, "default_permissions");
	fuse_opt_add_arg(args, "-o");
	fuse_opt_add_arg(args, list);
	free(list);
}

int mount_open(struct fs *fs, struct fuse_args *args, const char *source, struct err *err)
{
	auto_free char *real = mount_resolve(fs->opt->mountpoint); /* now: later it would ask us */
	struct mount ours = { 0 };
	int rc;

	add_options(args, fs->opt, source);
	fs->se = fuse_session_new(args, fs_ops(), sizeof(struct fuse_lowlevel_ops), fs);
	if (!fs->se)
		return err_set(
			err, -EINVAL, "libfuse refuses the -o options; see its message above");
	if (fuse_session_mount(fs->se, fs->opt->mountpoint) != 0) {
		fuse_session_destroy(fs->se);
		fs->se = NULL;
		return err_set(err, -EPERM,
			"mounting on %s failed; as a user this needs fusermount3 (and "
			"user_allow_other in /etc/fuse.conf for -o allow_other), in a container "
			"CAP_SYS_ADMIN",
			fs->opt->mountpoint);
	}
	if (find_ours(real, &ours) == 0)
		fs->dev = ours.dev;
	rc = initflags_hook(fs->se);
	if (rc < 0)
		log_warn("parallel lookups stay off: %s", strerror(-rc));
	return 0;
}
