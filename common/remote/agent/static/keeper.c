#include "common/remote/agent/static/keeper.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/agent/static/pump.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/agent/static/terminal.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define GRACE_MS 2000 /* between TERM and KILL */

struct keeper {
	const struct start *start;
	int boss;    /* -1: the agent has gone, or need not be told any more */
	int signals; /* a signalfd for CHLD and USR1 */
	pid_t pid;
	int64_t began_ms, timeout_ms, kill_ms; /* 0: none */
	bool timed_out, ended, kept;
	enum kept_state state;
	int code;
	char script_file[64];
	struct pump pump; /* of a kept one */
};

/* --- what it is made of ------------------------------------------------------- */

/* All but the keeps[], which are in rising order. */
static void close_others(const int *keeps, int count)
{
	int from = 3;

	for (int i = 0; i <= count; i++) {
		int to = i < count ? keeps[i] - 1 : INT32_MAX;

		if (to >= from && syscall(SYS_close_range, from, to, 0) < 0) {
			for (int fd = from; fd <= to && fd < 4096; fd++)
				close(fd);
		}
		if (i < count)
			from = keeps[i] + 1;
	}
}

static void sort(int *v, int n)
{
	for (int i = 1; i < n; i++) {
		for (int j = i; j > 0 && v[j - 1] > v[j]; j--) {
			int x = v[j];

			v[j] = v[j - 1];
			v[j - 1] = x;
		}
	}
}

static void let_go(const struct start *s)
{
	int keeps[4], n = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	keeps[n++] = s->boss;
	for (int i = 0; i < 3; i++) {
		if (s->stdio[i] >= 0 && (i == 0 || s->stdio[i] != s->stdio[0]))
			keeps[n++] = s->stdio[i];
	}
	sort(keeps, n);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	close_others(keeps, n);
}

static void close_stdio(struct start *s)
{
	for (int i = 2; i >= 0; i--) {
		if (s->stdio[i] >= 0 && (i == 0 || s->stdio[i] != s->stdio[0]))
			close(s->stdio[i]);
		s->stdio[i] = -1;
	}
}

/* Comes back when the child leads its own session and signals are as they should be. */
static void spawn(struct keeper *k, const char *script_file)
{
	int pair[2];
	char none;

	k->pid = -1;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return;
	k->pid = fork();
	if (k->pid == 0) {
		close(pair[0]);
		child_lead();
		close(pair[1]);
		child_become(k->start, script_file);
	}
	close(pair[1]);
	if (k->pid > 0 && read(pair[0], &none, 1) < 0)
		kill(k->pid, SIGKILL);
	close(pair[0]);
	k->began_ms = clock_now_ms();
}

/* --- ends --------------------------------------------------------------------- */

static void signal_group(struct keeper *k, int sig)
{
	if (!k->ended && kill(-k->pid, sig) < 0)
		kill(k->pid, sig);
}

static void begin_killing(struct keeper *k, int grace_ms)
{
	signal_group(k, SIGTERM);
	k->kill_ms = deadline_after(grace_ms);
}

/* What is not kept goes with it. */
static void boss_gone(struct keeper *k)
{
	close(take_fd(k->boss));
	if (!k->kept && k->pid > 0)
		begin_killing(k, PROTO_LINGER_MS);
}

static void report(struct keeper *k, const struct report *r)
{
	if (k->boss >= 0 && send(k->boss, r, sizeof(*r), MSG_NOSIGNAL) < 0)
		boss_gone(k);
}

static void leave(struct keeper *k) __attribute__((noreturn));
static void leave(struct keeper *k)
{
	if (k->script_file[0])
		unlink(k->script_file);
	_exit(0);
}

static void on_child(struct keeper *k)
{
	int status;

	if (k->ended || waitpid(k->pid, &status, WNOHANG) != k->pid)
		return;
	if (k->timed_out)
		kill(-k->pid, SIGKILL);
	k->ended = true;
	k->state = k->timed_out ? KEPT_TIMEOUT : WIFSIGNALED(status) ? KEPT_SIGNALED : KEPT_EXITED;
	k->code = k->timed_out ? 124 : WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	if (k->kept) {
		pump_linger(&k->pump);
		return;
	}
	/* The agent has gone: what is left of its group goes as well. */
	if (k->boss < 0)
		kill(-k->pid, SIGKILL);
	report(k, &(struct report){ .kind = REPORT_ENDED, .state = k->state, .code = k->code });
	leave(k);
}

static void on_time(struct keeper *k)
{
	if (k->kill_ms && deadline_passed(k->kill_ms)) {
		k->kill_ms = 0;
		signal_group(k, SIGKILL);
	}
	if (k->timeout_ms && deadline_passed(k->timeout_ms)) {
		k->timeout_ms = 0;
		if (k->ended)
			return;
		k->timed_out = true;
		begin_killing(k, GRACE_MS);
	}
}

static void set_timeout(struct keeper *k, uint64_t ms)
{
	if (ms > INT32_MAX)
		ms = INT32_MAX;
	k->timeout_ms = ms ? deadline_after((int)ms) : 0;
}

/* --- kept ones ------------------------------------------------------------------ */

static void write_about(struct keeper *k)
{
	auto_buf b = BUF_INIT(256);
	uint64_t self = (uint64_t)getpid();
	const uint64_t v[] = { process_start((uint64_t)k->pid), self, process_start(self),
		(uint64_t)(time(NULL) - (clock_now_ms() - k->began_ms) / 1000),
		k->start->terminal };

	put_u64(&b, (uint64_t)k->pid);
	put_words(&b, v, 5);
	buf_char(&b, '\n');
	kept_write(&k->pump.dir, "about", &b);
}

static void write_end(struct keeper *k)
{
	auto_buf b = BUF_INIT(256);
	const struct pump *p = &k->pump;

	buf_str(&b, kept_state_name(k->state));
	put_words(&b,
		(const uint64_t[]){ (uint64_t)k->code, p->flow[0].kept, p->flow[1].kept,
			p->flow[0].dropped, p->flow[1].dropped,
			(uint64_t)(clock_now_ms() - k->began_ms) },
		6);
	buf_char(&b, '\n');
	kept_write(&k->pump.dir, "end", &b);
}

static int write_script(const struct start *s, const struct kept_dir *d)
{
	auto_close int fd = kept_open(d, "script", O_WRONLY | O_CREAT | O_EXCL);

	return fd < 0 ? fd : io_put_all(fd, s->script, s->script_n);
}

static int make_folder(struct keeper *k, uint32_t id, const uint64_t *sent, bool has_in)
{
	struct pump *p = &k->pump;
	int rc = kept_make(k->start->world, id, &p->dir);

	if (rc < 0)
		return rc;
	rc = write_script(k->start, &p->dir);
	if (rc == 0)
		rc = pump_files(p, sent, has_in);
	if (rc < 0)
		kept_remove(&p->dir);
	return rc;
}

/* A run of the stream becomes a kept one: it comes with the agent's ends of its pipes. */
static int adopt(struct keeper *k, const struct order *o, const int *fds, int count)
{
	int rc = make_folder(k, o->id, o->sent, o->has[2]);
	int ends[3], at = 0;

	if (rc < 0)
		return rc;
	for (int i = 0; i < 3; i++)
		ends[i] = o->has[i] && at < count ? fds[at++] : -1;
	pump_take(&k->pump, k->start->terminal, ends);
	k->kept = true;
	write_about(k);
	return 0;
}

static int start_kept(struct keeper *k, struct start *s)
{
	static const uint64_t none[2];
	int ends[3] = { -1, -1, -1 };
	int rc = make_folder(k, s->keep, none, s->wants_in || s->terminal);

	if (rc == 0)
		rc = pump_stdio(&k->pump, s->terminal, s->wants_in, s->stdio, ends);
	if (rc < 0)
		return rc;
	pump_take(&k->pump, s->terminal, ends);
	k->kept = true;
	return 0;
}

/* --- orders --------------------------------------------------------------------- */

static void obey(struct keeper *k, const struct order *o, const int *fds, int count)
{
	struct report r = { .kind = REPORT_KEPT };

	if (o->kind == ORDER_TIMEOUT) {
		set_timeout(k, o->ms);
		return;
	}
	r.rc = adopt(k, o, fds, count);
	r.id = k->pump.dir.id;
	if (r.rc < 0) {
		for (int i = 0; i < count; i++)
			close(fds[i]);
	}
	report(k, &r);
	if (r.rc == 0)
		close(take_fd(k->boss));
}

static void on_boss(struct keeper *k)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct order o;
	struct iovec part = { &o, sizeof(o) };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(k->boss, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int fds[3], count = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		boss_gone(k);
		return;
	}
	if (c && c->cmsg_type == SCM_RIGHTS) {
		count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
	}
	if (n == (ssize_t)sizeof(o))
		obey(k, &o, fds, count);
}

/* Lines that came by the fifo `ctl`. */
static void on_ctl(struct keeper *k)
{
	char line[128];
	uint64_t v[2];
	int words;

	while (pump_ctl_line(&k->pump, line, sizeof(line), v, &words)) {
		if (strcmp(line, "eof") == 0)
			pump_eof(&k->pump);
		else if (strcmp(line, "timeout") == 0 && words == 1)
			set_timeout(k, v[0]);
		else if (strcmp(line, "resize") == 0 && words == 2 && k->start->terminal)
			terminal_resize(k->pump.flow[0].from, (unsigned)v[0], (unsigned)v[1]);
	}
}

/* --- the loop --------------------------------------------------------------------- */

static int wait_ms(const struct keeper *k)
{
	int64_t at[] = { k->timeout_ms, k->kill_ms, k->kept ? k->pump.linger_ms : 0 };
	int64_t first = 0;

	for (int i = 0; i < 3; i++) {
		if (at[i] && (!first || at[i] < first))
			first = at[i];
	}
	return first ? deadline_left(first) : -1;
}

static void turn(struct keeper *k)
{
	struct pollfd p[2 + PUMP_POLLS] = { { .fd = k->boss, .events = POLLIN },
		{ .fd = k->signals, .events = POLLIN } };
	struct signalfd_siginfo info;
	int n = 2 + (k->kept ? pump_polls(&k->pump, p + 2) : 0);

	if (poll(p, (nfds_t)n, wait_ms(k)) < 0)
		return;
	while (p[1].revents && read(k->signals, &info, sizeof(info)) > 0)
		;
	if (p[0].revents)
		on_boss(k);
	on_child(k);
	on_time(k);
	if (!k->kept)
		return;
	on_ctl(k);
	pump_turn(&k->pump);
	if (k->ended && pump_over(&k->pump)) {
		write_end(k);
		leave(k);
	}
}

static int prepare_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void keeper_main(const struct start *s)
{
	struct keeper k = { .boss = s->boss };
	struct start own = *s;
	struct report r = { .kind = REPORT_STARTED };

	k.start = &own;
	pump_init(&k.pump);
	setsid();
	let_go(s);
	k.signals = prepare_signals();
	child_script_file(s, k.script_file);
	if (s->keep)
		r.rc = start_kept(&k, &own);
	if (r.rc == 0) {
		spawn(&k, k.script_file);
		r.rc = k.pid < 0 ? -EAGAIN : 0;
	}
	close_stdio(&own);
	r.pid = k.pid;
	r.id = k.kept ? k.pump.dir.id : 0;
	if (r.rc < 0 && k.kept)
		kept_remove(&k.pump.dir);
	if (r.rc == 0 && k.kept)
		write_about(&k);
	report(&k, &r);
	if (r.rc < 0)
		leave(&k);
	set_timeout(&k, s->timeout_ms);
	if (k.kept)
		close(take_fd(k.boss));
	for (;;)
		turn(&k);
}
