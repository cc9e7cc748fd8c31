#include "common/remote/errand.h"

#include "common/base/squeeze.h"
#include "common/remote/blocks.h"
#include "common/remote/kept.h"
#include "common/remote/record.h"

#include <limits.h>

struct errand {
	struct call call; /* first: the mux gives it back */
	enum remote_op op;
	bool watch;      /* list: with it; */
	bool packed;     /* it comes in blocks */
	uint64_t asked;  /* write: bytes sent; zread: bytes wanted */
	uint64_t wanted; /* copy: bytes; seek: from where */
	uint64_t chosen; /* open: the handle that it must give, or 0 */
	struct listing listing;
	struct blocks blocks;
	struct kept_list kept;
	struct buf content;
	int rc; /* what it has come to before its end */
	struct remote_reply reply;
	remote_done *done;
	void *arg;
};

/* --- an answer's content and end ---------------------------------------- */

static int take_bytes(struct errand *e, const struct answer *a, const void *bytes, size_t n)
{
	if (!n && a->n)
		buf_room(&e->content, a->n); /* the whole piece at once */
	buf_add(&e->content, bytes, n);
	return e->content.bad ? -EBADMSG : 0;
}

static int take_file(struct errand *e, const void *bytes, size_t n)
{
	size_t used;
	int rc = listing_feed_one(&e->listing, bytes, n, &used);

	if (rc < 0)
		return rc;
	buf_add(&e->content, (const char *)bytes + used, n - used);
	return e->content.bad ? -EBADMSG : 0;
}

/* A folder too large is no crime: this call fails, the stream goes on. */
static int too_many(struct errand *e, int rc)
{
	if (rc != -EMSGSIZE && rc != -ENOMEM)
		return rc;
	e->rc = rc;
	listing_fini(&e->listing);
	kept_list_fini(&e->kept);
	return 0;
}

static int take_listed(void *listing, const void *bytes, size_t n)
{
	return listing_feed(listing, bytes, n);
}

static int take_list(struct errand *e, const void *bytes, size_t n)
{
	if (e->packed)
		return blocks_feed(&e->blocks, bytes, n, take_listed, &e->listing);
	return listing_feed(&e->listing, bytes, n);
}

static int take_piece(struct call *c, const struct answer *a, const void *bytes, size_t n)
{
	struct errand *e = (struct errand *)c;

	if (a->kind != 'd')
		return -EBADMSG;
	if (e->rc < 0)
		return 0;
	switch (op_content(e->op)) {
	case CONTENT_NONE:
		return a->n ? -EBADMSG : 0;
	case CONTENT_ATTR:
	case CONTENT_LIST:
		return too_many(e, take_list(e, bytes, n));
	case CONTENT_FILE:
		return take_file(e, bytes, n);
	case CONTENT_TARGET:
	case CONTENT_BYTES:
		return take_bytes(e, a, bytes, n);
	case CONTENT_KEPT:
		return too_many(e, kept_list_feed(&e->kept, bytes, n));
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
	if (blocks_end(&e->blocks) < 0 || listing_end(&e->listing) < 0 || e->listing.count != count)
		return -EBADMSG;
	e->reply.entries = take_ptr(e->listing.entries);
	e->reply.entry_count = e->listing.count;
	e->listing.count = 0;
	return 0;
}

static int end_kept(struct errand *e, uint64_t lines)
{
	if (e->rc < 0)
		return 0;
	if (e->kept.lines != lines || kept_list_end(&e->kept) < 0)
		return -EBADMSG;
	e->reply.kept = take_ptr(e->kept.runs);
	e->reply.kept_count = e->kept.count;
	e->kept.count = 0;
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

/* The first valid bytes of the content are size bytes packed. */
static int end_squeezed(struct errand *e, uint64_t valid, uint64_t size)
{
	char *bytes;

	if (valid > e->content.len || !size || size > e->asked)
		return -EBADMSG;
	bytes = xmalloc(size + 1);
	bytes[size] = '\0';
	if (unsqueeze(e->content.data, valid, bytes, size) < 0) {
		free(bytes);
		return -EBADMSG;
	}
	e->reply.data = bytes;
	e->reply.n = size;
	return 0;
}

/* count: numbers of its `=`; the last is VALID, unless it is an open's handle alone. */
static int end_file(struct errand *e, const uint64_t *numbers, int count)
{
	e->reply.has_ahead = e->op == OP_OPEN && count > 1;
	if (end_attr(e) < 0)
		return -EBADMSG;
	if (e->op == OP_OPEN && !e->reply.has_ahead)
		return e->content.len ? -EBADMSG : 0;
	return end_bytes(e, numbers[count - 1]);
}

static int end_target(struct errand *e)
{
	if (memchr(buf_text(&e->content), '\0', e->content.len))
		return -EBADMSG;
	return end_bytes(e, e->content.len);
}

static int end_content(struct errand *e, const uint64_t *numbers, int count)
{
	switch (op_content(e->op)) {
	case CONTENT_ATTR:
		return end_attr(e);
	case CONTENT_FILE:
		return end_file(e, numbers, count);
	case CONTENT_LIST:
		return end_list(e, numbers[0]);
	case CONTENT_TARGET:
		return end_target(e);
	case CONTENT_BYTES:
		return count > 1 ? end_squeezed(e, numbers[0], numbers[1])
				 : end_bytes(e, numbers[0]);
	case CONTENT_KEPT:
		return end_kept(e, numbers[0]);
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
		return e->chosen && numbers[0] != e->chosen ? -EBADMSG : 0;
	case OP_WRITE:
	case OP_ZWRITE:
		e->reply.n = numbers[0];
		return numbers[0] == e->asked ? 0 : -EBADMSG;
	case OP_LIST:
		e->reply.watch = numbers[1]; /* 0 when none was asked for */
		return numbers[1] <= (e->watch ? UINT32_MAX : 0) ? 0 : -EBADMSG;
	case OP_COPY:
		e->reply.n = numbers[0];
		return numbers[0] <= e->wanted ? 0 : -EBADMSG;
	case OP_SEEK:
		e->reply.offset = numbers[0];
		return numbers[0] >= e->wanted ? 0 : -EBADMSG;
	case OP_STATFS:
		memcpy(e->reply.statfs, numbers, sizeof(e->reply.statfs));
		return 0;
	default:
		return 0;
	}
}

static int end_well(struct errand *e, const struct answer *a)
{
	uint64_t numbers[8] = { 0 };
	unsigned least = op_fields(e->op), more = op_fields_more(e->op);
	int count;

	if (e->op == OP_LIST && !e->watch)
		more = 0;
	count = answer_numbers_from(a, numbers, least, least + more);
	if (count < 0 || end_content(e, numbers, count) < 0)
		return -EBADMSG;
	return end_fields(e, numbers);
}

static void errand_free(struct errand *e)
{
	buf_fini(&e->call.frame);
	listing_fini(&e->listing);
	blocks_fini(&e->blocks);
	kept_list_fini(&e->kept);
	buf_fini(&e->content);
	remote_reply_fini(&e->reply);
	free(e);
}

void errand_end(struct errand *e, int rc)
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
	errand_end(e, rc);
	return bad;
}

static const struct call_ops errand_ops = { .piece = take_piece, .done = errand_done };

/* Nobody knows of the handle that it gave: it would stay open as long as the stream. */
static void opened_late(struct mux *m, const struct answer *a)
{
	struct remote_request rq = { .op = OP_CLOSE };
	uint64_t numbers[2];

	if (answer_numbers_from(a, numbers, 1, 2) < 0)
		return;
	rq.handle = numbers[0];
	mux_send_alone(m, &rq);
}

static const struct call_ops open_ops = {
	.piece = take_piece, .done = errand_done, .late = opened_late
};

/* --- a new one ---------------------------------------------------------------- */

static uint64_t content_max(const struct remote_request *rq)
{
	switch (op_content(rq->op)) {
	case CONTENT_FILE:
		return rq->size;
	case CONTENT_BYTES:
		return rq->op == OP_SCRIPT ? PROTO_SCRIPT_MAX : rq->size;
	case CONTENT_TARGET:
		return PATH_MAX;
	default:
		return 0;
	}
}

/* Requests on one handle are done as they were sent (proto.h, Order). Its number may be 0. */
static uint64_t order_of(const struct remote_request *rq)
{
	switch (rq->op) {
	case OP_BYE:
		return CALL_AFTER_ALL;
	case OP_OPEN:
		return rq->handle ? rq->handle + 1 : 0;
	case OP_FSTAT:
	case OP_READ:
	case OP_WRITE:
	case OP_ZREAD:
	case OP_ZWRITE:
	case OP_FSYNC:
	case OP_CLOSE:
	case OP_FSET:
	case OP_FALLOCATE:
	case OP_SEEK:
	case OP_COPY:
	case OP_WHERE:
		return rq->handle + 1;
	default:
		return 0;
	}
}

struct errand *errand_new(const struct remote_request *rq, uint64_t tag, int64_t deadline_ms,
	remote_done *done, void *arg)
{
	struct errand *e = xcalloc(1, sizeof(*e));

	*e = (struct errand){ .op = rq->op, .done = done, .arg = arg };
	e->packed = rq->op == OP_ZLIST;
	if (e->packed)
		e->op = OP_LIST;
	e->call.ops = rq->op == OP_OPEN ? &open_ops : &errand_ops;
	e->call.deadline_ms = deadline_ms;
	e->call.tag = tag;
	e->watch = rq->watch && e->op == OP_LIST;
	e->call.handle = order_of(rq);
	e->call.patient = rq->patient;
	e->chosen = rq->op == OP_OPEN ? rq->handle : 0;
	e->asked = rq->op == OP_ZREAD || rq->op == OP_ZWRITE ? rq->size : rq->n;
	e->wanted = rq->op == OP_SEEK ? rq->offset : rq->size;
	buf_init(&e->call.frame, request_bytes(rq));
	buf_init(&e->content, content_max(rq));
	listing_init(&e->listing, e->op == OP_LIST);
	e->listing.budget = rq->budget;
	blocks_init(&e->blocks);
	kept_list_init(&e->kept);
	return e;
}

struct call *errand_call(struct errand *e)
{
	return &e->call;
}
