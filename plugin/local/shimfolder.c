#include "plugin/local/shimfolder.h"
#include "common/base/clock.h"
#include "plugin/local/cgroup.h"
#include "plugin/local/json.h"
#include "plugin/local/process.h"
#include "plugin/local/runtime.h"

#include <dirent.h>
#include <signal.h>

#define END_MS 20000

int shimfolder_pid(const char *dir, pid_t *ret)
{
	auto_free char *path = xprintf("%s/status.json", dir);
	auto_json cJSON *json = NULL;
	int rc = json_load(path, &json);
	pid_t pid = (pid_t)json_int(json, "shim.pid", 0);

	if (rc < 0)
		return rc;
	if (!process_alive(pid, (uint64_t)json_int(json, "shim.start", 0)))
		return -ESRCH;
	*ret = pid;
	return 0;
}

void shimfolder_stop(const char *dir, pid_t shim, int64_t grace_s, const char *reason)
{
	auto_free char *path = xprintf("%s/stop.json", dir);
	auto_json cJSON *json = cJSON_CreateObject();

	json_put_int(json, "grace", grace_s);
	json_put_text(json, "reason", reason);
	json_save(path, json);
	kill(shim, SIGTERM);
}

void shimfolder_clean(const char *home, const char *dir)
{
	auto_free char *path = xprintf("%s/status.json", dir);
	auto_free char *root = cgroup_root(home);
	auto_free char *cgroup = xprintf("%s/%s", root, strrchr(dir, '/') + 1);
	auto_json cJSON *json = NULL;
	const cJSON *c;

	json_load(path, &json);
	cJSON_ArrayForEach (c, json_at(json, "containers")) {
		pid_t pid = (pid_t)json_int(c, "pid", 0);
		uint64_t began = (uint64_t)json_int(c, "pidStart", 0);

		if (pid && process_alive(pid, began)) {
			kill(pid, SIGKILL);
			process_wait_gone(pid, began, deadline_after(END_MS));
		}
		if (json_text(c, "id"))
			runtime_delete(home, json_text(c, "id"));
	}
	if (cgroup_usable())
		cgroup_remove(cgroup);
}

static void each(const char *home, void visit(const char *home, const char *dir))
{
	auto_free char *all = xprintf("%s/pods", home);
	DIR *d = opendir(all);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		auto_free char *dir = xprintf("%s/%s", all, e->d_name);

		if (e->d_name[0] != '.')
			visit(home, dir);
	}
	if (d)
		closedir(d);
}

static void ask(const char *home, const char *dir)
{
	pid_t pid;

	if (shimfolder_pid(dir, &pid) == 0)
		shimfolder_stop(dir, pid, 0, NULL);
}

static void end(const char *home, const char *dir)
{
	uint64_t began;
	pid_t pid;

	if (shimfolder_pid(dir, &pid) == 0) {
		began = process_start_time(pid);
		if (process_wait_gone(pid, began, deadline_after(END_MS)) < 0) {
			kill(pid, SIGKILL);
			process_wait_gone(pid, began, deadline_after(END_MS));
		}
	}
	shimfolder_clean(home, dir);
}

int shimfolder_end_all(const char *home, struct err *err)
{
	auto_free char *root = cgroup_root(home);

	each(home, ask);
	each(home, end);
	if (cgroup_usable())
		cgroup_remove(root);
	return 0;
}
