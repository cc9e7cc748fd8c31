#include "plugin/local/exec.h"
#include "common/base/io.h"
#include "plugin/local/process.h"
#include "plugin/local/runtime.h"
#include "plugin/local/terminal.h"

#include <fcntl.h>

struct exec {
	struct runtime runtime;
	struct terminal terminal;
	bool tty;
	char *process; /* its process.json */
	char *pid_file;
};

void exec_free(struct exec *e)
{
	if (!e)
		return;
	if (e->tty)
		terminal_close(&e->terminal);
	if (e->process)
		unlink(e->process);
	if (e->pid_file)
		unlink(e->pid_file);
	runtime_fini(&e->runtime);
	free(e->process);
	free(e->pid_file);
	free(e);
}

/* The container's own process, with another command line. */
static int write_process(const struct stream *s, const char *path)
{
	auto_free char *config_path = xprintf("%s/config.json", s->o.container_dir);
	auto_json cJSON *config = NULL;
	cJSON *process, *args = cJSON_CreateArray();
	int rc = json_load(config_path, &config);

	for (char **a = s->o.argv; *a; a++)
		cJSON_AddItemToArray(args, cJSON_CreateString(*a));
	process = rc < 0 ? NULL : json_at(config, "process");
	if (!process) {
		cJSON_Delete(args);
		return rc < 0 ? rc : -EBADMSG;
	}
	json_put(process, "args", args);
	json_put_bool(process, "terminal", s->o.tty);
	if (s->o.tty)
		cJSON_AddItemToArray(
			json_array_at(process, "env"), cJSON_CreateString("TERM=xterm"));
	return json_save(path, process);
}

static void add_arguments(struct exec *e, const struct stream *s)
{
	struct runtime *r = &e->runtime;

	runtime_add(r, "exec");
	runtime_add(r, "--detach");
	runtime_add(r, "--process");
	runtime_add(r, e->process);
	runtime_add(r, "--pid-file");
	runtime_add(r, e->pid_file);
	if (s->o.tty) {
		runtime_add(r, "--console-socket");
		runtime_add(r, e->terminal.path);
	}
	runtime_add(r, s->o.container_id);
}

/* Our ends are non-blocking; the process's are not. fds: in, out, err of the process. */
static int make_pipes(struct stream *s, int fds[3])
{
	struct watched *ours[] = { &s->in, &s->out, &s->err };
	bool wanted[] = { s->o.in, s->o.out, s->o.err };

	for (int i = 0; i < 3; i++) {
		int p[2], mine = i == 0;

		if (!wanted[i])
			continue;
		if (pipe2(p, O_CLOEXEC) < 0)
			return -errno;
		ours[i]->fd = p[mine];
		fds[i] = p[!mine];
		io_nonblock(p[mine]);
	}
	return 0;
}

int exec_begin(const char *home, struct stream *s, struct err *err)
{
	static unsigned count;
	unsigned n = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	auto_free char *log = xprintf("%s/exec/%u.log", home, n);
	auto_free char *dir = xprintf("%s/exec", home);
	struct exec *e = xcalloc(1, sizeof(*e));
	int fds[3] = { -1, -1, -1 }, rc;
	struct spawn sp = { .keep_fd = -1 };

	s->exec = e;
	e->process = xprintf("%s/exec/%u.json", home, n);
	e->pid_file = xprintf("%s/exec/%u.pid", home, n);
	e->tty = s->o.tty;
	runtime_init(&e->runtime, home, log);
	rc = write_process(s, e->process);
	if (rc == 0 && e->tty)
		rc = terminal_open(&e->terminal, dir);
	if (rc == 0 && !e->tty)
		rc = make_pipes(s, fds);
	if (rc == 0) {
		add_arguments(e, s);
		sp.argv = e->runtime.argv;
		sp.in = fds[0];
		sp.out = fds[1];
		sp.err = fds[2];
		rc = process_spawn(&sp, &s->runtime_pid);
	}
	for (int i = 0; i < 3; i++)
		close_at(&fds[i]);
	return rc < 0 ? err_set(err, rc, "preparing the exec: %s", strerror(-rc)) : 0;
}

int exec_started(struct stream *s, bool ok, struct err *err)
{
	struct exec *e = s->exec;
	int rc, master;

	if (!ok)
		return runtime_said(&e->runtime, -EIO, err);
	rc = runtime_read_pid(e->pid_file, &s->pid);
	if (rc == 0 && e->tty) {
		rc = terminal_take(&e->terminal, &master);
		if (rc == 0) {
			io_nonblock(master);
			s->out.fd = master;
			s->in.fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
		}
	}
	if (rc < 0)
		return err_set(err, rc, "taking over the process: %s", strerror(-rc));
	return 0;
}
