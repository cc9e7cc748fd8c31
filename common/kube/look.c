/* rest_look: what doctor tells of the line. */
#include "common/base/clock.h"
#include "common/kube/easy.h"
#include "common/kube/json.h"
#include "common/kube/kube.h"
#include "common/kube/status.h"

#define TIMEOUT_MS 10000

int rest_look(struct kube *k, const struct rest_request *rq, cJSON **ret, struct rest_line *line,
	struct err *err)
{
	struct exchange x auto_with(exchange_fini) = {
		.method = "GET",
		.path = rq->path,
		.accept = "application/json",
		.answer_max = REST_BODY_MAX,
		.deadline_ms = deadline_after(rq->timeout_ms > 0 ? rq->timeout_ms : TIMEOUT_MS),
		.halt = kube_halt(k, NULL),
		.line = line,
	};
	int rc;

	*line = (struct rest_line){ 0 };
	rc = http_exchange(k->http, &x, err);
	if (rc < 0)
		return err_wrap(err, rc, "cannot %s", rq->what);
	if (!http_ok(x.status))
		return status_error(x.status, buf_text(&x.answer), x.answer.len, rq->what, err);
	*ret = json_parse(buf_text(&x.answer), x.answer.len);
	if (!*ret)
		return err_set(err, -EBADMSG,
			"cannot %s: what came is not JSON; is %s a Kubernetes API server?",
			rq->what, k->target->server);
	return 0;
}

/* scheme://user:password@host -> scheme://host */
char *kube_proxy(const struct kube_target *t)
{
	const char *url = easy_proxy(t), *host, *at;

	if (!url)
		return NULL;
	host = strstr(url, "://");
	host = host ? host + 3 : url;
	at = strrchr(host, '@');
	return xprintf("%.*s%s", (int)(host - url), url, at ? at + 1 : host);
}
