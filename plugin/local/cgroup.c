#include "plugin/local/cgroup.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/io.h"

#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>

#define MOUNTS  "/sys/fs/cgroup"
#define DEPTH   6
#define BUSY_MS 2000

static bool in_first_user_namespace(void)
{
	auto_buf map = BUF_INIT(4096);
	unsigned long inside, outside, count;

	if (io_read_file("/proc/self/uid_map", &map) < 0)
		return true;
	return sscanf(buf_text(&map), "%lu %lu %lu", &inside, &outside, &count) == 3 && !inside &&
	       !outside && count == 4294967295ul;
}

const char *cgroup_lacks(void)
{
	if (geteuid() != 0 || !in_first_user_namespace())
		return "only root's engine has cgroups";
	if (access(MOUNTS "/memory", W_OK) < 0 && access(MOUNTS "/cgroup.procs", W_OK) < 0)
		return "no memory cgroups that can be written to are at " MOUNTS;
	return NULL;
}

bool cgroup_usable(void)
{
	return !cgroup_lacks();
}

char *cgroup_root(const char *home)
{
	uint32_t hash = 2166136261u;

	for (; *home; home++)
		hash = (hash ^ (unsigned char)*home) * 16777619u;
	return xprintf("/sbx-local/%08x", hash);
}

static void remove_tree(const char *path, int depth)
{
	DIR *d = depth ? opendir(path) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		auto_free char *child = NULL;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		child = xprintf("%s/%s", path, e->d_name);
		remove_tree(child, depth - 1);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static void in_each_mount(const char *path, void visit(const char *path, void *arg), void *arg)
{
	DIR *d = opendir(MOUNTS);
	auto_free char *unified = xprintf(MOUNTS "%s", path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		auto_free char *full = xprintf(MOUNTS "/%s%s", e->d_name, path);

		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			visit(full, arg);
	}
	if (d)
		closedir(d);
	visit(unified, arg);
}

/* A group is busy for a moment after its last process has died. */
static void remove_one(const char *path, void *arg)
{
	int64_t deadline = deadline_after(BUSY_MS);

	while (access(path, F_OK) == 0) {
		remove_tree(path, DEPTH);
		if (access(path, F_OK) < 0 || deadline_passed(deadline))
			return;
		poll(NULL, 0, 5);
	}
}

static void remove_empty(const char *path, void *arg)
{
	rmdir(path);
}

void cgroup_remove(const char *path)
{
	in_each_mount(path, remove_one, NULL);
	in_each_mount("/sbx-local", remove_empty, NULL);
}

static void count_kills(const char *path, void *arg)
{
	static const char *const files[] = { "memory.oom_control", "memory.events" };
	unsigned long *sum = arg, n;

	for (int i = 0; i < 2; i++) {
		auto_free char *file = xprintf("%s/%s", path, files[i]);
		auto_buf text = BUF_INIT(4096);
		const char *at =
			io_read_file(file, &text) < 0 ? NULL : strstr(buf_text(&text), "oom_kill ");

		if (at && sscanf(at + 9, "%lu", &n) == 1)
			*sum += n;
	}
}

bool cgroup_oom_killed(const char *path)
{
	unsigned long sum = 0;

	in_each_mount(path, count_kills, &sum);
	return sum > 0;
}
