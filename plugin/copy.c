#include "plugin/copy.h"

#include "common/base/clock.h"
#include "common/remote/pack/copy.h"
#include "plugin/copyend.h"
#include "plugin/copywatch.h"
#include "plugin/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define TICK_MS      200
#define AGAIN_MS     60000 /* a lost stream is tried again for so long without anything coming over */
#define AGAIN_MIN_MS 100
#define AGAIN_MAX_MS 3000
#define WORKERS      2

/* A copy. */
struct copy {
	const struct copy_plan *plan;
	struct copy_word *src, dst;
	size_t src_count;
	struct pack_job job[2]; /* of the source, of the sink */
	struct copy_end end[2]; /* the same */
	bool remote[2];
	struct copy_watch *watch;

	/* The minder: signals, progress. */
	pthread_t minder;
	int signals, bell; /* eventfd: it is to end */
	bool stop;         /* atomic: nothing new is to be begun */
	pthread_mutex_t lock;
	int signal; /* lock: that came, or 0 */
	bool idle; /* lock: nothing of ours is half done, the process can end at once (as when all goes to stdout) */
};

/* --- the minder --------------------------------------------------------------------- */

static void break_pipes(struct copy *c)
{
	for (int i = 0; i < 2; i++) {
		if (c->end[i].pipe)
			pack_pipe_break(c->end[i].pipe, -EINTR);
	}
}

static void take_signal(struct copy *c, int sig)
{
	scoped_lock(&c->lock);
	if (!sig)
		return;
	if (c->signal || c->idle || c->job[1].fd >= 0) {
		copy_watch_clear(c->watch);
		_exit(128 + sig);
	}
	c->signal = sig;
	__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
	break_pipes(c);
}

static void *mind(void *arg)
{
	struct copy *c = arg;

	for (;;) {
		struct pollfd fds[] = { { c->signals, POLLIN, 0 }, { c->bell, POLLIN, 0 } };

		poll(fds, 2, TICK_MS);
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents)
			take_signal(c, interrupt_read(c->signals));
		copy_watch_tick(c->watch);
	}
}

static void ring(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void set_idle(struct copy *c, bool idle)
{
	scoped_lock(&c->lock);
	c->idle = idle;
	if (c->signal && idle)
		_exit(128 + c->signal);
}

static int signal_of(struct copy *c)
{
	scoped_lock(&c->lock);
	return c->signal;
}

/* --- one attempt --------------------------------------------------------------------- */

static int send_job(struct copy_end *e, const struct pack_job *job)
{
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);
	int rc;

	pack_job_put(&b, job);
	rc = pack_pipe_send(e->pipe, PACK_JOB, b.data, b.len);
	pack_pipe_flush(e->pipe);
	return rc;
}

static int here(struct copy *c, int far)
{
	const struct pack_watch watch = copy_watch_of(c->watch);
	const struct pack_side side = { .pipe = c->end[far].pipe,
		.sys = &pack_sys_here,
		.job = &c->job[!far],
		.watch = &watch,
		.workers = WORKERS };

	return far ? pack_source(&side) : pack_sink(&side);
}

/* --- from sandbox to sandbox ---------------------------------------------------------- */

struct relay {
	struct copy *copy;
	int from; /* the end that it takes from */
	int rc;
};

static bool is_done(const struct relay *r, uint8_t type)
{
	return r->from == 1 && type == PACK_DONE;
}

/* From the one end to the other, until it is over; the sink's DONE is the last of all. */
static void *relay(void *arg)
{
	struct relay *r = arg;
	struct copy *c = r->copy;
	struct pack_pipe *in = c->end[r->from].pipe, *out = c->end[!r->from].pipe;
	const struct pack_watch watch = copy_watch_of(c->watch);
	struct pack_frame f = { 0 };
	bool done = false;

	while (!done) {
		r->rc = pack_pipe_next(in, false, &f);
		if (r->rc == 0) {
			pack_pipe_flush(out);
			r->rc = pack_pipe_next(in, true, &f);
		}
		if (r->rc < 0)
			break;
		(r->from ? watch.sink_says : watch.source_says)(c->watch, f.type, f.data, f.n);
		done = is_done(r, f.type);
		r->rc = pack_pipe_send(out, f.type, f.data, f.n);
		pack_pipe_release(in, &f);
		if (r->rc < 0)
			break;
	}
	if (done)
		pack_pipe_drain(out);
	pack_pipe_break(out, done ? -ECANCELED : r->rc);
	pack_pipe_break(in, done ? -ECANCELED : r->rc);
	return NULL;
}

static int between(struct copy *c)
{
	struct relay down = { c, 0, 0 }, up = { c, 1, 0 };
	pthread_t thread;

	if (pthread_create(&thread, NULL, relay, &down))
		return -EAGAIN;
	relay(&up);
	pthread_join(thread, NULL);
	return up.rc;
}

static int attempt(struct copy *c, struct err *err)
{
	int rc = 0;

	set_idle(c, true);
	for (int i = 0; i < 2 && rc == 0; i++) {
		if (c->remote[i])
			rc = copy_end_connect(&c->end[i], &c->stop, err);
	}
	if (rc < 0)
		return rc;
	set_idle(c, false);
	for (int i = 0; i < 2 && rc == 0; i++) {
		if (c->remote[i])
			rc = send_job(&c->end[i], &c->job[i]);
	}
	if (rc == 0)
		rc = c->remote[0] && c->remote[1] ? between(c) : here(c, c->remote[1]);
	return rc < 0 ? err_set(err, rc, "%s",
				rc == -EBADMSG     ? "the sandbox broke the protocol"
				: rc == -ETIMEDOUT ? "the sandbox says nothing any more"
				: rc == -EPIPE     ? "the stream was lost"
						   : strerror(-rc))
		      : 0;
}

static void hang_up(struct copy *c)
{
	scoped_lock(&c->lock);
	for (int i = 0; i < 2; i++) {
		if (c->remote[i])
			copy_end_hang_up(&c->end[i]);
	}
}

/* --- all of them ------------------------------------------------------------------------ */

/* Lost, and it may work again. */
static bool may_pass(const struct copy *c, int rc)
{
	switch (rc) {
	case -EPIPE:
	case -ETIMEDOUT:
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ENETUNREACH:
	case -EHOSTUNREACH:
	case -EAGAIN:
	case -EIO:
		return c->job[0].fd < 0 && c->job[1].fd < 0;
	}
	return false;
}

static void pause_for(struct copy *c, int ms)
{
	struct pollfd p = { c->bell, POLLIN, 0 };

	set_idle(c, true);
	poll(&p, 1, ms);
}

static int go(struct copy *c, struct err *err)
{
	int64_t give_up_ms = 0;
	int wait_ms = AGAIN_MIN_MS;
	uint64_t moved = 0;
	bool began = false;

	for (;;) {
		int rc = attempt(c, err);
		struct copy_sum sum;

		hang_up(c);
		sum = copy_watch_sum(c->watch);
		if (rc == 0 || signal_of(c) || !may_pass(c, rc) ||
			(!began && !sum.moved && !sum.files && rc != -EPIPE))
			return rc;
		if (!give_up_ms || sum.moved > moved) {
			give_up_ms = deadline_after(AGAIN_MS);
			wait_ms = AGAIN_MIN_MS;
		}
		if (deadline_passed(give_up_ms))
			return rc;
		if (!began || sum.moved > moved)
			copy_watch_say(c->watch, "warning: %s; going on", err_text(err, rc));
		began = true;
		moved = sum.moved;
		pause_for(c, wait_ms);
		wait_ms = wait_ms * 2 < AGAIN_MAX_MS ? wait_ms * 2 : AGAIN_MAX_MS;
		copy_watch_again(c->watch, &c->job[0]);
		c->job[1].again = c->job[0].again;
	}
}

static void tell_left(struct copy *c)
{
	struct copy_sum sum = copy_watch_sum(c->watch);
	char bytes[24];

	copy_bytes_print(sum.bytes, bytes);
	if (sum.all_known)
		say("%ju of %ju files (%s) were copied; the same command again goes on with a "
		    "large file where it was",
			(uintmax_t)sum.files, (uintmax_t)sum.all_files, bytes);
	else
		say("%ju files (%s) were copied, not all; the same command again goes on with a "
		    "large file where it was",
			(uintmax_t)sum.files, bytes);
}

static int status(struct copy *c, int rc, struct err *err)
{
	int sig = signal_of(c);

	copy_watch_clear(c->watch);
	if (sig) {
		tell_left(c);
		return 128 + sig;
	}
	if (rc < 0) {
		cli_failed(err, rc);
		if (copy_watch_sum(c->watch).files)
			tell_left(c);
		return EXIT_FAILED;
	}
	rc = cli_flush();
	return copy_watch_sum(c->watch).failures ? EXIT_FAILED : rc;
}

static int start_minder(struct copy *c, struct err *err)
{
	pthread_mutex_init(&c->lock, NULL);
	c->idle = true;
	c->signals = interrupt_fd();
	c->bell = eventfd(0, EFD_CLOEXEC);
	if (c->signals < 0 || c->bell < 0 || pthread_create(&c->minder, NULL, mind, c))
		return err_set(err, -EAGAIN, "cannot start a thread");
	return 0;
}

static int run(struct copy *c)
{
	struct err err = { 0 };
	int rc = start_minder(c, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	rc = go(c, &err);
	ring(c->bell);
	pthread_join(c->minder, NULL);
	close(c->signals);
	close(c->bell);
	return status(c, rc, &err);
}

/* --- what is wanted ------------------------------------------------------------------------ */

static int check_words(struct copy *c)
{
	const struct cli *cli = c->plan->cli;

	for (size_t i = 0; i < c->src_count; i++) {
		const struct copy_word *w = &c->src[i];

		if (!w->pod != !c->src[0].pod || (w->pod && strcmp(w->pod, c->src[0].pod)))
			return cli_usage(
				cli, "all SRCs are of one place: this machine, or one sandbox");
		if (w->stdio && c->src_count > 1)
			return cli_usage(cli, "\"-\" is one SRC, not one of several");
		if (!*w->word)
			return cli_usage(cli, "an empty SRC");
	}
	if (!c->src[0].pod && !c->dst.pod)
		return cli_usage(cli, "neither side is in a sandbox: one is NAME:PATH (a file here "
				      "with a ':' in its "
				      "name is ./FILE)");
	if (!*c->dst.word)
		return cli_usage(cli, "an empty DST");
	return EXIT_DONE;
}

static void make_jobs(struct copy *c)
{
	uint32_t flags = c->plan->flags;

	for (int i = 0; i < 2; i++) {
		pack_job_init(&c->job[i]);
		c->job[i].flags = flags | (i ? 0 : PACK_JOB_SOURCE);
		for (size_t k = 0; k < c->plan->excludes.count; k++)
			pack_list_add(&c->job[i].excludes, c->plan->excludes.items[k],
				strlen(c->plan->excludes.items[k]));
	}
	for (size_t k = 0; k < c->src_count; k++) {
		const char *path = c->src[k].path;
		auto_free char *name = pack_job_name(path);

		pack_list_add(&c->job[0].paths, path, strlen(path));
		pack_list_add(&c->job[1].paths, name, strlen(name));
	}
	c->job[1].dst = xstrdup(c->dst.path);
	if (c->src[0].stdio)
		c->job[0].fd = STDIN_FILENO;
	if (c->dst.stdio)
		c->job[1].fd = STDOUT_FILENO;
}

static int open_ends(struct copy *c, struct err *err)
{
	const struct copy_plan *p = c->plan;
	int rc = 0;

	c->remote[0] = c->src[0].pod;
	c->remote[1] = c->dst.pod;
	for (int i = 0; i < 2 && rc == 0; i++) {
		if (c->remote[i])
			rc = copy_end_init(&c->end[i], p->cli, i ? c->dst.pod : c->src[0].pod,
				p->container, p->agent_sh, err);
	}
	return rc;
}

static void open_watch(struct copy *c, struct pack_list *names)
{
	const struct copy_watch_spec spec = { .sources = names,
		.dst = c->dst.word,
		.quiet = c->plan->quiet,
		.progress = !c->plan->quiet && isatty(STDERR_FILENO),
		.plain_notes = c->plan->flags & PACK_JOB_SYNC };

	for (size_t i = 0; i < c->src_count; i++)
		pack_list_add(names, c->src[i].word, strlen(c->src[i].word));
	if (spec.progress)
		c->job[0].flags |= PACK_JOB_TOTALS;
	c->watch = copy_watch_open(&spec);
}

static void free_list(struct pack_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->at[i]);
	free(l->at);
}

static int check_and_run(struct copy *c)
{
	struct pack_list names = { 0 };
	struct err err = { 0 };
	int rc = check_words(c);

	if (rc != EXIT_DONE)
		return rc;
	make_jobs(c);
	open_watch(c, &names);
	rc = open_ends(c, &err);
	rc = rc < 0 ? cli_usage(c->plan->cli, "%s", err.text) : run(c);
	for (int i = 0; i < 2; i++) {
		if (c->remote[i])
			copy_end_fini(&c->end[i]);
		pack_job_fini(&c->job[i]);
	}
	copy_watch_close(c->watch);
	free_list(&names);
	return rc;
}

/* A folder open on the way down costs a descriptor. */
static void more_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int copy_run(const struct copy_plan *plan)
{
	struct copy c = { .plan = plan, .signals = -1, .bell = -1 };
	int rc;

	pack_sys_here.mask = umask(0); /* the modes are the source's */
	more_descriptors();
	c.src_count = (size_t)plan->count - 1;
	c.src = xcalloc(c.src_count, sizeof(*c.src));
	for (size_t i = 0; i < c.src_count; i++)
		copy_word_parse(plan->words[i], &c.src[i]);
	copy_word_parse(plan->words[plan->count - 1], &c.dst);
	rc = check_and_run(&c);
	for (size_t i = 0; i < c.src_count; i++)
		copy_word_fini(&c.src[i]);
	copy_word_fini(&c.dst);
	free(c.src);
	return rc;
}
