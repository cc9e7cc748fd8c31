#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/base/wire.h"
#include "plugin/local/cgroup.h"
#include "plugin/local/daemon.h"
#include "plugin/local/folder.h"
#include "plugin/local/image.h"
#include "plugin/local/shim.h"

#include <getopt.h>
#include <limits.h>

struct options {
	char *home;
	int notify_fd;
	bool foreground;
	bool keep;
	char **args;
	int n_args;
};

static int cmd_up(struct options *o);
static int cmd_down(struct options *o);
static int cmd_status(struct options *o);
static int cmd_import(struct options *o);
static int cmd_shim(struct options *o);

static const struct verb {
	const char *name;
	const char *args;
	const char *means; /* NULL: not in the help */
	int (*run)(struct options *o);
	int n_args;
} verbs[] = {
	{ "up", "[--state DIR] [--foreground]", "start it; prints the kubeconfig's path", cmd_up,
		0 },
	{ "down", "[--state DIR] [--keep]", "end it and all containers; remove the state", cmd_down,
		0 },
	{ "status", "[--state DIR]", "whether it runs", cmd_status, 0 },
	{ "import", "NAME FOLDER|OCI-LAYOUT|ARCHIVE.tar", "bring in an image", cmd_import, 2 },
	{ "shim", "", NULL, cmd_shim, 2 },
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int help(FILE *to)
{
	fprintf(to, "usage: sbx-local VERB [OPTIONS]\n\n"
		    "A Kubernetes API for one machine; Pods are containers of runc.\n\n");
	for (size_t i = 0; i < VERBS; i++)
		if (verbs[i].means)
			fprintf(to, "  %s %s\n        %s\n", verbs[i].name, verbs[i].args,
				verbs[i].means);
	fprintf(to, "\n  --state DIR     where everything is kept (also SBX_LOCAL_DIR)\n"
		    "  --foreground    do not go into the background\n"
		    "  --notify-fd N   write \"ready\", or why not, to this descriptor\n"
		    "  --keep          leave images and objects; only end the containers\n"
		    "  --help, --version\n\n"
		    "The image 'host' is this machine's own /usr, read-only under an overlay.\n");
	return to == stdout ? 0 : 2;
}

static int failed(const struct err *err, int rc)
{
	log_error("%s", err_text(err, rc));
	return 1;
}

static void tell(int fd, const char *text)
{
	auto_free char *line = xprintf("%s\n", text);

	if (fd >= 0)
		io_write_all(fd, line, strlen(line), deadline_after(1000));
}

static void is_ready(void *arg)
{
	struct options *o = arg;

	tell(o->notify_fd, "ready");
	if (o->notify_fd >= 0)
		close(take_fd(o->notify_fd));
	log_info("serving; state in %s", o->home);
}

static int cmd_up(struct options *o)
{
	struct err err = { "" };
	int rc;

	if (!o->foreground) {
		rc = daemon_start(o->home, &err);
		if (rc < 0)
			return failed(&err, rc);
		printf("%s/kubeconfig\n", o->home);
		if (cgroup_lacks())
			log_warn("resource limits are left off: %s", cgroup_lacks());
		return 0;
	}
	rc = daemon_run(o->home, is_ready, o, &err);
	if (rc == 0)
		return 0;
	tell(o->notify_fd, err_text(&err, rc));
	return failed(&err, rc);
}

static int cmd_down(struct options *o)
{
	struct err err = { "" };
	int rc = daemon_stop(o->home, o->keep, &err);

	return rc < 0 ? failed(&err, rc) : 0;
}

static int cmd_status(struct options *o)
{
	pid_t pid;

	if (daemon_pid(o->home, &pid) < 0) {
		printf("stopped\n");
		return 1;
	}
	printf("running pid=%d kubeconfig=%s/kubeconfig\n", (int)pid, o->home);
	if (cgroup_lacks())
		printf("resource limits are left off: %s\n", cgroup_lacks());
	if (geteuid() != 0)
		printf("one user: nothing in a Pod can belong to, or run as, another\n");
	return 0;
}

static int cmd_import(struct options *o)
{
	struct err err = { "" };
	int rc = folder_make(o->home, geteuid() == 0 ? 0711 : 0700, &err);

	if (rc == 0)
		rc = image_import(o->home, o->args[0], o->args[1], &err);
	return rc < 0 ? failed(&err, rc) : 0;
}

static int cmd_shim(struct options *o)
{
	return shim_main(o->args[0], o->args[1]);
}

static char *default_home(void)
{
	const char *set = getenv("SBX_LOCAL_DIR"), *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (set && *set)
		return xstrdup(set);
	if (geteuid() == 0)
		return xstrdup("/var/lib/sbx-local");
	if (xdg && *xdg == '/')
		return xprintf("%s/sbx-local", xdg);
	return xprintf("%s/.local/state/sbx-local", home && *home ? home : "/nonexistent");
}

static char *absolute(const char *path)
{
	auto_free char *here = getcwd(NULL, 0);

	return *path == '/' || !here ? xstrdup(path) : xprintf("%s/%s", here, path);
}

/* 0, or 2 for a usage error. The verb is the first argument. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = { { "state", required_argument, NULL, 's' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "notify-fd", required_argument, NULL, 'n' }, { "keep", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	auto_free char *home = default_home();
	uint64_t n;
	int c;

	o->notify_fd = -1;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 's') {
			free(home);
			home = xstrdup(optarg);
		} else if (c == 'f') {
			o->foreground = true;
		} else if (c == 'k') {
			o->keep = true;
		} else if (c == 'n' && parse_u64(optarg, INT_MAX, &n) == 0) {
			o->notify_fd = (int)n;
		} else {
			return help(stderr);
		}
	}
	o->home = absolute(home);
	o->args = argv + optind;
	o->n_args = argc - optind;
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int rc;

	log_open("sbx-local", LOG_LEVEL_INFO);
	if (log_trace_from_env() < 0)
		log_warn("SBX_TRACE names an unknown topic");
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return help(stdout);
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("sbx-local %s\n", SBX_VERSION);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < VERBS; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		rc = parse(argc - 1, argv + 1, &o);
		if (rc == 0 && o.n_args != verbs[i].n_args)
			rc = help(stderr);
		if (rc == 0)
			rc = verbs[i].run(&o);
		free(o.home);
		return rc;
	}
	return help(stderr);
}
