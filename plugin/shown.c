#include "plugin/shown.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/json.h"
#include "plugin/offer.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MARK        ".sbx"
#define MARK_MAX    (16 * 1024)
#define POD_MAX     (4 * 1024 * 1024)
#define PROBES_MAX  16
#define NEXT_MS     100 /* so long one mount is waited for before the next is asked as well */
#define YES         '1'
#define NO          '0'
#define ANSWER_STEP 4096

bool shown_fits(const char *text, size_t n, const struct kube_target *t, struct shown_mark *ret)
{
	cJSON *mark = json_parse(text, n);
	char who[65];
	bool fits;

	kube_target_fingerprint(t, who);
	fits = json_int(mark, "mount", 0) == 1 &&
	       !strcmp(json_str(mark, "server", ""), t->server) &&
	       !strcmp(json_str(mark, "who", ""), who);
	if (fits)
		*ret = (struct shown_mark){ xstrdup(json_str(mark, "namespace", NULL)),
			json_bool(mark, "plain", false) };
	cJSON_Delete(mark);
	return fits;
}

/* ns: of the mount, NULL for all. NULL: it is not in there. */
static char *folder_of(const char *dir, const char *ns, const struct ref *r)
{
	if (!ns)
		return xprintf("%s/%s/%s", dir, r->ns, r->name);
	return strcmp(ns, r->ns) ? NULL : xprintf("%s/%s", dir, r->name);
}

/* --- in the child --------------------------------------------------------------- */

static bool one_container(const char *folder)
{
	auto_free char *path = xprintf("%s/pod.json", folder);
	auto_buf text = BUF_INIT(POD_MAX);
	cJSON *pod;
	bool ret;

	if (io_read_file(path, &text) < 0)
		return false;
	pod = json_parse(buf_text(&text), text.len);
	ret = cJSON_GetArraySize(json_at(pod, "spec.containers")) == 1;
	cJSON_Delete(pod);
	return ret;
}

static bool shows(const char *dir, const struct shown_mark *mark, const struct ref *r)
{
	auto_free char *folder = folder_of(dir, mark->ns, r);
	auto_free char *runs = folder ? xprintf("%s/runs", folder) : NULL;
	struct stat st;

	return runs && !stat(runs, &st) && S_ISDIR(st.st_mode) &&
	       (mark->plain || one_container(folder));
}

static int read_mark(const char *dir, const struct kube_target *t, struct shown_mark *ret)
{
	auto_free char *path = xprintf("%s/" MARK, dir);
	auto_buf text = BUF_INIT(MARK_MAX);
	int rc = io_read_file(path, &text);

	if (rc < 0)
		return rc;
	return shown_fits(buf_text(&text), text.len, t, ret) ? 0 : -ENOENT;
}

char *shown_in(const char *dir, const struct kube_target *t, const struct ref *r)
{
	struct shown_mark mark;
	char *folder;

	if (read_mark(dir, t, &mark) < 0)
		return NULL;
	folder = shows(dir, &mark, r) ? folder_of(dir, mark.ns, r) : NULL;
	free(mark.ns);
	return folder;
}

/* Nothing when the mount is another's; else the namespace, a NUL, and a letter for each of refs. */
static void look(const char *dir, const struct kube_target *t, const struct ref *refs, size_t count,
	struct buf *ret)
{
	struct shown_mark mark;

	if (read_mark(dir, t, &mark) < 0)
		return;
	buf_str(ret, mark.ns ? mark.ns : "");
	buf_char(ret, '\0');
	for (size_t i = 0; i < count; i++)
		buf_char(ret, shows(dir, &mark, &refs[i]) ? YES : NO);
	free(mark.ns);
}

/* --- in the parent ---------------------------------------------------------------- */

struct probe {
	const char *dir;
	pid_t pid;
	int fd;
	struct buf answer;
	bool done; /* it has answered, or never will */
};

static int probe_start(struct probe *p, const char *dir, const struct kube_target *t,
	const struct ref *refs, size_t count)
{
	int fds[2];

	if (pipe(fds) < 0)
		return -errno;
	p->pid = fork();
	if (p->pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return -errno;
	}
	if (p->pid == 0) {
		auto_buf answer = BUF_INIT(count + NAME_MAX);

		offer_let_go();
		look(dir, t, refs, count, &answer);
		_exit(io_write_all(fds[1], buf_text(&answer), answer.len,
			      deadline_after(SHOWN_WAIT_MS)) < 0);
	}
	close(fds[1]);
	p->fd = fds[0];
	p->dir = dir;
	p->done = false;
	buf_init(&p->answer, count + NAME_MAX);
	return 0;
}

static void take_answer(
	struct probe *p, const struct ref *refs, size_t count, int64_t deadline_ms, char **ret_dirs)
{
	char bytes[ANSWER_STEP];
	const char *ns, *letters;
	ssize_t n;

	while ((n = io_read_some(p->fd, bytes, sizeof(bytes), deadline_ms)) > 0)
		buf_add(&p->answer, bytes, (size_t)n);
	p->done = n != -ETIMEDOUT;
	ns = buf_text(&p->answer);
	letters = ns + strlen(ns) + 1;
	if (n < 0 || buf_check(&p->answer) < 0 || p->answer.len != strlen(ns) + 1 + count)
		return;
	for (size_t i = 0; i < count; i++)
		if (letters[i] == YES && !ret_dirs[i])
			ret_dirs[i] = folder_of(p->dir, *ns ? ns : NULL, &refs[i]);
}

/* One that hangs in a stopped daemon cannot be reaped now; whoever inherits it will. */
static void probe_end(struct probe *p)
{
	close(p->fd);
	buf_fini(&p->answer);
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, WNOHANG);
}

/* Its source ends in /NAMESPACE, or in / and a star for all; one over a local program has no slash. */
static bool may_show(const struct mount *m, const struct ref *refs, size_t count)
{
	const char *ns = strrchr(m->source, '/');

	if (m->uid != (long)geteuid() || !ns)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(ns + 1, "*") || !strcmp(ns + 1, refs[i].ns))
			return true;
	return false;
}

static bool all_found(char *const *dirs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!dirs[i])
			return false;
	return true;
}

void shown_where(const struct ref *refs, size_t count, struct mounts *ret)
{
	auto_mounts all = { 0 };

	*ret = (struct mounts){ 0 };
	if (!count || mounts_read(MOUNT_TYPE, &all, NULL) < 0)
		return;
	ret->at = xcalloc(all.count + 1, sizeof(*ret->at));
	for (size_t i = all.count; i-- > 0;) {
		if (!may_show(&all.at[i], refs, count))
			continue;
		ret->at[ret->count++] = all.at[i];
		all.at[i] = (struct mount){ 0 };
	}
}

/* One that answers is soon enough, so the others need not be asked. */
void shown_find(const struct kube_target *t, const struct ref *refs, size_t count, char **ret_dirs)
{
	struct probe probes[PROBES_MAX];
	auto_mounts all = { 0 };
	int64_t deadline_ms = deadline_after(SHOWN_WAIT_MS);
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		ret_dirs[i] = NULL;
	shown_where(refs, count, &all);
	for (size_t i = 0; i < all.count && n < PROBES_MAX && !all_found(ret_dirs, count); i++) {
		if (probe_start(&probes[n], all.at[i].dir, t, refs, count) < 0)
			continue;
		take_answer(&probes[n++], refs, count, deadline_after(NEXT_MS), ret_dirs);
	}
	for (size_t i = 0; i < n; i++) {
		if (!probes[i].done && !all_found(ret_dirs, count))
			take_answer(&probes[i], refs, count, deadline_ms, ret_dirs);
		probe_end(&probes[i]);
	}
}
