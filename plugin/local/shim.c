#include "plugin/local/shim.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "plugin/local/cgroup.h"
#include "plugin/local/folder.h"
#include "plugin/local/podspec.h"
#include "plugin/local/process.h"
#include "plugin/local/unit.h"
#include "plugin/local/userns.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define UNITS_MAX      (2 * POD_CONTAINERS_MAX)
#define BACKOFF_MS     10000
#define BACKOFF_MAX_MS 300000
#define CALM_MS        600000 /* a run this long forgets earlier failures */

struct shim {
	struct pod_run run;
	struct unit units[UNITS_MAX];
	int n;
	int signals;
	bool stopping;
	bool killed;
	int64_t kill_ms; /* deadline, when stopping */
	char *stop_reason;
};

static int bring_up_loopback(void)
{
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo" };

	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return -errno;
	return 0;
}

static bool find_mount(const char *type, char *dir, size_t n)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (f && (m = getmntent(f)) != NULL && strcmp(m->mnt_type, type) != 0)
		;
	if (f && m)
		snprintf(dir, n, "%s", m->mnt_dir);
	if (f)
		endmntent(f);
	return f && m;
}

/*
 * A namespace's copy of a mount keeps the daemon behind it alive when the mount is taken away: a
 * Pod that was made under a mount of sandboxes would hold it until its own end.
 */
static void let_go_of_sandboxes(void)
{
	char dir[PATH_MAX];

	while (find_mount("fuse.sbx", dir, sizeof(dir)) && umount2(dir, MNT_DETACH) == 0)
		;
}

static int enter_namespaces(const char *hostname)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return -errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	let_go_of_sandboxes();
	if (sethostname(hostname, strlen(hostname)) < 0)
		return -errno;
	return bring_up_loopback();
}

static int write_etc(const struct pod_run *run, const char *hostname)
{
	auto_free char *dir = xprintf("%s/etc", run->dir);
	auto_free char *name = xprintf("%s\n", hostname);
	auto_free char *hosts =
		xprintf("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
			"::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t%s\n",
			hostname);
	int rc = folder_make(dir, 0755, NULL);

	if (rc == 0)
		rc = folder_write(dir, "hostname", name, 0644);
	if (rc == 0)
		rc = folder_write(dir, "hosts", hosts, 0644);
	return rc < 0 ? rc : folder_write(dir, "resolv.conf", "# no network\n", 0644);
}

/* The kinds we have are folders then; the others stay absent, and are refused where used. */
static int make_volumes(const struct pod_run *run)
{
	const cJSON *v;

	cJSON_ArrayForEach (v, json_at(run->pod, "spec.volumes")) {
		const char *name = json_text_or(v, "name", "");
		auto_free char *path = xprintf("%s/volumes/%s", run->dir, name);
		int rc;

		if (!json_at(v, "emptyDir") || strchr(name, '/'))
			continue;
		rc = folder_make(path, 0777, NULL);
		if (rc == 0 && chmod(path, 0777) < 0)
			rc = -errno;
		if (rc == 0 && !strcmp(json_text_or(v, "emptyDir.medium", ""), "Memory") &&
			mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0777") < 0)
			rc = -errno;
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void report(struct shim *s, bool done, const char *failure)
{
	auto_json cJSON *json = cJSON_CreateObject();
	auto_free char *path = xprintf("%s/status.json", s->run.dir);
	cJSON *list = json_array_at(json, "containers"), *shim = json_object_at(json, "shim");

	json_put_int(shim, "pid", getpid());
	json_put_int(shim, "start", (int64_t)process_start_time(getpid()));
	for (int i = 0; i < s->n; i++)
		cJSON_AddItemToArray(list, unit_report(&s->units[i]));
	json_put_text(json, "reason", s->stop_reason);
	json_put_text(json, "failure", failure);
	json_put_bool(json, "done", done);
	json_save(path, json);
}

static const char *policy(const struct shim *s)
{
	return json_text_or(s->run.pod, "spec.restartPolicy", "Always");
}

static bool is_over(const struct shim *s, const struct unit *u)
{
	if (u->state != UNIT_ENDED)
		return false;
	if (s->stopping || !strcmp(policy(s), "Never"))
		return true;
	if (u->init || !strcmp(policy(s), "OnFailure"))
		return u->exit_code == 0;
	return false;
}

static void back_off(struct shim *s, struct unit *u)
{
	int64_t wait = 0;
	auto_free char *text = NULL;

	if (clock_now_ms() - u->started_ms > CALM_MS)
		u->fast_ends = 0;
	if (u->fast_ends++ > 0)
		wait = (int64_t)BACKOFF_MS << (u->fast_ends > 7 ? 5 : u->fast_ends - 2);
	if (wait > BACKOFF_MAX_MS)
		wait = BACKOFF_MAX_MS;
	unit_again(u);
	text = xprintf("back-off %ds restarting failed container=%s", (int)(wait / 1000), u->name);
	unit_wait_state(u, wait ? "CrashLoopBackOff" : "ContainerCreating", wait ? text : NULL);
	u->state = UNIT_BACKOFF;
	u->backoff_ms = deadline_after((int)wait);
}

/* Init containers one after the other, then all the others at once. True when something changed. */
static bool step(struct shim *s)
{
	bool changed = false;

	for (int i = 0; i < s->n && !s->stopping; i++) {
		struct unit *u = &s->units[i];

		if (u->state == UNIT_ENDED && !is_over(s, u)) {
			back_off(s, u);
			changed = true;
		}
		if (u->state == UNIT_WAITING ||
			(u->state == UNIT_BACKOFF && deadline_passed(u->backoff_ms))) {
			unit_start(u, &s->run);
			changed = true;
		}
		if (u->init && (u->state != UNIT_ENDED || u->exit_code != 0))
			break;
	}
	return changed;
}

static bool all_over(const struct shim *s)
{
	for (int i = 0; i < s->n; i++) {
		const struct unit *u = &s->units[i];

		if (u->init && u->state == UNIT_ENDED && u->exit_code && is_over(s, u))
			return true;
		if (u->state == UNIT_RUNNING || (!s->stopping && !is_over(s, u)))
			return false;
	}
	return true;
}

static void signal_all(struct shim *s, int number)
{
	for (int i = 0; i < s->n; i++)
		if (s->units[i].state == UNIT_RUNNING)
			kill(s->units[i].pid, number);
}

static void stop(struct shim *s)
{
	auto_free char *path = xprintf("%s/stop.json", s->run.dir);
	auto_json cJSON *json = NULL;
	int64_t grace, deadline;

	json_load(path, &json);
	grace = json_int(json, "grace", 0);
	if (grace < 0 || grace > 86400)
		grace = 30;
	deadline = deadline_after((int)grace * 1000);
	if (!s->stopping || deadline < s->kill_ms)
		s->kill_ms = deadline;
	if (!s->stop_reason && json_text(json, "reason"))
		s->stop_reason = xstrdup(json_text(json, "reason"));
	if (!s->stopping && grace)
		signal_all(s, SIGTERM);
	s->stopping = true;
}

static bool reap(struct shim *s)
{
	bool changed = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < s->n; i++) {
			struct unit *u = &s->units[i];

			if (u->state != UNIT_RUNNING || u->pid != pid)
				continue;
			unit_ended(u, &s->run, status);
			changed = true;
		}
	}
	return changed;
}

static bool take_signals(struct shim *s)
{
	struct signalfd_siginfo info;
	bool changed = false;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTERM) {
			stop(s);
			changed = true;
		}
	}
	return reap(s) || changed;
}

static int next_wait(const struct shim *s)
{
	int wait = 60000;

	for (int i = 0; i < s->n && !s->stopping; i++)
		if (s->units[i].state == UNIT_BACKOFF &&
			deadline_left(s->units[i].backoff_ms) < wait)
			wait = deadline_left(s->units[i].backoff_ms);
	if (s->stopping && !s->killed && deadline_left(s->kill_ms) < wait)
		wait = deadline_left(s->kill_ms);
	return wait;
}

static bool wait_and_serve(struct shim *s)
{
	struct pollfd p[1 + 2 * UNITS_MAX];

	p[0] = (struct pollfd){ s->signals, POLLIN, 0 };
	for (int i = 0; i < 2 * s->n; i++)
		p[1 + i] = (struct pollfd){ s->units[i / 2].output[i % 2], POLLIN, 0 };
	if (poll(p, 1 + 2 * (nfds_t)s->n, next_wait(s)) < 0)
		return false;
	for (int i = 0; i < 2 * s->n; i++)
		if (p[1 + i].fd >= 0 && p[1 + i].revents)
			unit_read(&s->units[i / 2], &s->run, i % 2);
	return p[0].revents && take_signals(s);
}

static void serve(struct shim *s)
{
	while (!all_over(s)) {
		bool changed = step(s);

		if (changed)
			report(s, false, NULL);
		if (s->stopping && !s->killed && deadline_passed(s->kill_ms)) {
			s->killed = true;
			signal_all(s, SIGKILL);
		}
		if (all_over(s))
			break;
		if (wait_and_serve(s))
			report(s, false, NULL);
	}
}

static int take_over_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void add_units(struct shim *s)
{
	const cJSON *c;

	cJSON_ArrayForEach (c, json_at(s->run.pod, "spec.initContainers"))
		if (s->n < UNITS_MAX)
			unit_init(&s->units[s->n++], &s->run, c, true);
	cJSON_ArrayForEach (c, json_at(s->run.pod, "spec.containers"))
		if (s->n < UNITS_MAX)
			unit_init(&s->units[s->n++], &s->run, c, false);
}

static int prepare(struct shim *s)
{
	const char *name = json_text_or(s->run.pod, "metadata.name", "pod");
	const char *asked = json_text_or(s->run.pod, "spec.hostname", name);
	char hostname[HOST_NAME_MAX];
	int rc;

	snprintf(hostname, sizeof(hostname), "%.63s", asked);
	rc = enter_namespaces(hostname);
	if (rc == 0)
		rc = write_etc(&s->run, hostname);
	return rc < 0 ? rc : make_volumes(&s->run);
}

/* A daemon that was killed just after it started us may start a second shim: that one goes. */
static int lock_folder(const struct pod_run *run)
{
	auto_free char *path = xprintf("%s/lock", run->dir);
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return take_fd(fd);
}

int shim_main(const char *home, const char *uid)
{
	auto_json cJSON *pod = NULL;
	struct shim s = { .run = { .home = home, .uid = uid } };
	auto_close int lock = -1;
	auto_free char *root = cgroup_root(home), *path = NULL;
	int rc;

	umask(022);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	s.signals = take_over_signals();
	s.run.dir = xprintf("%s/pods/%s", home, uid);
	path = xprintf("%s/pod.json", s.run.dir);
	lock = lock_folder(&s.run);
	if (lock < 0)
		return 1;
	rc = json_load(path, &pod);
	s.run.pod = pod;
	s.run.one_user = userns_one_user();
	if (cgroup_usable())
		s.run.cgroup = xprintf("%s/%s", root, uid);
	if (rc == 0) {
		add_units(&s);
		report(&s, false, NULL);
		rc = prepare(&s);
	}
	if (rc == 0)
		serve(&s);
	report(&s, true, rc < 0 ? strerror(-rc) : NULL);
	if (s.run.cgroup)
		cgroup_remove(s.run.cgroup);
	for (int i = 0; i < s.n; i++)
		unit_fini(&s.units[i]);
	free(s.run.cgroup);
	free(s.run.dir);
	free(s.stop_reason);
	return rc < 0;
}
