#include "common/remote/inside.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/remote/record.h"

#include <assert.h>
#include <limits.h>

/* One file operation on its way: what the mux holds, and what has come of its answer. */
struct errand {
	struct call call; /* first: the mux gives it back */
	struct remote *remote;
	enum remote_op op;
	uint64_t asked; /* read: bytes wanted; write: bytes sent */
	struct listing listing;
	struct buf content;
	int rc; /* what it has come to before its end */
	struct remote_reply reply;
	remote_done *done;
	void *arg;
};

void remote_reply_fini(struct remote_reply *reply)
{
	if (!reply)
		return;
	free(reply->data);
	entries_free(reply->entries, reply->entry_count);
	*reply = (struct remote_reply){ 0 };
}

void remote_reply_move(struct remote_reply *ret, struct remote_reply *from)
{
	*ret = *from;
	from->data = NULL;
	from->n = 0;
	from->entries = NULL;
	from->entry_count = 0;
}

/* --- an answer's content and end ---------------------------------------- */

static int take_bytes(struct errand *e, const struct answer *a, const void *bytes, size_t n)
{
	if (!n && a->n)
		buf_room(&e->content, a->n); /* the whole piece at once */
	buf_add(&e->content, bytes, n);
	return e->content.bad ? -EBADMSG : 0;
}

static int take_records(struct errand *e, const void *bytes, size_t n)
{
	int rc = e->rc < 0 ? 0 : listing_feed(&e->listing, bytes, n);

	if (rc != -EMSGSIZE)
		return rc;
	/* A folder too large is no crime: this call fails, the stream goes on. */
	e->rc = rc;
	listing_fini(&e->listing);
	return 0;
}

static int take_piece(struct call *c, const struct answer *a, const void *bytes, size_t n)
{
	struct errand *e = (struct errand *)c;

	if (a->kind != 'd')
		return -EBADMSG;
	switch (op_content(e->op)) {
	case CONTENT_NONE:
		return a->n ? -EBADMSG : 0;
	case CONTENT_ATTR:
	case CONTENT_LIST:
		return take_records(e, bytes, n);
	case CONTENT_TARGET:
	case CONTENT_BYTES:
		return take_bytes(e, a, bytes, n);
	}
	return -EBADMSG;
}

static int end_attr(struct errand *e)
{
	if (listing_end(&e->listing) < 0 || e->listing.count != 1)
		return -EBADMSG;
	e->reply.has_attr = true;
	e->reply.attr = e->listing.entries[0].attr;
	return 0;
}

static int end_list(struct errand *e, uint64_t count)
{
	if (e->rc < 0)
		return 0;
	if (listing_end(&e->listing) < 0 || e->listing.count != count)
		return -EBADMSG;
	e->reply.entries = take_ptr(e->listing.entries);
	e->reply.entry_count = e->listing.count;
	e->listing.count = 0;
	return 0;
}

static int end_bytes(struct errand *e, uint64_t valid)
{
	if (valid > e->content.len)
		return -EBADMSG;
	buf_trim(&e->content, valid);
	e->reply.n = valid;
	e->reply.data = buf_steal(&e->content);
	return 0;
}

static int end_target(struct errand *e)
{
	if (memchr(buf_text(&e->content), '\0', e->content.len))
		return -EBADMSG;
	return end_bytes(e, e->content.len);
}

static int end_content(struct errand *e, const uint64_t *numbers)
{
	switch (op_content(e->op)) {
	case CONTENT_ATTR:
		return end_attr(e);
	case CONTENT_LIST:
		return end_list(e, numbers[0]);
	case CONTENT_TARGET:
		return end_target(e);
	case CONTENT_BYTES:
		return end_bytes(e, numbers[0]);
	case CONTENT_NONE:
		break;
	}
	return 0;
}

static int end_fields(struct errand *e, const uint64_t *numbers)
{
	switch (e->op) {
	case OP_OPEN:
		e->reply.handle = numbers[0];
		return 0;
	case OP_WRITE:
		e->reply.n = numbers[0];
		return numbers[0] == e->asked ? 0 : -EBADMSG;
	case OP_STATFS:
		memcpy(e->reply.statfs, numbers, sizeof(e->reply.statfs));
		return 0;
	default:
		return 0;
	}
}

static int end_well(struct errand *e, const struct answer *a)
{
	uint64_t numbers[7] = { 0 };

	if (answer_numbers(a, numbers, op_fields(e->op)) < 0 || end_content(e, numbers) < 0)
		return -EBADMSG;
	return end_fields(e, numbers);
}

static void errand_free(struct errand *e)
{
	buf_fini(&e->call.frame);
	listing_fini(&e->listing);
	buf_fini(&e->content);
	remote_reply_fini(&e->reply);
	free(e);
}

static void complete(struct errand *e, int rc)
{
	if (rc < 0) {
		struct err err = e->reply.err;

		remote_reply_fini(&e->reply);
		e->reply.err = err;
		e->reply.rc = rc;
	}
	e->done(e->arg, &e->reply);
	errand_free(e);
}

static int errand_done(struct call *c, int rc, const struct answer *a)
{
	struct errand *e = (struct errand *)c;
	int bad = 0;

	if (rc < 0 && a)
		answer_sentence(a, &e->reply.err);
	if (rc == 0)
		bad = end_well(e, a);
	if (rc == 0)
		rc = bad < 0 ? bad : e->rc;
	complete(e, rc);
	return bad;
}

static const struct call_ops errand_ops = { NULL, take_piece, errand_done };

/* --- sending ------------------------------------------------------------ */

static uint64_t content_max(const struct remote_request *rq)
{
	switch (op_content(rq->op)) {
	case CONTENT_BYTES:
		return rq->size;
	case CONTENT_TARGET:
		return PATH_MAX;
	default:
		return 0;
	}
}

static int request_check(struct remote *r, const struct remote_request *rq)
{
	const struct remote_info *said = &r->info.said;

	if (rq->op >= OP_COUNT || rq->op == OP_RUN || rq->op == OP_ENV)
		return -EINVAL;
	if (rq->op != OP_PING && rq->op != OP_BYE && !said->ops[rq->op])
		return -ENOSYS;
	if ((rq->op == OP_READ && rq->size > said->max) || rq->n > said->max)
		return -EMSGSIZE;
	return 0;
}

static struct errand *errand_new(struct remote *r, const struct remote_request *rq,
	int64_t deadline_ms, remote_done *done, void *arg)
{
	struct errand *e = xcalloc(1, sizeof(*e));

	*e = (struct errand){ .remote = r, .op = rq->op, .done = done, .arg = arg };
	e->call.ops = &errand_ops;
	e->call.deadline_ms = deadline_ms;
	e->call.tag = mux_tag(r->mux);
	e->asked = rq->op == OP_READ ? rq->size : rq->n;
	buf_init(&e->call.frame, request_bytes(rq));
	buf_init(&e->content, content_max(rq));
	listing_init(&e->listing, rq->op == OP_LIST);
	return e;
}

void remote_send(struct remote *r, const struct remote_request *rq, int64_t deadline_ms,
	remote_done *done, void *arg)
{
	int rc = request_check(r, rq);
	struct remote_reply refused = { .rc = rc };
	struct errand *e;

	if (rc < 0) {
		done(arg, &refused);
		return;
	}
	e = errand_new(r, rq, deadline_ms, done, arg);
	rc = request_encode(&e->call.frame, e->call.tag, rq, r->info.body_text);
	if (rc == 0)
		rc = mux_send(r->mux, &e->call);
	if (rc < 0)
		complete(e, rc);
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
	remote_kill(r);
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

void remote_heartbeat(struct remote *r, int ping_ms, int silence_ms)
{
	mux_heartbeat(r->mux, ping_ms, silence_ms);
}
