#include "plugin/termfar.h"

#include "common/base/clock.h"
#include "common/remote/proto.h"
#include "plugin/hangup.h"
#include "plugin/termscript.h"
#include "plugin/ttymark.h"

#include <sys/socket.h>

#define SCRIPT_MAX  PROTO_SCRIPT_MAX
#define ENCODED_MAX (5 * SCRIPT_MAX)
#define END_MS      2000 /* for the Status behind the last byte */

struct termexec {
	struct far far; /* first */
	struct net *net;
	const struct kube_target *target;
	struct exec_spec where; /* borrows from the ask */
	struct exec *exec;
	struct hangup *hangup;
	struct ttymark mark;
	struct buf script; /* what of it is not sent */
	int64_t start_ms, timeout_ms, limit_ms;
	unsigned cols, rows;
	enum far_state state;
	bool timed_out, over; /* over: the stream has ended, or was given up */
	int rc;               /* of one that did not begin in time */
};

static struct termexec *of(struct far *f)
{
	return (struct termexec *)f;
}

static void poll_it(struct far *f, bool can_take, bool has_keys, struct pollfd *ret)
{
	struct termexec *x = of(f);
	bool has_more = x->script.len || (has_keys && x->state == FAR_RUNNING);

	/* nothing wanted: not even to be told, again and again, that it is shut */
	*ret = (struct pollfd){ .fd = can_take || has_more ? exec_fd(x->exec) : -1,
		.events = (short)((can_take ? POLLIN : 0) | (has_more ? POLLOUT : 0)) };
}

static size_t send_some(struct termexec *x, const void *bytes, size_t n)
{
	ssize_t sent = send(exec_fd(x->exec), bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent > 0 ? (size_t)sent : 0;
}

static void send_script(struct termexec *x)
{
	if (x->script.len)
		buf_drop(&x->script, send_some(x, x->script.data, x->script.len));
}

static void began(struct termexec *x)
{
	x->state = FAR_RUNNING;
	x->far.due_ms = INT64_MAX;
	if (x->limit_ms) {
		x->timeout_ms = deadline_after((int)x->limit_ms);
		x->far.due_ms = x->timeout_ms;
	}
	x->hangup = hangup_open(x->net, x->target, &x->where, x->mark.pid);
	/* the runtime may have heard the first one before there was a terminal */
	if (x->cols)
		exec_resize(x->exec, (uint16_t)x->cols, (uint16_t)x->rows);
}

/* The far shell waits for this line, so that its end does not cut off what it has said. */
static void ended(struct termexec *x)
{
	x->state = FAR_ENDED;
	send_some(x, "\n", 1);
}

static void take_bytes(struct termexec *x, struct buf *screen)
{
	char bytes[TERMFAR_TAKE - TTYMARK_MAX];
	ssize_t n;

	if (screen->max - screen->len < TERMFAR_TAKE)
		return;
	n = recv(exec_fd(x->exec), bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		ttymark_flush(&x->mark, screen);
		x->state = FAR_ENDED;
		x->over = true;
		return;
	}
	ttymark_feed(&x->mark, bytes, (size_t)n, screen);
	if (x->state == FAR_STARTING && x->mark.pid)
		began(x);
	if (x->mark.status >= 0)
		ended(x);
}

static enum far_state take(struct far *f, struct buf *screen)
{
	struct termexec *x = of(f);

	if (x->state == FAR_ENDED)
		return FAR_ENDED;
	send_script(x);
	take_bytes(x, screen);
	if (x->state == FAR_ENDED || !deadline_passed(f->due_ms))
		return x->state;
	x->timed_out = x->state == FAR_RUNNING;
	x->rc = x->timed_out ? 0 : -ETIMEDOUT;
	return x->state = FAR_ENDED;
}

static size_t give(struct far *f, const void *bytes, size_t n)
{
	struct termexec *x = of(f);

	return x->state == FAR_RUNNING ? send_some(x, bytes, n) : 0;
}

static void resize(struct far *f, unsigned cols, unsigned rows)
{
	struct termexec *x = of(f);

	x->cols = cols;
	x->rows = rows;
	exec_resize(x->exec, (uint16_t)cols, (uint16_t)rows);
}

static uint32_t leave(struct far *f, enum far_leave how)
{
	struct termexec *x = of(f);

	x->over = true;
	hangup_close(take_ptr(x->hangup), true);
	return 0;
}

/* The mark alone is believed; without it a Success is none. */
static void end(struct far *f, struct far_end *ret)
{
	struct termexec *x = of(f);
	struct exec_end e;

	*ret = (struct far_end){ .status = x->mark.status, .began = x->mark.pid > 0 };
	if (ret->status >= 0)
		return;
	if (x->timed_out) {
		ret->status = 124;
		return;
	}
	if (x->rc < 0) {
		ret->rc = err_set(&ret->err, x->rc, "its shell said nothing in time");
		return;
	}
	if (exec_wait(x->exec, deadline_after(END_MS), &e) < 0)
		ret->rc = err_set(&ret->err, -EPIPE, "the stream ended without a result");
	else if (e.rc == 0)
		ret->rc = err_set(&ret->err, -EPIPE,
			"the stream ended before the far shell said how it ended");
	else
		ret->rc = err_set(&ret->err, e.rc, "%s", err_text(&e.err, e.rc));
}

static void close_it(struct far *f)
{
	struct termexec *x = of(f);

	hangup_close(x->hangup, x->mark.status < 0);
	exec_close(x->exec);
	buf_fini(&x->script);
	free(x);
}

static const struct far_ops exec_ops = {
	.poll = poll_it,
	.take = take,
	.give = give,
	.resize = resize,
	.leave = leave,
	.end = end,
	.close = close_it,
};

static int encode(const struct far_ask *ask, struct buf *ret, struct err *err)
{
	auto_buf script = BUF_INIT(SCRIPT_MAX);

	termscript_wrapped(&script, ask->spec, getenv("TERM"));
	if (buf_check(&script) < 0)
		return err_set(err, -E2BIG, "the command is longer than 1 MiB");
	termscript_encode(ret, script.data, script.len);
	return 0;
}

int termexec_open(const struct far_ask *ask, struct far **ret, struct err *err)
{
	char nonce[TTYMARK_NONCE + 1], cols[16], rows[16];
	const char *argv[] = { "sh", "-c", TERMSCRIPT_LOADER, "sbx", nonce, cols, rows, NULL };
	struct termexec *x = xcalloc(1, sizeof(*x));
	int rc = ttymark_nonce(nonce);

	snprintf(cols, sizeof(cols), "%u", ask->cols);
	snprintf(rows, sizeof(rows), "%u", ask->rows);
	*x = (struct termexec){
		.far = { .ops = &exec_ops, .due_ms = ask->deadline_ms },
		.net = ask->net,
		.target = ask->target,
		.where = { .ns = ask->sandbox->ns,
			.pod = ask->sandbox->name,
			.container = ask->sandbox->container,
			.argv = argv,
			.tty = true,
			.stop = ask->stop },
		.limit_ms = ask->spec->timeout_ms,
		.cols = ask->cols,
		.rows = ask->rows,
	};
	buf_init(&x->script, ENCODED_MAX);
	ttymark_init(&x->mark, nonce);
	if (rc == 0)
		rc = encode(ask, &x->script, err);
	if (rc == 0)
		rc = exec_open(x->net, x->target, &x->where, ask->deadline_ms, &x->exec, err);
	if (rc < 0) {
		buf_fini(&x->script);
		free(x);
		return rc;
	}
	x->where.argv = NULL;
	if (x->cols)
		exec_resize(x->exec, (uint16_t)x->cols, (uint16_t)x->rows);
	*ret = &x->far;
	return 0;
}
