/* Paths in a sandbox. Its names are hostile: candidates_add leaves out what is no plain text. */
#include "plugin/sources.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/exec.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/ref.h"
#include "plugin/shown.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define LIST_MAX   (256 * 1024)
#define TIMEOUT_MS 2000

static void add_entry(struct candidates *c, const char *before, const char *name, bool folder)
{
	auto_free char *text = xprintf("%s%s", name, folder ? "/" : "");
	bool hidden = name[0] == '.' && c->typed[strlen(before)] != '.';

	if (!hidden && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/'))
		candidates_add_behind(c, before, text);
}

/* A mount's folder of the sandbox: one that hangs takes this process along, which nobody waits for. */
static bool by_mount(const char *folder, const char *dir, const char *before, struct candidates *c)
{
	auto_free char *path = xprintf("%s/fs/%s", folder, dir);
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && c->count < CANDIDATES_MAX && (e = readdir(d))) {
		bool folderish = e->d_type == DT_DIR;
		struct stat st;

		if (e->d_type == DT_LNK || e->d_type == DT_UNKNOWN)
			folderish = !fstatat(dirfd(d), e->d_name, &st, 0) && S_ISDIR(st.st_mode);
		add_entry(c, before, e->d_name, folderish);
	}
	if (d)
		closedir(d);
	return d;
}

/* What ls -1apL has printed, line by line. */
static void add_lines(struct candidates *c, const char *before, char *text)
{
	for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
		bool folder = end > at && end[-1] == '/';

		end[folder ? -1 : 0] = '\0';
		add_entry(c, before, at, folder);
	}
}

static void read_list(int fd, struct buf *ret)
{
	int64_t until = deadline_after(TIMEOUT_MS);
	char bytes[8192];
	ssize_t n;

	while ((n = io_read_some(fd, bytes, sizeof(bytes), until)) > 0) {
		buf_add(ret, bytes, (size_t)n);
		if (buf_check(ret) < 0)
			return;
	}
}

static void by_exec(struct kube *k, const struct sandbox *s, const char *dir, const char *before,
	struct candidates *c)
{
	const char *const argv[] = { "ls", "-1apL", "--", dir, NULL };
	const struct exec_spec spec = {
		.ns = s->ns, .pod = s->name, .container = s->container, .argv = argv
	};
	auto_buf text = BUF_INIT(LIST_MAX);
	struct net *net = NULL;
	struct exec *x = NULL;

	if (net_open(&net) < 0)
		return;
	if (!exec_open(net, kube_target(k), &spec, deadline_after(TIMEOUT_MS), &x, NULL)) {
		read_list(exec_fd(x), &text);
		buf_char(&text, '\0');
		if (!buf_check(&text))
			add_lines(c, before, text.data);
	}
	exec_close(x);
	net_close(net);
}

static void list(struct cli *cli, const struct typing *t, const struct ref *r, struct kube *k,
	const char *dir, const char *before, struct candidates *c)
{
	auto_json pod = NULL;
	char *folder = NULL;
	struct sandbox s;
	bool done = false;

	if (!t->container && *dir == '/')
		shown_find(kube_target(k), r, 1, &folder);
	if (folder)
		done = by_mount(folder, dir + 1, before, c);
	free(folder);
	if (done || sandbox_get(k, r->ns, r->name, &pod, NULL) < 0 ||
		sandbox_parse(pod, t->container, &s, NULL) < 0)
		return;
	if (s.running)
		by_exec(k, &s, dir, before, c);
	sandbox_fini(&s);
}

void source_far_paths(struct cli *cli, const struct typing *t, struct candidates *c)
{
	const char *path = strchr(t->typed, ':') + 1, *slash = strrchr(path, '/');
	auto_free char *name = xstrndup(t->typed, (size_t)(path - 1 - t->typed));
	auto_free char *dir = slash ? xstrndup(path, (size_t)(slash + 1 - path)) : xstrdup("./");
	auto_free char *before =
		xstrndup(t->typed, (size_t)((slash ? slash + 1 : path) - t->typed));
	auto_ref r = { 0 };
	auto_kube k = NULL;

	if (cli_open(cli, &k, NULL) < 0 || ref_parse(name, kube_target(k)->ns, &r, NULL) < 0)
		return;
	list(cli, t, &r, k, dir, before, c);
}
