#include "plugin/local/unit.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "plugin/local/bundle.h"
#include "plugin/local/cgroup.h"
#include "plugin/local/folder.h"
#include "plugin/local/podlog.h"
#include "plugin/local/process.h"
#include "plugin/local/rootfs.h"
#include "plugin/local/runtime.h"
#include "plugin/local/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define READ_BYTES    (16u * 1024)
#define MESSAGE_BYTES 4096
#define START_ERROR   128

void unit_init(struct unit *u, const struct pod_run *run, const cJSON *spec, bool init)
{
	*u = (struct unit){ .spec = spec,
		.name = json_text_or(spec, "name", ""),
		.init = init,
		.output = { -1, -1 },
		.input = -1,
		.log = -1,
		.last_json = cJSON_CreateObject() };
	u->dir = xprintf("%s/containers/%s", run->dir, u->name);
	if (run->cgroup)
		u->cgroup = xprintf("%s/%s", run->cgroup, u->name);
	if (!init && cJSON_GetArraySize(json_at(run->pod, "spec.initContainers")))
		unit_wait_state(u, "PodInitializing", NULL);
	else
		unit_wait_state(u, "ContainerCreating", NULL);
}

void unit_fini(struct unit *u)
{
	int *fds[] = { &u->output[0], &u->output[1], &u->input, &u->log };

	for (int i = 0; i < 4; i++)
		close_at(fds[i]);
	cJSON_Delete(u->state_json);
	cJSON_Delete(u->last_json);
	free(u->id);
	free(u->dir);
	free(u->cgroup);
	free(u->image_id);
}

static void set_state(struct unit *u, const char *kind, cJSON *detail)
{
	cJSON_Delete(u->state_json);
	u->state_json = cJSON_CreateObject();
	cJSON_AddItemToObject(u->state_json, kind, detail);
}

void unit_wait_state(struct unit *u, const char *reason, const char *message)
{
	cJSON *detail = cJSON_CreateObject();

	json_put_text(detail, "reason", reason);
	json_put_text(detail, "message", message);
	set_state(u, "waiting", detail);
}

static void end_state(struct unit *u, const struct pod_run *run, const char *reason,
	const char *message, int code)
{
	cJSON *detail = cJSON_CreateObject();
	auto_free char *id = xprintf("runc://%s", u->id ? u->id : "");
	const char *started = json_text(u->state_json, "running.startedAt");
	char now[32];

	json_wall(now, clock_wall_ms());
	json_put_int(detail, "exitCode", code);
	json_put_text(detail, "reason", reason);
	json_put_text(detail, "message", message && *message ? message : NULL);
	json_put_text(detail, "startedAt", started ? started : now);
	json_put_text(detail, "finishedAt", now);
	json_put_text(detail, "containerID", id);
	set_state(u, "terminated", detail);
	u->state = UNIT_ENDED;
	u->exit_code = code;
}

static void begin_log(struct unit *u, const struct pod_run *run)
{
	auto_free char *path = xprintf("%s/%s.%d.log", run->dir, u->name, u->restarts);

	if (u->log >= 0)
		close(u->log);
	u->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
	u->log_bytes = 0;
}

static void turn_log(struct unit *u, const struct pod_run *run)
{
	auto_free char *path = xprintf("%s/%s.%d.log", run->dir, u->name, u->restarts);
	auto_free char *old = xprintf("%s.old", path);

	rename(path, old);
	begin_log(u, run);
}

static void log_bytes(
	struct unit *u, const struct pod_run *run, bool is_stderr, const char *text, size_t n)
{
	auto_buf out = BUF_INIT(2 * 1024 * 1024);

	while (n) {
		const char *newline = memchr(text, '\n', n);
		size_t line = newline ? (size_t)(newline - text) : n;

		podlog_print(&out, is_stderr, !newline, text, line);
		line += newline != NULL;
		text += line;
		n -= line;
	}
	if (u->log_bytes > PODLOG_FILE_BYTES)
		turn_log(u, run);
	if (u->log >= 0 &&
		io_write_all(u->log, buf_text(&out), out.len, deadline_after(10000)) == 0)
		u->log_bytes += (off_t)out.len;
}

void unit_read(struct unit *u, const struct pod_run *run, int i)
{
	char piece[READ_BYTES];
	ssize_t n = read(u->output[i], piece, sizeof(piece));

	if (n > 0) {
		log_bytes(u, run, i == 1, piece, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(u->output[i]);
	u->output[i] = -1;
}

/* A FIFO that attach writes to; without it standard input is empty. */
static int open_input(struct unit *u, const struct pod_run *run)
{
	auto_free char *path = xprintf("%s/%s.stdin", run->dir, u->name);

	if (!json_is_true(u->spec, "stdin"))
		return 0;
	unlink(path);
	if (mkfifo(path, 0600) < 0)
		return -errno;
	u->input = open(path, O_RDWR | O_CLOEXEC);
	return u->input < 0 ? -errno : 0;
}

static int prepare(struct unit *u, const struct pod_run *run, struct err *err)
{
	auto_json cJSON *image = NULL;
	auto_free char *folder = NULL;
	struct bundle b = { .pod = run->pod,
		.container = u->spec,
		.dir = u->dir,
		.pod_dir = run->dir,
		.cgroup = u->cgroup,
		.holder = (int)getpid(),
		.one_user = run->one_user };
	const char *name = json_text_or(u->spec, "image", "");
	int rc = image_find(run->home, name, &image, &folder);

	if (rc < 0)
		return err_set(err, rc, "the image '%s' is not here any more", name);
	free(u->image_id);
	u->image_id = xstrdup(json_text_or(image, "id", ""));
	rc = rootfs_mount(image, folder, u->dir, err);
	if (rc < 0)
		return rc;
	b.image = image;
	rc = bundle_write(&b, err);
	if (rc == 0)
		rc = open_input(u, run);
	return rc;
}

static int wait_for(pid_t pid)
{
	int status;

	/* The runtime may hang on a broken kernel; a shim must not. */
	if (process_wait_gone(pid, process_start_time(pid), deadline_after(RUNTIME_MS)) < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

struct pipes {
	int out[2];
	int err[2];
};

static int run_with(struct unit *u, const struct pod_run *run, struct spawn *s, const char *console,
	struct err *err)
{
	auto_free char *log = xprintf("%s/runtime.log", u->dir);
	auto_free char *pid_file = xprintf("%s/pid", u->dir);
	struct runtime r;
	pid_t pid;
	int rc;

	runtime_init(&r, run->home, log);
	runtime_add(&r, "run");
	runtime_add(&r, "--detach");
	runtime_add(&r, "--bundle");
	runtime_add(&r, u->dir);
	runtime_add(&r, "--pid-file");
	runtime_add(&r, pid_file);
	if (console) {
		runtime_add(&r, "--console-socket");
		runtime_add(&r, console);
	}
	runtime_add(&r, u->id);
	s->argv = r.argv;
	rc = process_spawn(s, &pid);
	if (rc < 0)
		rc = err_set(err, rc, "starting " RUNTIME ": %s", strerror(-rc));
	else
		rc = wait_for(pid);
	if (rc == -EIO)
		rc = runtime_said(&r, rc, err);
	if (rc == 0)
		rc = runtime_read_pid(pid_file, &u->pid);
	runtime_fini(&r);
	return rc;
}

static int run_piped(struct unit *u, const struct pod_run *run, struct err *err)
{
	struct spawn s = { .in = u->input, .keep_fd = -1 };
	int out[2], errs[2], rc;

	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(errs, O_CLOEXEC) < 0) {
		close(out[0]);
		close(out[1]);
		return -errno;
	}
	s.out = out[1];
	s.err = errs[1];
	rc = run_with(u, run, &s, NULL, err);
	close(out[1]);
	close(errs[1]);
	u->output[0] = out[0];
	u->output[1] = errs[0];
	io_nonblock(out[0]);
	io_nonblock(errs[0]);
	return rc;
}

static int run_in_terminal(struct unit *u, const struct pod_run *run, struct err *err)
{
	struct spawn s = { .in = -1, .out = -1, .err = -1, .keep_fd = -1 };
	struct terminal t;
	int rc = terminal_open(&t, u->dir);

	if (rc < 0)
		return rc;
	rc = run_with(u, run, &s, t.path, err);
	if (rc == 0)
		rc = terminal_take(&t, &u->output[0]);
	terminal_close(&t);
	if (rc == 0)
		io_nonblock(u->output[0]);
	return rc;
}

static void failed_to_start(
	struct unit *u, const struct pod_run *run, int rc, const struct err *err)
{
	auto_free char *text =
		xprintf("failed to create containerd task: failed to create shim task: "
			"OCI runtime create failed: %s: unknown",
			err_text(err, rc));

	end_state(u, run, "StartError", text, START_ERROR);
	runtime_delete(run->home, u->id);
	rootfs_unmount(u->dir);
	for (int i = 0; i < 2; i++) {
		close_at(&u->output[i]);
		u->output[i] = -1;
	}
}

void unit_start(struct unit *u, const struct pod_run *run)
{
	struct err err = { "" };
	cJSON *detail;
	int rc;

	free(u->id);
	u->id = xprintf("%s-%s-%d", run->uid, u->name, u->restarts);
	begin_log(u, run);
	rc = prepare(u, run, &err);
	if (rc < 0) {
		unit_wait_state(u, "CreateContainerConfigError", err_text(&err, rc));
		rootfs_unmount(u->dir);
		u->state = UNIT_BACKOFF;
		u->backoff_ms = deadline_after(10000);
		return;
	}
	rc = json_is_true(u->spec, "tty") ? run_in_terminal(u, run, &err) : run_piped(u, run, &err);
	if (rc < 0) {
		failed_to_start(u, run, rc, &err);
		return;
	}
	detail = cJSON_CreateObject();
	json_put_now(detail, "startedAt");
	set_state(u, "running", detail);
	u->started_ms = clock_now_ms();
	u->state = UNIT_RUNNING;
}

/* What is left in the pipes; a grandchild cannot hold them, its pid namespace is gone. */
static void drain(struct unit *u, const struct pod_run *run)
{
	for (int i = 0; i < 2; i++) {
		if (u->output[i] < 0)
			continue;
		for (int turns = 0; turns < 64 && u->output[i] >= 0; turns++)
			unit_read(u, run, i);
		if (u->output[i] >= 0)
			close(u->output[i]);
		u->output[i] = -1;
	}
}

void unit_ended(struct unit *u, const struct pod_run *run, int status)
{
	auto_free char *message_path = xprintf("%s/termination-log", u->dir);
	auto_buf message = BUF_INIT(MESSAGE_BYTES);
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	bool oom = u->cgroup && cgroup_oom_killed(u->cgroup);

	drain(u, run);
	io_read_file(message_path, &message);
	end_state(u, run,
		oom    ? "OOMKilled"
		: code ? "Error"
		       : "Completed",
		buf_text(&message), code);
	u->pid = 0;
	if (u->input >= 0)
		close(u->input);
	u->input = -1;
	runtime_delete(run->home, u->id);
	rootfs_unmount(u->dir);
}

void unit_again(struct unit *u)
{
	cJSON_Delete(u->last_json);
	u->last_json = cJSON_Duplicate(u->state_json, true);
	u->restarts++;
}

cJSON *unit_report(const struct unit *u)
{
	cJSON *r = cJSON_CreateObject();

	json_put_text(r, "name", u->name);
	json_put_bool(r, "init", u->init);
	json_put_text(r, "id", u->id);
	json_put_text(r, "image", json_text(u->spec, "image"));
	json_put_text(r, "imageID", u->image_id);
	json_put_int(r, "pid", u->pid);
	json_put_int(r, "pidStart", (int64_t)process_start_time(u->pid));
	json_put_int(r, "restartCount", u->restarts);
	json_put(r, "state", cJSON_Duplicate(u->state_json, true));
	json_put(r, "lastState", cJSON_Duplicate(u->last_json, true));
	return r;
}
