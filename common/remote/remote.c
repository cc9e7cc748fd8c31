#include "common/remote/inside.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/base/squeeze.h"
#include "common/remote/change.h"
#include "common/remote/errand.h"
#include "common/remote/kept.h"
#include "common/remote/record.h"

#include <assert.h>

void remote_reply_fini(struct remote_reply *reply)
{
	if (!reply)
		return;
	free(reply->data);
	entries_free(reply->entries, reply->entry_count);
	kept_free(reply->kept, reply->kept_count);
	*reply = (struct remote_reply){ 0 };
}

void remote_reply_move(struct remote_reply *ret, struct remote_reply *from)
{
	*ret = *from;
	from->data = NULL;
	from->n = 0;
	from->entries = NULL;
	from->entry_count = 0;
	from->kept = NULL;
	from->kept_count = 0;
}

/* --- sending ------------------------------------------------------------ */

/* size says how many of a file. */
static bool asks_for_bytes(enum remote_op op)
{
	return op == OP_READ || op == OP_OPEN || op == OP_PEEK || op == OP_GETXATTR ||
	       op == OP_LISTXATTR;
}

static int request_check(struct remote *r, const struct remote_request *rq)
{
	const struct remote_info *said = &r->info.said;

	if (rq->op >= OP_COUNT || rq->op == OP_RUN || rq->op == OP_ENV || rq->op == OP_ATTACH ||
		rq->op == OP_KEEP || rq->op == OP_WATCH)
		return -EINVAL;
	if (rq->op != OP_PING && rq->op != OP_BYE && !said->ops[rq->op])
		return -ENOSYS;
	if (rq->n > said->max || (asks_for_bytes(rq->op) && rq->size > said->max))
		return -EMSGSIZE;
	return 0;
}

/* Packs what is to be written, if that pays. ret_packed: the caller's. */
static bool squeeze_write(
	const struct remote_request *rq, struct remote_request *ret, char **ret_packed)
{
	size_t n;

	*ret_packed = squeezed(rq->data, rq->n, &n);
	if (!*ret_packed)
		return false;
	*ret = *rq;
	ret->op = OP_ZWRITE;
	ret->size = rq->n;
	ret->data = *ret_packed;
	ret->n = n;
	return true;
}

/* What may be large, where the agent can pack. False: as it is. */
static bool squeezes(struct remote *r, const struct remote_request *rq, struct remote_request *ret,
	char **ret_packed)
{
	const struct remote_info *said = &r->info.said;

	if (rq->op == OP_WRITE && rq->n >= PROTO_SQUEEZE_MIN && said->ops[OP_ZWRITE] &&
		!r->info.body_text)
		return squeeze_write(rq, ret, ret_packed);
	*ret = *rq;
	if (rq->op == OP_READ && rq->size >= PROTO_SQUEEZE_MIN && said->ops[OP_ZREAD])
		ret->op = OP_ZREAD;
	else if (rq->op == OP_LIST && said->ops[OP_ZLIST])
		ret->op = OP_ZLIST;
	return ret->op != rq->op;
}

void remote_send(struct remote *r, const struct remote_request *rq, int64_t deadline_ms,
	remote_done *done, void *arg)
{
	int rc = request_check(r, rq);
	struct remote_reply refused = { .rc = rc };
	struct remote_request plain, squeezed;
	auto_free char *packed = NULL;
	struct errand *e;
	struct call *call;

	if (rq->watch && !r->info.said.ops[OP_WATCH]) {
		plain = *rq;
		plain.watch = false;
		rq = &plain;
	}
	if (rc < 0) {
		done(arg, &refused);
		return;
	}
	if (squeezes(r, rq, &squeezed, &packed))
		rq = &squeezed;
	e = errand_new(rq, mux_tag(r->mux), deadline_ms, done, arg);
	call = errand_call(e);
	rc = request_encode(&call->frame, call->tag, rq, r->info.body_text);
	if (rc == 0)
		rc = mux_send(r->mux, call);
	if (rc < 0)
		errand_end(e, rc);
}

/* For one reply; on the waiting thread's stack. */
struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	struct remote_reply *ret;
};

static void waiter_init(struct waiter *w, struct remote_reply *ret)
{
	*w = (struct waiter){ .ret = ret };
	pthread_mutex_init(&w->lock, NULL);
	clock_cond_init(&w->cond);
}

static void wake_waiter(void *arg, struct remote_reply *reply)
{
	struct waiter *w = arg;

	scoped_lock(&w->lock);
	remote_reply_move(w->ret, reply);
	w->done = true;
	pthread_cond_signal(&w->cond);
}

/* The mux minds the deadline and ends every call, so this wait needs none of its own. */
static void waiter_wait(struct waiter *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->cond, &w->lock);
	pthread_mutex_unlock(&w->lock);
	pthread_cond_destroy(&w->cond);
	pthread_mutex_destroy(&w->lock);
}

int remote_call(struct remote *r, const struct remote_request *rq, int64_t deadline_ms,
	struct remote_reply *ret)
{
	struct waiter w;

	assert(!mux_on_reader(r->mux));
	waiter_init(&w, ret);
	remote_send(r, rq, deadline_ms, wake_waiter, &w);
	waiter_wait(&w);
	return ret->rc;
}

/* --- opening and closing ------------------------------------------------ */

/* What came before the end, for the sentence: often the reason, from the sandbox's shell. */
static int no_hello(int rc, const struct buf *noise, struct err *err)
{
	auto_buf safe = BUF_INIT(ERR_TEXT_BYTES);
	size_t n = noise->len;

	while (n && noise->data[n - 1] == '\n')
		n--;
	log_escape(&safe, buf_text(noise), n < 200 ? n : 200);
	if (rc == -ETIMEDOUT)
		err_set(err, rc, "the sandbox's agent did not say hello in time%s%s",
			n ? ", but: " : "", buf_text(&safe));
	else
		err_set(err, rc, "the sandbox's agent ended before its hello%s%s", n ? ": " : "",
			buf_text(&safe));
	return rc;
}

/* Looks for a whole hello line at or behind *at, the start of a line; drops what stands before it.
 */
static bool find_hello(struct buf *in, size_t *at, size_t *ret_n)
{
	for (;;) {
		const char *lf = memchr(buf_text(in) + *at, '\n', in->len - *at);
		size_t n;

		if (!lf)
			return false;
		n = (size_t)(lf - in->data) - *at;
		if (info_starts(in->data + *at, n)) {
			*ret_n = n;
			return true;
		}
		*at += n + 1;
	}
}

/* Reads to the hello; in holds all that was read, the hello at *ret_at. */
static int await_hello(
	int fd, int64_t deadline_ms, struct buf *in, size_t *ret_at, size_t *ret_n, struct err *err)
{
	*ret_at = 0;
	while (!find_hello(in, ret_at, ret_n)) {
		size_t room = in->max - in->len < 4096 ? in->max - in->len : 4096;
		ssize_t got;

		if (!room)
			return err_set(
				err, -EBADMSG, "the sandbox sent %zu bytes, but no hello", in->len);
		got = io_read_some(fd, buf_room(in, room), room, deadline_ms);
		if (got <= 0)
			return no_hello(got == -ETIMEDOUT ? -ETIMEDOUT : -EPIPE, in, err);
		buf_grew(in, (size_t)got);
	}
	return 0;
}

static int greet(struct remote *r, int *fd, int64_t deadline_ms, struct err *err)
{
	auto_buf in = BUF_INIT(PROTO_NOISE_MAX);
	size_t at = 0, n = 0, end;
	int rc = await_hello(*fd, deadline_ms, &in, &at, &n, err);

	if (rc == 0)
		rc = info_parse(in.data + at, n, &r->info, err);
	if (rc < 0)
		return rc;
	end = at + n + 1;
	trace(FRAME, "< %.*s", (int)n, in.data + at);
	rc = mux_open(take_fd(*fd), r->info.said.calls, in.data + end, in.len - end, &r->mux);
	return rc < 0 ? err_set(err, rc, "the sandbox's agent broke the protocol at once") : 0;
}

static void remote_free(struct remote *r)
{
	mux_close(r->mux);
	info_fini(&r->info);
	free(r);
}

int remote_open(int fd, int64_t deadline_ms, struct remote **ret, struct err *err)
{
	auto_close int owned = fd;
	struct remote *r = xcalloc(1, sizeof(*r));
	int rc = greet(r, &owned, deadline_ms, err);

	if (rc < 0) {
		remote_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

static void say_bye(struct remote *r, int timeout_ms)
{
	static const struct remote_request rq = { .op = OP_BYE };
	struct remote_reply reply = { 0 };
	struct waiter w;

	waiter_init(&w, &reply);
	remote_send(r, &rq, deadline_after(timeout_ms), wake_waiter, &w);
	mux_refuse(r->mux);
	waiter_wait(&w);
	remote_reply_fini(&reply);
}

void remote_close(struct remote *r, int timeout_ms)
{
	if (!r)
		return;
	mux_on_death(r->mux, NULL, NULL);
	if (timeout_ms > 0)
		say_bye(r, timeout_ms);
	remote_free(r);
}

void remote_bye(struct remote *r, int timeout_ms)
{
	if (timeout_ms > 0)
		say_bye(r, timeout_ms);
	mux_end(r->mux);
}

void remote_kill(struct remote *r)
{
	mux_kill(r->mux, -EPIPE);
}

const struct remote_info *remote_info(const struct remote *r)
{
	return &r->info.said;
}

int remote_dead(struct remote *r)
{
	return mux_dead(r->mux);
}

void remote_on_death(struct remote *r, void (*fn)(void *arg, int rc), void *arg)
{
	mux_on_death(r->mux, fn, arg);
}

/* On the reader thread. */
static int told(void *arg, const struct answer *a, const void *bytes, size_t n)
{
	auto_with(changes_fini) struct changes changes = { 0 };
	struct remote *r = arg;

	if (changes_parse(a->tag, bytes, n, &changes) < 0)
		return -EBADMSG;
	r->changed(r->changed_arg, a->tag, changes.all, changes.count);
	return 0;
}

void remote_on_change(struct remote *r, remote_changed *fn, void *arg)
{
	if (fn) {
		r->changed = fn;
		r->changed_arg = arg;
	}
	mux_on_told(r->mux, fn ? told : NULL, r);
}

void remote_unwatch(struct remote *r, uint64_t watch)
{
	auto_buf line = BUF_INIT(64);

	buf_printf(&line, "0 unwatch %ju\n", (uintmax_t)watch);
	mux_oneway(r->mux, &line, false);
}

void remote_heartbeat(struct remote *r, int ping_ms, int silence_ms)
{
	mux_heartbeat(r->mux, ping_ms, silence_ms);
}

bool remote_silent(struct remote *r, int64_t for_ms)
{
	return mux_silent(r->mux, for_ms);
}

void remote_direct(struct remote *r, struct duct *d)
{
	mux_direct(r->mux, d);
}

void remote_count(struct remote *r, struct remote_traffic *t)
{
	mux_count(r->mux, t);
}
