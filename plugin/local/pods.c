#include "plugin/local/pods.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "plugin/local/events.h"
#include "plugin/local/folder.h"
#include "plugin/local/image.h"
#include "plugin/local/jobs.h"
#include "plugin/local/podenv.h"
#include "plugin/local/podstatus.h"
#include "plugin/local/process.h"
#include "plugin/local/runtime.h"
#include "plugin/local/shimfolder.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <uthash.h>

#define IMAGE_RETRY_MS 10000
#define TICK_MS        30000
#define GONE           1 /* in place of the pid of a shim that was there and is not */

/* One Pod that has, or had, a shim. Only the Pods thread sees these. */
struct run {
	UT_hash_handle hh;
	char *uid;
	char *dir;
	int watch; /* of inotify; -1 */
	pid_t shim;
	uint64_t shim_start;
	int pidfd;  /* of the shim; -1 when gone */
	bool fresh; /* its status.json is to be read */
	bool done;
	int64_t image_retry_ms; /* waits for an image until then */
	int image_tries;
	int64_t asked_grace; /* what stop.json said last; -1 none */
	bool seen;           /* its object was in the last listing */
};

struct pods {
	struct engine *engine;
	void (*on_log)(void *arg);
	void *on_log_arg;
	pthread_t thread;
	int wake; /* eventfd */
	int notify;
	bool closing; /* atomic */
	struct run *runs;
};

void pods_kick(struct pods *p)
{
	uint64_t one = 1;

	if (p && write(p->wake, &one, sizeof(one)) < 0)
		trace(LOCAL, "waking the pods thread: %m");
}

static struct run *run_add(struct pods *p, const char *uid)
{
	struct run *r = xcalloc(1, sizeof(*r));

	r->uid = xstrdup(uid);
	r->dir = xprintf("%s/pods/%s", p->engine->home, uid);
	r->pidfd = -1;
	r->watch = -1;
	r->asked_grace = -1;
	HASH_ADD_KEYPTR(hh, p->runs, r->uid, strlen(r->uid), r);
	return r;
}

static void run_free(struct pods *p, struct run *r)
{
	HASH_DEL(p->runs, r);
	if (r->watch >= 0)
		inotify_rm_watch(p->notify, r->watch);
	if (r->pidfd >= 0)
		close(r->pidfd);
	free(r->uid);
	free(r->dir);
	free(r);
}

static struct run *run_find(struct pods *p, const char *uid)
{
	struct run *r = NULL;

	HASH_FIND(hh, p->runs, uid, strlen(uid), r);
	return r;
}

static void watch_folder(struct pods *p, struct run *r)
{
	r->watch = inotify_add_watch(p->notify, r->dir, IN_MOVED_TO | IN_MODIFY | IN_ONLYDIR);
	r->fresh = true;
}

static void attach_shim(struct run *r, pid_t pid)
{
	r->shim = pid;
	r->shim_start = process_start_time(pid);
	r->pidfd = process_pidfd(pid);
	if (r->pidfd < 0)
		r->pidfd = -1;
}

/* After a restart: folders of Pods whose shims may still be there. */
static void find_runs(struct pods *p)
{
	auto_free char *dir = xprintf("%s/pods", p->engine->home);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		struct run *r;
		pid_t pid;
		int rc;

		if (e->d_name[0] == '.')
			continue;
		r = run_add(p, e->d_name);
		watch_folder(p, r);
		rc = shimfolder_pid(r->dir, &pid);
		if (rc == 0)
			attach_shim(r, pid);
		else if (rc == -ESRCH)
			r->shim = GONE;
	}
	if (d)
		closedir(d);
}

static int set_status(cJSON *copy, void *arg)
{
	const cJSON *report = arg;
	auto_json cJSON *before = cJSON_Duplicate(copy, true);

	if (podstatus_is_over(copy))
		return 1;
	podstatus_apply(copy, report);
	return cJSON_Compare(before, copy, true) ? 1 : 0;
}

/* Events for what happened to a container between two states of its Pod. */
static void tell_changes(struct pods *p, const struct snap *before, const cJSON *report)
{
	const cJSON *r, *s;

	cJSON_ArrayForEach (r, json_at(report, "containers")) {
		const char *name = json_text_or(r, "name", ""), *old = "", *now = "";
		const char *waiting = json_text_or(r, "state.waiting.reason", "");

		cJSON_ArrayForEach (s, json_at(before->json, "status.containerStatuses"))
			if (!strcmp(json_text_or(s, "name", ""), name))
				old = json_text_or(s, "containerID", "");
		now = json_text_or(r, "id", "");
		if (json_at(r, "state.running") && (strlen(old) < 7 || strcmp(old + 7, now) != 0)) {
			events_tell(p->engine->store, before->json, name, "Normal", "Created",
				"Created container %s", name);
			events_tell(p->engine->store, before->json, name, "Normal", "Started",
				"Started container %s", name);
		}
		if (!strcmp(json_text_or(r, "state.terminated.reason", ""), "StartError"))
			events_tell(p->engine->store, before->json, name, "Warning", "Failed",
				"Error: %s", json_text_or(r, "state.terminated.message", ""));
		if (!strcmp(waiting, "CrashLoopBackOff"))
			events_tell(p->engine->store, before->json, name, "Warning", "BackOff",
				"%s", json_text_or(r, "state.waiting.message", ""));
		if (!strcmp(waiting, "CreateContainerConfigError"))
			events_tell(p->engine->store, before->json, name, "Warning", "Failed",
				"Error: %s", json_text_or(r, "state.waiting.message", ""));
	}
}

static void read_report(struct pods *p, struct run *r, const struct snap *pod)
{
	auto_free char *path = xprintf("%s/status.json", r->dir);
	auto_json cJSON *report = NULL;

	r->fresh = false;
	if (json_load(path, &report) < 0)
		return;
	r->done = json_is_true(report, "done");
	tell_changes(p, pod, report);
	store_change(p->engine->store, pod->resource, pod->ns, pod->name, set_status, report, NULL);
}

struct failure {
	const char *container;
	const char *reason;
	const char *message;
};

static int set_waiting(cJSON *copy, void *arg)
{
	const struct failure *f = arg;
	auto_json cJSON *before = cJSON_Duplicate(copy, true);

	podstatus_waiting(copy, f->container, f->reason, f->message);
	return cJSON_Compare(before, copy, true) ? 1 : 0;
}

static int set_failed(cJSON *copy, void *arg)
{
	const struct failure *f = arg;

	if (podstatus_is_over(copy))
		return 1;
	podstatus_failed(copy, f->reason, f->message);
	return 0;
}

static void wait_with(struct pods *p, const struct snap *pod, const struct failure *f)
{
	store_change(
		p->engine->store, pod->resource, pod->ns, pod->name, set_waiting, (void *)f, NULL);
}

static void image_missing(
	struct pods *p, struct run *r, const struct snap *pod, const cJSON *container)
{
	struct store *st = p->engine->store;
	const char *name = json_text_or(container, "name", "");
	const char *image = json_text_or(container, "image", "");
	bool never = !strcmp(json_text_or(container, "imagePullPolicy", ""), "Never");
	auto_free char *text = NULL;
	struct failure f = { .container = name };

	text = never ? xprintf("Container image \"%s\" is not present with pull policy of Never",
			       image)
		     : xprintf("%sthis engine pulls no images and '%s' was not imported: use the "
			       "image '" IMAGE_HOST "', or bring it in with: kubectl sbx local "
			       "import %s OCI-LAYOUT|ARCHIVE.tar|FOLDER",
			       r->image_tries ? "Back-off pulling image: " : "", image, image);
	f.reason = never            ? "ErrImageNeverPull"
		   : r->image_tries ? "ImagePullBackOff"
				    : "ErrImagePull";
	f.message = text;
	if (!never && !r->image_tries)
		events_tell(
			st, pod->json, name, "Normal", "Pulling", "Pulling image \"%s\"", image);
	events_tell(st, pod->json, name, "Warning", r->image_tries && !never ? "BackOff" : "Failed",
		r->image_tries && !never ? "%s" : "Failed to pull image: %s", text);
	wait_with(p, pod, &f);
	r->image_retry_ms = deadline_after(r->image_tries++ ? IMAGE_RETRY_MS : 1000);
}

/* The first container whose image is not here, or NULL. */
static const cJSON *without_image(struct pods *p, const struct snap *pod)
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers" };
	const cJSON *c;

	for (int i = 0; i < 2; i++) {
		cJSON_ArrayForEach (c, json_at(pod->json, lists[i])) {
			auto_json cJSON *image = NULL;
			auto_free char *folder = NULL;

			if (image_find(p->engine->home, json_text_or(c, "image", ""), &image,
				    &folder) < 0)
				return c;
		}
	}
	return NULL;
}

static void tell_images(struct pods *p, const struct snap *pod)
{
	const cJSON *c;

	cJSON_ArrayForEach (c, json_at(pod->json, "spec.containers"))
		events_tell(p->engine->store, pod->json, json_text(c, "name"), "Normal", "Pulled",
			"Container image \"%s\" already present on machine",
			json_text_or(c, "image", ""));
}

static int start_shim(struct pods *p, struct run *r, cJSON *pod, struct err *err)
{
	auto_free char *path = xprintf("%s/pod.json", r->dir);
	const char *const argv[] = { "/proc/self/exe", "shim", p->engine->home, r->uid, NULL };
	struct spawn s = {
		.argv = argv, .in = -1, .out = -1, .err = -1, .session = true, .keep_fd = -1
	};
	int rc = folder_make(r->dir, 0755, err);
	pid_t pid;

	if (rc == 0)
		rc = json_save(path, pod);
	if (rc == 0)
		rc = process_spawn(&s, &pid);
	if (rc < 0)
		return err_set(err, rc, "starting the shim: %s", strerror(-rc));
	attach_shim(r, pid);
	watch_folder(p, r);
	return 0;
}

static void start(struct pods *p, struct run *r, const struct snap *pod)
{
	auto_json cJSON *copy = NULL;
	const cJSON *missing;
	struct err err = { "" };
	struct failure f = { .reason = "CreateContainerConfigError" };
	int rc;

	if (r->image_retry_ms && !deadline_passed(r->image_retry_ms))
		return;
	if (!r->image_retry_ms)
		events_tell(p->engine->store, pod->json, NULL, "Normal", "Scheduled",
			"Successfully assigned %s/%s to " NODE_NAME, pod->ns, pod->name);
	missing = without_image(p, pod);
	if (missing) {
		image_missing(p, r, pod, missing);
		return;
	}
	tell_images(p, pod);
	copy = cJSON_Duplicate(pod->json, true);
	rc = podenv_resolve(p->engine->store, copy, &f.container, &err);
	if (rc == 0)
		rc = start_shim(p, r, copy, &err);
	if (rc == 0) {
		r->image_retry_ms = 0;
		return;
	}
	f.message = err_text(&err, rc);
	if (!f.container)
		f.container = json_text_or(copy, "spec.containers.name", "");
	wait_with(p, pod, &f);
	r->image_retry_ms = deadline_after(IMAGE_RETRY_MS);
}

static bool shim_lives(struct run *r)
{
	if (r->pidfd < 0)
		return false;
	waitpid(r->shim, NULL, WNOHANG);
	if (process_alive(r->shim, r->shim_start))
		return true;
	close(r->pidfd);
	r->pidfd = -1;
	r->fresh = true;
	return false;
}

static void ask_to_stop(struct run *r, int64_t grace, const char *reason)
{
	if (r->asked_grace >= 0 && r->asked_grace <= grace)
		return;
	shimfolder_stop(r->dir, r->shim, grace, reason);
	r->asked_grace = grace;
}

static bool past_deadline(const struct snap *pod, int64_t *ret_left_ms)
{
	int64_t seconds = json_int(pod->json, "spec.activeDeadlineSeconds", 0), began;
	const char *start_time = json_text(pod->json, "status.startTime");

	*ret_left_ms = INT32_MAX;
	if (!seconds || !start_time || rfc3339_parse(start_time, &began) < 0)
		return false;
	*ret_left_ms = began + seconds * 1000 - clock_wall_ms();
	return *ret_left_ms <= 0;
}

/* The shim is gone and has not said that all is over: what it held is gone with it. */
static void lost(struct pods *p, struct run *r, const struct snap *pod)
{
	struct failure f = { .reason = "ShimLost",
		.message = "the process that held this Pod was killed" };

	shimfolder_clean(p->engine->home, r->dir);
	r->done = true;
	store_change(p->engine->store, pod->resource, pod->ns, pod->name, set_failed, &f, NULL);
}

static void remove_run(struct pods *p, struct run *r)
{
	struct err err = { "" };

	if (!r->done && r->shim)
		shimfolder_clean(p->engine->home, r->dir);
	if (folder_remove(r->dir, &err) < 0)
		log_warn("%s", err.text);
	run_free(p, r);
}

/* How long until this Pod needs another look. */
static int reconcile(struct pods *p, const struct snap *pod)
{
	struct run *r = run_find(p, pod->uid);
	bool deleted = json_at(pod->json, "metadata.deletionTimestamp");
	bool over = podstatus_is_over(pod->json), lives;
	int64_t left_ms = INT32_MAX;

	/* on no node: only its deletion is for us to see */
	if (!r && !json_text(pod->json, "spec.nodeName") && !deleted)
		return INT32_MAX;
	if (!r)
		r = run_add(p, pod->uid);
	r->seen = true;
	lives = shim_lives(r);
	if (r->fresh)
		read_report(p, r, pod);
	if (deleted && lives) {
		if (r->asked_grace < 0)
			events_tell(p->engine->store, pod->json, NULL, "Normal", "Killing",
				"Stopping the containers of this Pod");
		ask_to_stop(
			r, json_int(pod->json, "metadata.deletionGracePeriodSeconds", 30), NULL);
		return INT32_MAX;
	}
	if (deleted) {
		remove_run(p, r);
		store_delete(p->engine->store, pod->resource, pod->ns, pod->name, pod->uid, NULL);
		return INT32_MAX;
	}
	if (lives && past_deadline(pod, &left_ms))
		ask_to_stop(r, 0, "DeadlineExceeded");
	else if (!lives && r->shim && !r->done && !over)
		lost(p, r, pod);
	else if (!r->shim && !over)
		start(p, r, pod);
	if (r->image_retry_ms && deadline_left(r->image_retry_ms) < left_ms)
		left_ms = deadline_left(r->image_retry_ms);
	return left_ms < 0 ? 0 : (int)left_ms;
}

/* A Pod whose object is gone is ended at once. */
static void end_orphans(struct pods *p)
{
	struct run *r, *next;

	HASH_ITER(hh, p->runs, r, next)
	{
		if (r->seen) {
			r->seen = false;
			continue;
		}
		if (shim_lives(r))
			ask_to_stop(r, 0, NULL);
		else
			remove_run(p, r);
	}
}

static int reconcile_all(struct pods *p)
{
	struct snap **all;
	size_t n = store_list(p->engine->store, resource_named("pods"), "", &all, NULL);
	int wait = TICK_MS, jobs_wait;

	for (size_t i = 0; i < n; i++) {
		int one = reconcile(p, all[i]);

		if (one < wait)
			wait = one;
	}
	snaps_free(all, n);
	end_orphans(p);
	jobs_wait = jobs_reconcile(p->engine->store);
	return jobs_wait < wait ? jobs_wait : wait;
}

static void mark_fresh(struct pods *p, const struct inotify_event *e)
{
	struct run *r, *next;

	HASH_ITER(hh, p->runs, r, next)
	if (r->watch == e->wd)
		r->fresh = true;
}

/* True when a status changed. */
static bool read_notify(struct pods *p)
{
	char room[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool status = false, logs = false;
	ssize_t n;

	while ((n = read(p->notify, room, sizeof(room))) > 0) {
		const struct inotify_event *e;

		for (char *at = room; at < room + n; at += sizeof(*e) + e->len) {
			e = (const struct inotify_event *)at;
			if (e->mask & IN_MODIFY)
				logs = true;
			if (!(e->mask & IN_MOVED_TO) || strcmp(e->name, "status.json") != 0)
				continue;
			mark_fresh(p, e);
			status = true;
		}
	}
	if (logs)
		p->on_log(p->on_log_arg);
	return status;
}

/* Sleeps until a kick, a status, the end of a shim, or wait_ms. */
static void sleep_until(struct pods *p, int wait_ms)
{
	unsigned n = HASH_COUNT(p->runs), i = 2;
	auto_free struct pollfd *fds = xcalloc(n + 2, sizeof(*fds));
	int64_t deadline = deadline_after(wait_ms);
	struct run *r, *next;
	uint64_t count;
	bool woken = false;

	fds[0] = (struct pollfd){ p->wake, POLLIN, 0 };
	fds[1] = (struct pollfd){ p->notify, POLLIN, 0 };
	HASH_ITER(hh, p->runs, r, next)
	fds[i++] = (struct pollfd){ r->pidfd, POLLIN, 0 };
	while (!woken && !deadline_passed(deadline)) {
		if (poll(fds, i, deadline_left(deadline)) <= 0)
			continue;
		if (fds[0].revents && read(p->wake, &count, sizeof(count)) > 0)
			woken = true;
		if (fds[1].revents && read_notify(p))
			woken = true;
		for (unsigned k = 2; k < i; k++)
			woken = woken || (fds[k].fd >= 0 && fds[k].revents);
	}
}

static void *main_loop(void *arg)
{
	struct pods *p = arg;
	int64_t expire = deadline_after(60000);

	while (!__atomic_load_n(&p->closing, __ATOMIC_ACQUIRE)) {
		int wait = reconcile_all(p);

		if (deadline_passed(expire)) {
			events_expire(p->engine->store);
			expire = deadline_after(60000);
		}
		sleep_until(p, wait);
	}
	return NULL;
}

int pods_open(
	struct engine *e, void (*on_log)(void *arg), void *arg, struct pods **ret, struct err *err)
{
	auto_free char *dir = xprintf("%s/pods", e->home);
	struct pods *p;
	int rc = folder_make(dir, 0711, err);

	if (rc < 0)
		return rc;
	p = xcalloc(1, sizeof(*p));
	*p = (struct pods){ .engine = e, .on_log = on_log, .on_log_arg = arg };
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (p->wake < 0 || p->notify < 0)
		rc = err_set(err, -errno, "making the descriptors of the pods thread: %m");
	if (rc == 0) {
		find_runs(p);
		*ret = p; /* before the thread: what it changes kicks by this pointer */
		rc = -pthread_create(&p->thread, NULL, main_loop, p);
	}
	if (rc < 0) {
		*ret = NULL;
		free(p);
	}
	return rc;
}

void pods_close(struct pods *p)
{
	struct run *r, *next;

	if (!p)
		return;
	__atomic_store_n(&p->closing, true, __ATOMIC_RELEASE);
	pods_kick(p);
	pthread_join(p->thread, NULL);
	HASH_ITER(hh, p->runs, r, next)
	run_free(p, r);
	close(p->wake);
	close(p->notify);
	free(p);
}
