/*
 * A run through a mount. Each output has a thread (folderstream.h), so that neither holds back the
 * other; the caller's thread waits for signals, for the end, and commands the run.
 */
#include "plugin/folder.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "plugin/folderstream.h"
#include "plugin/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#define CTL_PIECE    (64 * 1024)
#define POLL_MS      1000
#define KILL_WAIT_MS 3000

struct folder_job {
	const char *dir;
	const struct pump_spec *spec;
	uint32_t number;
	int at; /* runs/N */
	struct folder_stream out[2], in;
	int stop;           /* eventfd: the threads are to end */
	int bell;           /* eventfd: an output has ended or broken */
	int exit_fd;        /* runs/N/exit; -1: its end is not waited for yet */
	bool told;          /* row is filled */
	struct run_row row; /* how it ended */
	int signal;         /* the last that came */
	int copying;        /* outputs that have not ended */
	bool leaving;       /* we let go of it */
	bool piped;         /* it was told that our reader has gone */
	int64_t give_up_ms;
};

static int open_file(const struct folder_job *j, const char *name, int flags)
{
	int fd = openat(j->at, name, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* --- beginning ------------------------------------------------------------------------- */

static void add_line(struct buf *b, const char *word, const char *rest)
{
	if (rest)
		buf_printf(b, "%s %s\n", word, rest);
}

/* What must be said before the script: in writes that a mount takes. */
static int command_before(const struct folder_job *j)
{
	const struct run_spec *r = &j->spec->run;
	auto_buf lines = BUF_INIT(CTL_PIECE);
	int rc = 0;

	add_line(&lines, "cwd", r->cwd);
	add_line(&lines, "user", r->user);
	if (r->timeout_ms)
		buf_printf(&lines, "timeout %d.%03d\n", r->timeout_ms / 1000, r->timeout_ms % 1000);
	if (r->keep)
		buf_str(&lines, "detach\n");
	if (!r->wants_stdin)
		buf_str(&lines, "eof\n");
	for (size_t i = 0; r->env && r->env[i] && !rc; i++) {
		if (lines.len + strlen(r->env[i]) > CTL_PIECE / 2) {
			rc = folder_ctl_at(j->at, buf_text(&lines));
			buf_reset(&lines);
		}
		add_line(&lines, "env", r->env[i]);
	}
	if (!rc)
		rc = buf_check(&lines) < 0 ? -E2BIG : 0;
	if (!rc && lines.len)
		rc = folder_ctl_at(j->at, buf_text(&lines));
	return rc;
}

static int read_number(int fd, uint32_t *ret)
{
	char text[32];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return run_id_parse(text, ret) < 0 ? -EBADMSG : 0;
}

static int write_script(int fd, const struct run_spec *r)
{
	size_t at = 0;

	while (at < r->n) {
		ssize_t n = write(fd, r->script + at, r->n - at);

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return 0;
}

static void forget(const struct folder_job *j)
{
	auto_free char *path = xprintf("%s/runs/%u", j->dir, j->number);

	rmdir(path);
}

static int open_folder(struct folder_job *j)
{
	j->at = folder_open(j->dir, j->number);
	return j->at < 0 ? j->at : 0;
}

/* The close starts it; its errors are the start's. */
static int start_new(struct folder_job *j)
{
	auto_free char *path = xprintf("%s/runs/new", j->dir);
	auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = read_number(fd, &j->number);
	if (!rc)
		rc = open_folder(j);
	if (!rc)
		rc = command_before(j);
	if (!rc)
		rc = write_script(fd, &j->spec->run);
	if (rc < 0)
		forget(j); /* before the close, which would start half a script */
	else if (close(take_fd(fd)) < 0)
		rc = -errno;
	return rc;
}

static bool wanted(const struct folder_job *j, int i)
{
	const struct run_spec *r = &j->spec->run;

	return !r->attach || r->wants & (i ? RUN_WANTS_ERR : RUN_WANTS_OUT);
}

static int open_streams(struct folder_job *j)
{
	static const char *const names[] = { "stdout", "stderr" };
	const struct run_spec *r = &j->spec->run;
	int rc = 0;

	for (int i = 0; i < 2 && !rc; i++) {
		struct folder_stream *s = &j->out[i];

		if (!wanted(j, i))
			continue;
		s->sink = &j->spec->out[i];
		s->at = r->attach ? r->from[i] : 0;
		s->until = j->spec->bounded ? j->spec->until[i] : UINT64_MAX;
		s->stop = j->stop;
		s->bell = j->bell;
		s->fd = open_file(j, names[i], O_RDONLY | O_NONBLOCK);
		rc = s->fd < 0 ? s->fd : folder_stream_out(s);
		j->copying += !rc;
	}
	if (!rc && r->wants_stdin && !r->attach) {
		j->in.from = j->spec->in;
		j->in.stop = j->stop;
		j->in.fd = open_file(j, "stdin", O_WRONLY | O_NONBLOCK);
		/* one that has ended already takes none */
		if (j->in.fd >= 0)
			rc = folder_stream_in(&j->in);
	}
	return rc;
}

/* --- waiting ----------------------------------------------------------------------------- */

static void send_signal(const struct folder_job *j, const char *word)
{
	auto_free char *line = xprintf("signal %s\n", word);

	folder_ctl_at(j->at, line);
}

static void interrupted(struct folder_job *j)
{
	int sig = interrupt_read(j->spec->signals);

	if (!sig)
		return;
	if (j->spec->leaves)
		j->leaving = true;
	else
		send_signal(j, j->signal ? "KILL" : pump_signal_word(sig));
	if (j->signal && !j->give_up_ms)
		j->give_up_ms = deadline_after(KILL_WAIT_MS);
	j->signal = sig;
}

/* Our reader is gone: as a local program would be, the remote one is told by SIGPIPE. */
static void rung(struct folder_job *j)
{
	uint64_t count;

	if (read(j->bell, &count, sizeof(count)) < 0)
		return;
	j->copying -= (int)count;
	if (!j->out[0].broken || j->piped || j->spec->run.attach)
		return;
	j->piped = true;
	send_signal(j, "PIPE");
}

static bool exit_is_there(const struct folder_job *j)
{
	char text[32];

	return pread(j->exit_fd, text, sizeof(text), 0) >= 0 || errno != EAGAIN;
}

/* Before its outputs have ended nobody asks. Mostly it has ended by then; else its end is waited for. */
static bool has_ended(struct folder_job *j)
{
	if (j->spec->bounded || j->exit_fd >= 0)
		return j->spec->bounded || exit_is_there(j);
	j->told = !folder_status_at(j->at, j->number, &j->row);
	if (!j->told || run_row_ended(&j->row))
		return true;
	run_row_fini(&j->row);
	j->told = false;
	j->exit_fd = open_file(j, "exit", O_RDONLY | O_NONBLOCK);
	return j->exit_fd < 0 || exit_is_there(j);
}

static int wait_ms(const struct folder_job *j)
{
	int64_t deadline_ms = j->spec->deadline_ms;
	int left = deadline_ms ? deadline_left(deadline_ms) : POLL_MS;

	return left < POLL_MS ? left + 1 : POLL_MS;
}

/* 1: it has ended and told all, or we let go of it; 0: go on; -EINTR, -ETIMEDOUT. */
static int turn(struct folder_job *j)
{
	struct pollfd fds[] = { { j->spec->signals, POLLIN, 0 }, { j->bell, POLLIN, 0 },
		{ j->exit_fd, POLLIN, 0 } };

	if (j->leaving || (j->copying <= 0 && has_ended(j)))
		return 1;
	if (j->give_up_ms && deadline_passed(j->give_up_ms))
		return -EINTR;
	if (j->spec->deadline_ms && deadline_passed(j->spec->deadline_ms))
		return -ETIMEDOUT;
	if (poll(fds, 3, wait_ms(j)) <= 0)
		return 0;
	if (fds[0].revents)
		interrupted(j);
	if (fds[1].revents)
		rung(j);
	return 0;
}

static int await_end(struct folder_job *j)
{
	int rc = 0;

	while (!rc)
		rc = turn(j);
	return rc < 0 ? rc : 0;
}

/* --- the end -------------------------------------------------------------------------------- */

static void end_streams(struct folder_job *j)
{
	folder_stream_ring(j->stop);
	folder_stream_end(&j->out[0]);
	folder_stream_end(&j->out[1]);
	folder_stream_end(&j->in);
	if (j->exit_fd >= 0)
		close(j->exit_fd);
}

static int check_counts(const struct folder_job *j, const struct run_row *row, struct err *err)
{
	for (int i = 0; i < 2; i++)
		if (wanted(j, i) && !j->spec->bounded && !j->out[i].broken &&
			j->out[i].at < row->bytes[i])
			return err_set(err, -EBADMSG,
				"the output is not complete: %llu of %llu bytes came",
				(unsigned long long)j->out[i].at,
				(unsigned long long)row->bytes[i]);
	return 0;
}

static int tell_end(struct folder_job *j, struct pump_end *ret, struct err *err)
{
	int rc = j->told ? 0 : folder_status_at(j->at, j->number, &j->row);

	if (rc < 0)
		return err_set(err, rc, "cannot read how it ended: %s", strerror(-rc));
	ret->run = run_row_end(&j->row);
	ret->kept_id = j->row.kept;
	if (ret->run.state != RUN_KEPT && ret->run.state != RUN_LOST && !j->spec->detach)
		rc = check_counts(j, &j->row, err);
	run_row_fini(&j->row);
	return rc;
}

/* One that its agent cannot keep was not started. */
static int tell_kept(struct folder_job *j, struct pump_end *ret, struct err *err)
{
	int rc = tell_end(j, ret, err);
	int why = ret->run.state == RUN_LOST ? ret->run.rc : 0;

	if (rc < 0 || (why != -ENOSYS && why != -EOPNOTSUPP))
		return rc;
	ret->started = false;
	forget(j);
	return why;
}

static int started(struct folder_job *j, struct pump_end *ret, struct err *err)
{
	int rc = open_streams(j);
	int told;

	if (!rc)
		rc = await_end(j);
	end_streams(j);
	ret->signal = j->signal;
	if (rc < 0 && rc != -ETIMEDOUT)
		return rc;
	told = tell_end(j, ret, err);
	/* one that has told all leaves nothing behind; what was the newest before is so again */
	if (!told && !j->spec->run.attach && ret->run.state != RUN_LOST)
		forget(j);
	return told < 0 ? told : rc;
}

static int run(struct folder_job *j, struct pump_end *ret, struct err *err)
{
	int rc = j->number ? open_folder(j) : start_new(j);

	if (rc < 0)
		return rc;
	ret->started = true;
	if (j->spec->detach)
		return tell_kept(j, ret, err);
	j->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	j->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->stop < 0 || j->bell < 0)
		return err_set(err, -errno, "cannot make an event descriptor: %m");
	rc = started(j, ret, err);
	close(j->stop);
	close(j->bell);
	return rc;
}

int folder_run(const char *dir, uint32_t number, const struct pump_spec *spec, struct pump_end *ret,
	struct err *err)
{
	struct folder_job j = { .dir = dir,
		.spec = spec,
		.number = number,
		.at = -1,
		.out = { { .fd = -1 }, { .fd = -1 } },
		.in.fd = -1,
		.exit_fd = -1 };
	int rc;

	*ret = (struct pump_end){ 0 };
	rc = run(&j, ret, err);
	if (j.at >= 0)
		close(j.at);
	return rc;
}
