#include "plugin/terminal.h"

#include "common/base/clock.h"
#include "plugin/cli.h"
#include "plugin/detachkeys.h"
#include "plugin/screenmodes.h"
#include "plugin/termfar.h"
#include "plugin/termopen.h"
#include "plugin/tty.h"

#include <limits.h>
#include <signal.h>

#define START_TIMEOUT_MS 30000
#define SCREEN_MAX       (4 * TERMFAR_TAKE)
#define KEYS_MAX         (8 * 1024 * 1024) /* typed or pasted and not taken by the far side */
#define KEYS_PIECE       (16 * 1024)
#define HOLD_MS          1000 /* for the rest of the detach keys */
#define REDRAW_MS        100  /* between the two sizes that make a program draw anew */
#define DRAIN_MS         5000 /* for a terminal that takes the last of the output */
#define POLL_MS          1000

struct terminal {
	const struct terminal_spec *spec;
	const struct sandbox *sandbox;
	struct tty tty;
	int signals;
	struct far *far;
	enum far_state state;

	struct detachkeys detach;
	struct buf keys; /* for the far side */
	int64_t hold_ms; /* INT64_MAX, or when held detach keys were not meant */

	struct buf screen;
	size_t written; /* of screen */
	struct screenmodes modes;
	char last; /* byte that was written */

	int64_t redraw_ms; /* INT64_MAX, or when the true size is to be told */
	int signal;        /* that ended this side, or 0 */
	bool detached;
};

const char terminal_none_text[] =
	"standard input is not a terminal: going on without one, as without -t";

bool terminal_here(void)
{
	return isatty(STDIN_FILENO);
}

static const char *detach_keys(const struct terminal_spec *spec)
{
	return spec->detach_keys ? spec->detach_keys : TERMINAL_DETACH_KEYS;
}

int terminal_check(const struct terminal_spec *spec, struct err *err)
{
	struct detachkeys keys;

	return detachkeys_parse(detach_keys(spec), &keys, err);
}

/* --- the screen --- */

static void look_at_modes(struct terminal *t, size_t from)
{
	auto_buf undo = BUF_INIT(SCREENMODES_TEXT);

	if (!screenmodes_feed(&t->modes, t->screen.data + from, t->screen.len - from))
		return;
	screenmodes_undo(&t->modes, &undo);
	tty_undo(&t->tty, undo.data, undo.len);
}

static void take(struct terminal *t)
{
	size_t before;

	if (t->written) {
		buf_drop(&t->screen, t->written);
		t->written = 0;
	}
	before = t->screen.len;
	t->state = t->far->ops->take(t->far, &t->screen);
	if (t->screen.len > before)
		look_at_modes(t, before);
}

static bool has_output(const struct terminal *t)
{
	return t->written < t->screen.len;
}

/* PIPE_BUF at a time where the descriptor may block: poll promised no more. */
static int write_some(struct terminal *t)
{
	size_t left = t->screen.len - t->written, piece = t->tty.out_is_tty ? left : PIPE_BUF;
	ssize_t n = write(t->tty.out, t->screen.data + t->written, left < piece ? left : piece);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	t->written += (size_t)n;
	if (n > 0)
		t->last = t->screen.data[t->written - 1];
	return 0;
}

static void tell_size(struct terminal *t, bool redraw)
{
	unsigned cols, rows;

	if (!tty_size(&t->tty, &cols, &rows))
		return;
	t->far->ops->resize(t->far, cols, redraw && rows > 1 ? rows - 1 : rows);
	t->redraw_ms = redraw ? deadline_after(REDRAW_MS) : INT64_MAX;
}

/* --- the keyboard --- */

static int read_keys(struct terminal *t)
{
	char bytes[KEYS_PIECE];
	ssize_t n = read(t->tty.in, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) /* the terminal is gone, and SIGHUP may have been ignored */
		return -EIO;
	t->detached = detachkeys_feed(&t->detach, bytes, (size_t)n, &t->keys);
	t->hold_ms = t->detach.held ? deadline_after(HOLD_MS) : INT64_MAX;
	return 0;
}

static void give_keys(struct terminal *t)
{
	if (t->keys.len)
		buf_drop(&t->keys, t->far->ops->give(t->far, t->keys.data, t->keys.len));
}

/* --- signals --- */

static void go_on(struct terminal *t)
{
	auto_buf redo = BUF_INIT(SCREENMODES_TEXT);

	if (t->state != FAR_RUNNING || tty_raw(&t->tty) < 0)
		return;
	screenmodes_redo(&t->modes, &redo);
	if (t->tty.out_is_tty && redo.len && write(t->tty.out, redo.data, redo.len) < 0)
		return;
	tell_size(t, true);
}

static void take_signals(struct terminal *t)
{
	int sig;

	while ((sig = tty_signal(t->signals))) {
		if (sig == SIGWINCH)
			tell_size(t, false);
		else if (sig == SIGTSTP)
			tty_stop(&t->tty);
		else if (sig == SIGCONT)
			go_on(t);
		else
			t->signal = sig;
	}
}

/* --- turns --- */

static int wait_ms(const struct terminal *t)
{
	int64_t due = deadline_after(POLL_MS);

	if (t->far->due_ms < due)
		due = t->far->due_ms;
	if (t->hold_ms < due)
		due = t->hold_ms;
	if (t->redraw_ms < due)
		due = t->redraw_ms;
	return deadline_left(due);
}

static void take_time(struct terminal *t)
{
	if (deadline_passed(t->hold_ms)) {
		detachkeys_release(&t->detach, &t->keys);
		t->hold_ms = INT64_MAX;
	}
	if (deadline_passed(t->redraw_ms))
		tell_size(t, false);
}

static int turn(struct terminal *t)
{
	bool can_take = t->screen.max - t->screen.len + t->written >= TERMFAR_TAKE;
	bool can_type =
		t->state == FAR_RUNNING && t->keys.len + KEYS_PIECE + DETACHKEYS_MAX <= KEYS_MAX;
	struct pollfd fds[4] = {
		{ t->signals, POLLIN, 0 },
		{ can_type ? t->tty.in : -1, POLLIN, 0 },
		{ has_output(t) ? t->tty.out : -1, POLLOUT, 0 },
	};
	int rc = 0;

	t->far->ops->poll(t->far, can_take, t->keys.len, &fds[3]);
	if (poll(fds, 4, wait_ms(t)) < 0 && errno != EINTR)
		return -errno;
	take_time(t);
	if (fds[0].revents)
		take_signals(t);
	if (fds[1].revents)
		rc = read_keys(t);
	if (rc == 0 && fds[2].revents)
		rc = write_some(t);
	give_keys(t);
	take(t);
	return rc;
}

/* 0: ended; else the far side was left because of detached, signal or -errno of our terminal. */
static int converse(struct terminal *t)
{
	int rc = 0;

	while (rc == 0 && t->state != FAR_ENDED && !t->detached && !t->signal) {
		enum far_state before = t->state;

		rc = turn(t);
		if (before == FAR_STARTING && t->state == FAR_RUNNING && rc == 0)
			rc = tty_raw(&t->tty);
		if (before == FAR_STARTING && t->state == FAR_RUNNING)
			tell_size(t, t->spec->attach > 0);
	}
	return rc;
}

/* The last of the output, for a terminal that takes it. */
static void drain(struct terminal *t)
{
	int64_t deadline_ms = deadline_after(DRAIN_MS);

	while (has_output(t) && !deadline_passed(deadline_ms) && !t->signal) {
		struct pollfd fds[2] = { { t->signals, POLLIN, 0 }, { t->tty.out, POLLOUT, 0 } };

		if (poll(fds, 2, deadline_left(deadline_ms)) < 0 && errno != EINTR)
			return;
		if (fds[0].revents)
			take_signals(t);
		if (fds[1].revents && write_some(t) < 0)
			return;
	}
}

/* --- what is said at the end --- */

static void new_line(const struct terminal *t)
{
	if (t->tty.out_is_tty && t->last && t->last != '\n')
		fputc('\n', stderr);
}

static int left(struct terminal *t)
{
	const struct sandbox *s = t->sandbox;
	uint32_t id;

	tty_restore(&t->tty);
	new_line(t);
	id = t->far->ops->leave(t->far, t->detached ? FAR_DETACH : FAR_HANGUP);
	if (!t->detached)
		return 128 + (t->signal ? t->signal : SIGHUP);
	if (id)
		say("detached from %s/%s; it goes on there as run %u: come back with \"attach "
		    "%s/%s %u\"",
			s->ns, s->name, id, s->ns, s->name, id);
	else
		say("detached from %s/%s; the command ends there with its terminal, since the "
		    "agent in that image keeps none",
			s->ns, s->name);
	return EXIT_DONE;
}

static int ended(struct terminal *t)
{
	const struct sandbox *s = t->sandbox;
	struct far_end e;

	drain(t);
	tty_restore(&t->tty);
	t->far->ops->end(t->far, &e);
	if (e.status >= 0)
		return e.status;
	new_line(t);
	if (e.rc == -ENOEXEC)
		err_wrap(&e.err, e.rc, "cannot run in %s/%s: its image has no shell (sh)", s->ns,
			s->name);
	else if (e.began)
		err_wrap(&e.err, e.rc, "the terminal in %s/%s was lost", s->ns, s->name);
	else
		err_wrap(&e.err, e.rc, "cannot run in %s/%s", s->ns, s->name);
	return cli_failed(&e.err, e.rc);
}

/* --- from the beginning --- */

static void begin(struct terminal *t)
{
	unsigned cols, rows;

	buf_init(&t->keys, KEYS_MAX);
	buf_init(&t->screen, SCREEN_MAX);
	t->hold_ms = t->redraw_ms = INT64_MAX;
	detachkeys_parse(detach_keys(t->spec), &t->detach, NULL);
	if (tty_size(&t->tty, &cols, &rows))
		t->far->ops->resize(t->far, cols, rows);
}

static int go(struct terminal *t)
{
	int rc;

	begin(t);
	rc = converse(t);
	rc = rc < 0 || t->detached || t->signal ? left(t) : ended(t);
	tty_close(&t->tty);
	t->far->ops->close(t->far);
	buf_fini(&t->keys);
	buf_fini(&t->screen);
	return rc;
}

/* Until it is open, or a signal. */
static int connect(struct terminal *t, struct termopen *o, struct err *err)
{
	for (;;) {
		struct pollfd fds[2] = { { t->signals, POLLIN, 0 }, { termopen_fd(o), POLLIN, 0 } };

		if (poll(fds, 2, POLL_MS) < 0 && errno != EINTR)
			return err_set(err, -errno, "cannot wait: %s", strerror(errno));
		if (fds[1].revents)
			return termopen_take(o, &t->far, err);
		take_signals(t);
		if (t->signal)
			return -EINTR;
	}
}

static int run_on(struct terminal *t, struct kube *k, struct net *net)
{
	struct far_ask ask = {
		.net = net,
		.target = kube_target(k),
		.sandbox = t->sandbox,
		.spec = t->spec,
		.deadline_ms = deadline_after(START_TIMEOUT_MS),
	};
	struct termopen *o;
	struct err err = { 0 };
	int rc;

	tty_size(&t->tty, &ask.cols, &ask.rows);
	rc = termopen_open(&ask, &o, &err);
	if (rc == 0) {
		rc = connect(t, o, &err);
		termopen_close(o);
	}
	if (rc == 0)
		return go(t);
	tty_close(&t->tty);
	if (rc == -EINTR)
		return 128 + t->signal;
	err_wrap(&err, rc, "cannot run in %s/%s", t->sandbox->ns, t->sandbox->name);
	return cli_failed(&err, rc);
}

int terminal_run(struct kube *k, const struct sandbox *s, const struct terminal_spec *spec)
{
	struct terminal t = { .spec = spec, .sandbox = s };
	struct net *net;
	struct err err = { 0 };
	int rc = tty_open(&t.tty, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	t.signals = tty_signals();
	rc = t.signals < 0 ? t.signals : net_open(&net);
	if (rc < 0) {
		tty_close(&t.tty);
		close_at(&t.signals);
		return cli_failed(NULL, rc);
	}
	rc = run_on(&t, k, net);
	net_close(net);
	close_at(&t.signals);
	return rc;
}
