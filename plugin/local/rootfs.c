#include "plugin/local/rootfs.h"
#include "common/base/io.h"
#include "common/base/wire.h"
#include "plugin/local/folder.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PASSWD_BYTES_MAX (1u << 20)

static bool in_user_namespace(void)
{
	auto_buf map = BUF_INIT(4096);

	return io_read_file("/proc/self/uid_map", &map) == 0 &&
	       !strstr(buf_text(&map), "4294967295");
}

static int mount_overlay(
	const char *lower, const char *dir, const char *part, const char *target, struct err *err)
{
	auto_free char *upper = xprintf("%s/upper%s", dir, part);
	auto_free char *work = xprintf("%s/work%s", dir, part);
	auto_free char *options = xprintf("lowerdir=%s,upperdir=%s,workdir=%s%s", lower, upper,
		work, in_user_namespace() ? ",userxattr" : "");
	struct stat st;
	int rc = folder_make(upper, 0755, err);

	if (rc == 0)
		rc = folder_make(work, 0755, err);
	if (rc < 0)
		return rc;
	if (stat(target, &st) == 0)
		chmod(upper, st.st_mode & 07777);
	if (mount("overlay", target, "overlay", MS_NODEV, options) < 0)
		return err_set(err, -errno,
			"mounting an overlay at %s: %m (the state folder must be on a file system "
			"that "
			"overlayfs can write to, and the kernel must have overlayfs)",
			target);
	return 0;
}

/* The host's folders of programs, each under an overlay of its own: an overlay does not see mounts.
 */
static int mount_host(const char *root, const char *dir, struct err *err)
{
	static const char *const names[] = { "usr", "bin", "sbin", "lib", "lib32", "lib64",
		"libx32" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		auto_free char *host = xprintf("/%s", names[i]);
		auto_free char *target = xprintf("%s/%s", root, names[i]);
		auto_free char *part = xprintf("-%s", names[i]);
		struct stat st;
		int rc;

		if (lstat(host, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		rc = mount_overlay(host, dir, part, target, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void rootfs_unmount(const char *dir)
{
	auto_free char *root = xprintf("%s/root", dir);

	umount2(root, MNT_DETACH);
}

/* Layers are named relative to their folder, the topmost first: mount options are one page at most.
 */
static int mount_layers(const cJSON *image, const char *image_folder, const char *dir,
	const char *root, struct err *err)
{
	auto_free char *layers = xprintf("%s/layers", image_folder);
	auto_buf lower = BUF_INIT(2048);
	int rc;

	for (int64_t i = json_int(image, "layers", 0) - 1; i >= 0; i--)
		buf_printf(&lower, "%s%lld", lower.len ? ":" : "", (long long)i);
	rc = buf_check(&lower);
	if (rc == 0 && chdir(layers) < 0)
		rc = -errno;
	if (rc < 0)
		return err_set(err, rc, "finding the layers in %s: %s", layers, strerror(-rc));
	rc = mount_overlay(buf_text(&lower), dir, "", root, err);
	if (chdir("/") < 0)
		return -errno;
	return rc;
}

int rootfs_mount(const cJSON *image, const char *image_folder, const char *dir, struct err *err)
{
	auto_free char *root = xprintf("%s/root", dir);
	int rc;

	rootfs_unmount(dir);
	rc = folder_remove(dir, err);
	if (rc == 0)
		rc = folder_make(root, 0755, err);
	if (rc == 0)
		rc = mount_layers(image, image_folder, dir, root, err);
	if (rc == 0 && json_is_true(image, "host"))
		rc = mount_host(root, dir, err);
	return rc;
}

static int read_inside(const char *root, const char *name, struct buf *ret)
{
	auto_close int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT };
	auto_free char *path = NULL;
	int fd = dir < 0 ? -1 : (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
	int rc;

	if (fd < 0)
		return -errno;
	path = xprintf("/proc/self/fd/%d", fd);
	rc = io_read_file(path, ret);
	close(fd);
	return rc;
}

/* Field nth (from 0) of a line "a:b:c", as a number. */
static int number_field(const char *line, int nth, uint32_t *ret)
{
	auto_free char *text = NULL;
	uint64_t n;

	for (; nth && line; nth--) {
		line = strchr(line, ':');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return -ENOENT;
	text = xstrndup(line, strcspn(line, ":\n"));
	if (parse_u64(text, UINT32_MAX - 1, &n) < 0)
		return -ENOENT;
	*ret = (uint32_t)n;
	return 0;
}

/* The line that begins with "name:"; NULL. */
static const char *line_of(const char *text, const char *name)
{
	size_t n = strlen(name);

	while (text && *text) {
		if (!strncmp(text, name, n) && text[n] == ':')
			return text;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

/* The line whose third field is the number uid. */
static const char *line_of_uid(const char *text, uint32_t uid)
{
	while (text && *text) {
		uint32_t n;

		if (number_field(text, 2, &n) == 0 && n == uid)
			return text;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

int rootfs_user(
	const char *root, const char *user, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err)
{
	auto_buf passwd = BUF_INIT(PASSWD_BYTES_MAX), group = BUF_INIT(PASSWD_BYTES_MAX);
	auto_free char *name = xstrndup(user, strcspn(user, ":"));
	const char *group_name = strchr(user, ':') ? strchr(user, ':') + 1 : NULL, *line;
	uint32_t uid = 0, gid = 0;
	int rc = 0;

	read_inside(root, "etc/passwd", &passwd);
	read_inside(root, "etc/group", &group);
	if (number_field(name, 0, &uid) == 0) {
		line = line_of_uid(buf_text(&passwd), uid);
	} else {
		line = line_of(buf_text(&passwd), name);
		rc = line ? number_field(line, 2, &uid) : -ENOENT;
	}
	if (rc == 0 && line)
		rc = number_field(line, 3, &gid);
	if (rc == 0 && group_name && number_field(group_name, 0, &gid) < 0) {
		line = line_of(buf_text(&group), group_name);
		rc = line ? number_field(line, 2, &gid) : -ENOENT;
	}
	if (rc < 0)
		return err_set(err, rc, "the image has no user '%s'", user);
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}
