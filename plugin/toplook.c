#include "plugin/toplook.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/mountinfo.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#define MARK       ".sbx"
#define STATUS_MAX (64 * 1024)
#define ANSWER_MAX (32 * 1024 * 1024)
#define MOUNTS_MAX 64
#define STEP       65536

/* --- in the child: what may hang ------------------------------------------------ */

static void take_number(cJSON *to, const cJSON *from, const char *name)
{
	cJSON_AddNumberToObject(to, name, json_num(from, name, 0));
}

static void take_text(cJSON *to, const cJSON *from, const char *name)
{
	cJSON_AddStringToObject(to, name, json_str(from, name, ""));
}

cJSON *toplook_status(const char *text, size_t n, const char *ns, const char *name)
{
	static const char *const counted[] = { "requests", "timed_out", "waiting", "median_us",
		"bytes_out", "bytes_in", "runs", "reconnects" };
	auto_json status = json_parse(text, n);
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "name", name);
	cJSON_AddStringToObject(o, "namespace", ns);
	take_text(o, status, "sandbox");
	cJSON_AddBoolToObject(o, "connected", json_bool(status, "connected", false));
	take_text(o, status, "agent");
	take_number(o, status, "ops");
	take_number(o, status, "runs_now");
	for (size_t i = 0; i < sizeof(counted) / sizeof(*counted); i++)
		take_number(o, json_at(status, "counters"), counted[i]);
	return o;
}

static bool is_wanted(char *const *names, size_t count, const char *ns, const char *name)
{
	auto_free char *whole = xprintf("%s/%s", ns, name);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name) || !strcmp(names[i], whole))
			return true;
	return !count;
}

struct looking {
	char *const *names;
	size_t count;
	cJSON *sandboxes; /* an array */
};

/* The sandboxes that are folders of dir. */
static void look_into(struct looking *l, const char *dir, const char *ns)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		auto_free char *path = xprintf("%s/%s/status", dir, e->d_name);
		auto_buf text = BUF_INIT(STATUS_MAX);

		if (e->d_name[0] == '.' || !is_wanted(l->names, l->count, ns, e->d_name))
			continue;
		if (!io_read_file(path, &text))
			cJSON_AddItemToArray(l->sandboxes,
				toplook_status(buf_text(&text), text.len, ns, e->d_name));
	}
	if (d)
		closedir(d);
}

static void look_into_all(struct looking *l, const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		auto_free char *path = xprintf("%s/%s", dir, e->d_name);

		if (e->d_name[0] != '.')
			look_into(l, path, e->d_name);
	}
	if (d)
		closedir(d);
}

static cJSON *look(const char *dir, char *const *names, size_t count)
{
	auto_free char *path = xprintf("%s/" MARK, dir);
	auto_buf text = BUF_INIT(STATUS_MAX);
	int rc = io_read_file(path, &text);
	cJSON *o = rc < 0 ? NULL : json_parse(buf_text(&text), text.len);
	struct looking l = { .names = names, .count = count };
	const char *ns = json_str(o, "namespace", NULL);

	if (!o) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "dir", dir);
		cJSON_AddStringToObject(o, "error", rc < 0 ? strerror(-rc) : "it speaks no JSON");
		return o;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(o, "who");
	cJSON_AddStringToObject(o, "dir", dir);
	l.sandboxes = cJSON_AddArrayToObject(o, "sandboxes");
	if (ns)
		look_into(&l, dir, ns);
	else
		look_into_all(&l, dir);
	return o;
}

/* --- in the parent ----------------------------------------------------------------- */

struct probe {
	const char *dir;
	pid_t pid;
	int fd;
};

static int probe_start(struct probe *p, const char *dir, char *const *names, size_t count)
{
	int fds[2];

	if (pipe(fds) < 0)
		return -errno;
	p->dir = dir;
	p->pid = fork();
	if (p->pid == 0) {
		auto_json o = look(dir, names, count);
		auto_free char *text = cJSON_PrintUnformatted(o);

		_exit(!text ||
			io_write_all(fds[1], text, strlen(text), deadline_after(TOPLOOK_MS)) < 0);
	}
	close(fds[1]);
	p->fd = fds[0];
	if (p->pid > 0)
		return 0;
	close(p->fd);
	return -errno;
}

/* One that hangs in a stopped daemon cannot be reaped now; whoever inherits it will. */
static cJSON *probe_end(struct probe *p, int64_t deadline_ms)
{
	auto_free char *bytes = xmalloc(STEP);
	auto_buf text = BUF_INIT(ANSWER_MAX);
	cJSON *o = NULL;
	ssize_t n;

	while ((n = io_read_some(p->fd, bytes, STEP, deadline_ms)) > 0)
		buf_add(&text, bytes, (size_t)n);
	close(p->fd);
	if (n == 0 && buf_check(&text) == 0)
		o = json_parse(buf_text(&text), text.len);
	if (n < 0)
		kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, n < 0 ? WNOHANG : 0);
	if (o)
		return o;
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "dir", p->dir);
	cJSON_AddStringToObject(o, "error", n == -ETIMEDOUT ? "it does not answer" : "it is gone");
	return o;
}

int toplook(char *const *names, size_t count, cJSON **ret, struct err *err)
{
	int64_t deadline_ms = deadline_after(TOPLOOK_MS);
	struct probe probes[MOUNTS_MAX];
	auto_mounts all = { 0 };
	cJSON *o, *list;
	size_t n = 0;
	int rc = mounts_read(MOUNT_TYPE, &all, err);

	if (rc < 0)
		return rc;
	fflush(stdout); /* a child has a copy of what waits there */
	for (size_t i = 0; i < all.count && n < MOUNTS_MAX; i++)
		if (all.at[i].uid == (long)geteuid() &&
			!probe_start(&probes[n], all.at[i].dir, names, count))
			n++;
	o = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(o, "mounts");
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, probe_end(&probes[i], deadline_ms));
	*ret = o;
	return 0;
}
