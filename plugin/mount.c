#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/forward.h"
#include "plugin/mountinfo.h"
#include "plugin/program.h"
#include "plugin/ref.h"
#include "plugin/via.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#define DAEMON           "sbxfs"
#define DAEMON_BESIDE    "../fs"
#define MOUNT_TIMEOUT_MS 60000
#define ANSWER_MAX       4096

struct mount_settings {
	bool all, foreground, manage;
	const char *selector, *agent, *deadline;
	struct opt_list pods, containers, fuse;
};

#define AT(member) offsetof(struct mount_settings, member)

static const struct opt opts[] = {
	{ "all-namespaces", 'A', OPT_BOOL, NULL, "all namespaces, as DIR/NAMESPACE/NAME", AT(all) },
	{ "selector", 'l', OPT_TEXT, "LABELS", "the Pods with these labels", AT(selector) },
	{ "pod", 0, OPT_LIST, "NAME",
		"this Pod, sandbox or not, also NAMESPACE/POD, or a\n"
		"Sandbox or claim of agent-sandbox; repeatable",
		AT(pods) },
	{ "container", 'c', OPT_LIST, "NAME", "container of the --pod, in the same order",
		AT(containers) },
	{ "manage", 0, OPT_BOOL, NULL,
		"mkdir of a sandbox's folder creates one, rmdir\n"
		"destroys it",
		AT(manage) },
	{ "agent", 0, OPT_TEXT, "auto|sh",
		"what serves in the sandbox: the best there is, or\n"
		"nothing but its shell",
		AT(agent) },
	{ "deadline", 0, OPT_TEXT, "TIME", "how long a sandbox may take to answer", AT(deadline) },
	{ "options", 'o', OPT_LIST, "FUSEOPTS", "mount options: ro,allow_other,...", AT(fuse) },
	{ "foreground", 0, OPT_BOOL, NULL, "stay, until unmounted or Ctrl-C", AT(foreground) },
	{ NULL },
};

static const struct example examples[] = {
	{ "all sandboxes of the namespace as folders", "mount ~/sbx" },
	{ "in every namespace, in the foreground", "mount ~/sbx -A --foreground" },
	{ "a plain Pod, read only", "mount ~/api --pod api-0 -c server -o ro" },
	{ "mkdir ~/sbx/web makes a sandbox", "mount ~/sbx --manage" },
	{ "take it away again", "unmount ~/sbx" },
	{ NULL },
};

static int check(struct cli *cli, const struct mount_settings *m)
{
	struct err err = { 0 };
	auto_ref ref = { 0 };
	int64_t ms;

	if (cli->words.count != 1 || cli->words.dashes)
		return cli_usage(cli, "mount wants one DIR");
	if (m->agent && strcmp(m->agent, "auto") && strcmp(m->agent, "sh"))
		return cli_usage(cli, "--agent is auto or sh, not \"%.60s\"", m->agent);
	if (m->deadline && duration_parse(m->deadline, &ms) < 0)
		return cli_usage(
			cli, "--deadline wants a time like 30s, not \"%.60s\"", m->deadline);
	if (m->all && m->pods.count)
		return cli_usage(cli, "mount wants either --pod or -A");
	if (m->containers.count > m->pods.count)
		return cli_usage(cli, "-c belongs to a --pod");
	for (size_t i = 0; i < m->pods.count; i++) {
		if (ref_parse(m->pods.items[i], "default", &ref, &err) < 0)
			return cli_usage(cli, "%s", err.text);
		ref_fini(&ref);
	}
	return EXIT_DONE;
}

/* --- can anything be mounted there? -------------------------------------------- */

static bool has_option(const struct opt_list *fuse, const char *name)
{
	for (size_t i = 0; i < fuse->count; i++)
		for (const char *at = fuse->items[i]; *at;) {
			size_t n = strcspn(at, ",");

			if (n == strlen(name) && !memcmp(at, name, n))
				return true;
			at += n + (at[n] == ',');
		}
	return false;
}

static int check_empty(const char *dir, struct err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool empty = true;

	if (!d)
		return err_set(err, -errno, "cannot mount at %s: %m", dir);
	while (empty && (e = readdir(d)))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	closedir(d);
	if (empty)
		return 0;
	return err_set(err, -ENOTEMPTY,
		"cannot mount at %s: the folder is not empty; take an empty one, or -o nonempty to "
		"hide "
		"what is in it",
		dir);
}

static int check_dir(const struct cli *cli, const char *dir, bool nonempty, struct err *err)
{
	auto_free char *real = mount_resolve(dir);
	auto_mounts all = { 0 };
	struct stat st;
	int rc = mounts_read(MOUNT_TYPE, &all, err);

	if (rc < 0)
		return rc;
	if (real && mounts_has(&all, real)) {
		rc = stat(dir, &st) ? -errno : 0;
		return err_set(err, -EBUSY,
			"cannot mount at %s: %s; \"%s unmount %s\" takes it away", dir,
			rc == -ENOTCONN ? "a dead mount is left there"
					: "sandboxes are already mounted there",
			cli->program, dir);
	}
	if (stat(dir, &st))
		return err_set(err, -errno,
			errno == ENOENT ? "cannot mount at %s: there is no such folder; "
					  "make it with mkdir"
					: "cannot mount at %s: %m",
			dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "cannot mount at %s: it is no folder", dir);
	return nonempty ? 0 : check_empty(dir, err);
}

static int check_fuse(struct err *err)
{
	auto_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	if (errno == ENOENT)
		return err_set(err, -errno,
			"cannot mount: this machine has no /dev/fuse; load the module "
			"(modprobe fuse), or give it to the container (--device /dev/fuse)");
	return err_set(err, -errno,
		"cannot mount: /dev/fuse may not be opened: %m; as root: chmod 666 /dev/fuse "
		"(a container also needs --device /dev/fuse --cap-add SYS_ADMIN)");
}

/* --- the daemon ------------------------------------------------------------------ */

/* Which Pods were named: all of one namespace, by the names that they have in the cluster. */
struct chosen {
	char *ns; /* NULL: none was named */
	struct args pods;
};

static void chosen_fini(struct chosen *c)
{
	free(take_ptr(c->ns));
	args_fini(&c->pods);
}

/* One that is not there may come; of a cluster that cannot be asked the daemon tells. */
static int add_chosen(struct chosen *c, struct kube *k, const struct ref *r, struct err *err)
{
	struct err why = { 0 };
	auto_json pod = NULL;
	int rc = via_get(k, r->ns, r->name, &pod, &why);

	if (rc == -ENOTCONN)
		return err_set(err, rc, "cannot mount: %s", why.text);
	args_add(&c->pods, rc < 0 ? r->name : json_str(pod, "metadata.name", r->name));
	return 0;
}

static int choose(const struct cli *cli, const struct mount_settings *m, struct kube *k,
	struct chosen *ret, struct err *err)
{
	for (size_t i = 0; i < m->pods.count; i++) {
		auto_ref r = { 0 };
		int rc = ref_parse(m->pods.items[i], kube_target(k)->ns, &r, err);

		if (!rc && ret->ns && strcmp(ret->ns, r.ns))
			return err_set(err, -EINVAL,
				"cannot mount Pods of the namespaces %s and %s together; give -A "
				"and -l, or mount each somewhere else",
				ret->ns, r.ns);
		if (!rc && !ret->ns)
			ret->ns = xstrdup(r.ns);
		if (!rc)
			rc = add_chosen(ret, k, &r, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* program: this one. */
static void add_settings(
	const struct mount_settings *m, const struct chosen *c, const char *program, struct args *a)
{
	if (m->all)
		args_add(a, "-A");
	if (m->selector)
		args_printf(a, "--selector=%s", m->selector);
	for (size_t i = 0; i < c->pods.count; i++) {
		args_printf(a, "--pod=%s", c->pods.at[i]);
		if (i < m->containers.count)
			args_printf(a, "--container=%s", m->containers.items[i]);
	}
	if (m->manage)
		args_printf(a, "--manage=%s", program);
	if (m->agent)
		args_printf(a, "--agent=%s", m->agent);
	if (m->deadline)
		args_printf(a, "--deadline=%s", m->deadline);
	for (size_t i = 0; i < m->fuse.count; i++) {
		args_add(a, "-o");
		args_add(a, m->fuse.items[i]);
	}
	if (m->foreground)
		args_add(a, "--foreground");
}

/*
 * What went wrong the daemon has said on standard error itself, which it shares with us so that a
 * credential plugin can ask there. -ECANCELED: it has been said.
 */
static int answer(const char *dir, pid_t pid, int fd, struct err *err)
{
	auto_buf text = BUF_INIT(ANSWER_MAX);
	int rc = program_hear(fd, deadline_after(MOUNT_TIMEOUT_MS), &text);
	int status;

	if (rc == -ETIMEDOUT) {
		kill(pid, SIGTERM);
		return err_set(err, rc, "cannot mount at %s: " DAEMON " was not ready after %d s",
			dir, MOUNT_TIMEOUT_MS / 1000);
	}
	status = program_wait(pid);
	if (!strcmp(buf_text(&text), "mounted\n"))
		return 0;
	if (text.len || status == EXIT_FAILED || status == EXIT_USAGE)
		return -ECANCELED;
	return err_set(
		err, -EIO, "cannot mount at %s: " DAEMON " ended with status %d", dir, status);
}

static int start(const char *path, struct args *a, const char *dir, struct err *err)
{
	auto_close int in = -1;
	int fds[2];
	pid_t pid;

	/* the daemon's end must survive exec, ours must not */
	if (pipe(fds) < 0)
		return err_set(err, -errno, "cannot make a pipe: %m");
	in = fds[0];
	fcntl(in, F_SETFD, FD_CLOEXEC);
	args_add(a, "-o");
	args_printf(a, "notify_fd=%d", fds[1]);
	pid = program_start(path, a, -1, -1);
	close(fds[1]);
	if (pid < 0)
		return err_set(err, pid, "cannot start %s: %s", path, strerror(-pid));
	return answer(dir, pid, in, err);
}

static int mount_at(const struct cli *cli, const struct mount_settings *m, const char *dir,
	struct kube *k, struct err *err)
{
	struct chosen chosen auto_with(chosen_fini) = { 0 };
	struct kube_flags flags = cli->flags;
	auto_free char *path = program_find(DAEMON, DAEMON_BESIDE), *own = program_own();
	auto_close int config = -1;
	auto_args a = { 0 };
	int rc = check_fuse(err);

	if (rc < 0)
		return rc;
	if (!path || !own)
		return err_set(err, -ENOENT,
			"cannot mount: " DAEMON " is neither beside this program nor on PATH");
	rc = choose(cli, m, k, &chosen, err);
	if (rc < 0)
		return rc;
	if (chosen.ns)
		flags.ns = chosen.ns;
	args_add(&a, DAEMON);
	rc = forward_flags(&flags, kube_target(k), &a, &config, err);
	if (rc < 0)
		return rc;
	add_settings(m, &chosen, own, &a);
	args_add(&a, dir);
	if (!m->foreground)
		return start(path, &a, dir, err);
	rc = program_become(path, &a);
	return err_set(err, rc, "cannot start %s: %s", path, strerror(-rc));
}

static int run(struct cli *cli, const void *settings)
{
	const struct mount_settings *m = settings;
	const char *dir = cli->words.count ? cli->words.at[0] : "";
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc = check(cli, m);

	if (rc != EXIT_DONE)
		return rc;
	rc = check_dir(cli, dir, has_option(&m->fuse, "nonempty"), &err);
	if (!rc)
		rc = cli_open(cli, &k, &err);
	if (!rc)
		rc = mount_at(cli, m, dir, k, &err);
	if (rc == -ECANCELED)
		return EXIT_FAILED;
	if (rc < 0)
		return cli_failed(&err, rc);
	say("mounted at %s", dir);
	return EXIT_DONE;
}

const struct verb verb_mount = {
	.name = "mount",
	.args = "DIR [FLAGS]",
	.summary = "show the sandboxes as folders under DIR",
	.about =
		"Mounts the sandboxes of the namespace under DIR, one folder for each: "
		"DIR/NAME/cmd runs\n"
		"a script, DIR/NAME/stdout is what it says, DIR/NAME/exit how it ended, "
		"DIR/NAME/fs its\n"
		"files. Sandboxes that come and go appear and vanish. DIR must be an empty folder.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct mount_settings),
	.run = run,
};
