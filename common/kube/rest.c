#include "common/kube/kube.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/status.h"

#include <limits.h>

#define TIMEOUT_MS        30000
#define TRIES_MAX         10 /* of 429 and 5xx with Retry-After, as client-go */
#define LOST_MAX          3  /* of a connection lost under a repeatable request */
#define LOST_WAIT_MS      200
#define STREAM_SILENCE_MS (4 * 3600 * 1000)

static int timeout_of(const struct kube *k, const struct rest_request *rq)
{
	if (rq->timeout_ms > 0)
		return rq->timeout_ms;
	return k->target->request_timeout_ms > 0 ? k->target->request_timeout_ms : TIMEOUT_MS;
}

/* What may be done twice with the same end: reading, and deleting exactly one object. */
static bool repeatable(const struct rest_request *rq)
{
	if (strcmp(rq->method, "GET") == 0)
		return true;
	return strcmp(rq->method, "DELETE") == 0 && *json_str(rq->body, "preconditions.uid", "");
}

/* ms to wait before the next try, or -1: the answer stands. */
static int64_t retry_wait(
	const struct rest_request *rq, const struct exchange *x, int rc, int tries)
{
	if (rc == -ECONNRESET && repeatable(rq) && tries < LOST_MAX)
		return LOST_WAIT_MS;
	if (rc != 0 || x->retry_after_ms < 0 || tries >= TRIES_MAX)
		return -1;
	return x->status == 429 || x->status >= 500 ? x->retry_after_ms : -1;
}

static int try_until(
	struct kube *k, const struct rest_request *rq, struct exchange *x, struct err *err)
{
	for (int tries = 1;; tries++) {
		int rc = http_exchange(k->http, x, err);
		int64_t wait = retry_wait(rq, x, rc, tries);

		if (wait < 0 || wait >= deadline_left(x->deadline_ms))
			return rc;
		trace(REST, "%s %s: again in %lld ms", x->method, x->path, (long long)wait);
		if (halt_wait(&x->halt, (int)wait) < 0)
			return err_set(err, -EINTR, "interrupted");
	}
}

static int parse_answer(const struct kube *k, const struct rest_request *rq,
	const struct exchange *x, cJSON **ret, struct err *err)
{
	cJSON *json = json_parse(buf_text(&x->answer), x->answer.len);

	if (!json && !x->answer.len) /* libcurl takes headers that were cut off for an end */
		return err_set(err, -EBADMSG, "cannot %s: the answer of %s was empty or cut off",
			rq->what, k->target->server);
	if (!json)
		return err_set(err, -EBADMSG,
			"cannot %s: what came is not JSON; is %s a Kubernetes API server?",
			rq->what, k->target->server);
	*ret = json;
	return 0;
}

static int conclude(const struct kube *k, const struct rest_request *rq, const struct exchange *x,
	int rc, cJSON **ret, struct err *err)
{
	if (rc < 0)
		return err_wrap(err, rc, "cannot %s", rq->what);
	if (!http_ok(x->status))
		rc = status_error(x->status, buf_text(&x->answer), x->answer.len, rq->what, err);
	/* of a change a proxy may have lost the answer alone: rest_unsure */
	if (rc < 0)
		return x->status == 502 && !x->repeatable ? -EIO : rc;
	return ret ? parse_answer(k, rq, x, ret, err) : 0;
}

static void exchange_ask(struct exchange *x, const struct kube *k, const struct rest_request *rq)
{
	*x = (struct exchange){
		.method = rq->method,
		.path = rq->path,
		.accept = rq->accept ? rq->accept : "application/json",
		.content_type = rq->content_type ? rq->content_type : "application/json",
		.repeatable = repeatable(rq),
		.answer_max = REST_BODY_MAX,
		.warning = k->warning,
		.warning_arg = k->warning_arg,
	};
}

int rest_call_halt(struct kube *k, const struct rest_request *rq, const struct halt *halt,
	cJSON **ret, int *ret_http, struct err *err)
{
	auto_free char *body = rq->body ? cJSON_PrintUnformatted(rq->body) : NULL;
	struct exchange x auto_with(exchange_fini);
	int rc;

	exchange_ask(&x, k, rq);
	x.body = body;
	x.body_bytes = body ? strlen(body) : 0;
	x.deadline_ms = deadline_after(timeout_of(k, rq));
	x.halt = *halt;
	rc = try_until(k, rq, &x, err);
	if (ret_http)
		*ret_http = x.status;
	return conclude(k, rq, &x, rc, ret, err);
}

bool rest_unsure(int rc)
{
	return rc == -ETIMEDOUT || rc == -EPIPE || rc == -ECONNRESET || rc == -EIO ||
	       rc == -EINTR || rc == -EBADMSG;
}

int rest_call(
	struct kube *k, const struct rest_request *rq, cJSON **ret, int *ret_http, struct err *err)
{
	struct halt halt = kube_halt(k, NULL);

	return rest_call_halt(k, rq, &halt, ret, ret_http, err);
}

int rest_follow(struct kube *k, struct rest_follow *f, struct err *err)
{
	struct rest_request rq = {
		.method = "GET", .path = f->path, .accept = f->accept, .what = f->what
	};
	struct exchange x auto_with(exchange_fini);
	int rc;

	exchange_ask(&x, k, &rq);
	x.chunk = f->chunk;
	x.begun = f->begun;
	x.tick = f->tick;
	x.arg = f->arg;
	x.deadline_ms = f->deadline_ms;
	x.silence_ms = f->silence_ms;
	x.halt = f->halt;
	rc = http_exchange(k->http, &x, err);
	f->http = x.status;
	f->retry_after_ms = x.retry_after_ms;
	f->expired = rc == 0 && !http_ok(x.status) &&
		     status_is_expired(x.status, buf_text(&x.answer), x.answer.len);
	return rc > 0 ? rc : conclude(k, &rq, &x, rc, NULL, err);
}

int rest_stream(struct kube *k, const struct rest_request *rq, rest_chunk *chunk, void *arg,
	const volatile bool *stop, struct err *err)
{
	struct rest_follow f = {
		.path = rq->path,
		.accept = rq->accept ? rq->accept : "*/*",
		.what = rq->what,
		.chunk = chunk,
		.arg = arg,
		.deadline_ms = INT64_MAX,
		.silence_ms = rq->timeout_ms > 0 ? rq->timeout_ms : STREAM_SILENCE_MS,
		.halt = kube_halt(k, stop),
	};

	return rest_follow(k, &f, err);
}
