/* check_line: how the cluster is reached, what it is, and what time it is there. */
#include "common/kube/json.h"
#include "plugin/checks.h"
#include "plugin/cli.h"

#include <stdlib.h>

#define TRIES      5
#define SLOW_US    300000
#define CLOCK_WARN 5000
#define CLOCK_FAIL (5 * 60 * 1000) /* what certificates and tokens are granted with is not more */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static const char *trust(const struct kube_target *t)
{
	if (!t->tls)
		return "plain http";
	if (t->insecure)
		return "TLS, not verified";
	return t->ca_pem ? "TLS, verified by the kubeconfig's authority"
			 : "TLS, verified by this machine's authorities";
}

static void say_line(struct checks *c, const struct rest_line *first, int64_t median_us)
{
	const struct kube_target *t = kube_target(c->kube);
	auto_free char *proxy = kube_proxy(t);
	bool open = !t->tls || t->insecure, slow = median_us > SLOW_US;

	checks_say(c, open || slow ? CHECK_WARN : CHECK_OK, "connection",
		t->tls && t->insecure ? "give its authority instead of insecure-skip-tls-verify"
		: open                ? "https keeps the credentials to yourselves"
		: slow                ? "each file operation that is not known here takes as long"
				      : NULL,
		"%s, %s, %s; %.1f ms there and back, %.0f ms to connect%s%s", t->server, trust(t),
		first->http2 ? "HTTP/2" : "HTTP/1.1", (double)median_us / 1000,
		(double)(first->tls_us ? first->tls_us : first->connect_us) / 1000,
		proxy ? ", by proxy " : "", proxy ? proxy : "");
}

static void say_version(struct checks *c, const cJSON *answer)
{
	checks_say(c, CHECK_OK, "versions", NULL, "sbx %s, cluster %s", SBX_VERSION,
		json_str(answer, "gitVersion", "unknown"));
}

static void say_clock(struct checks *c, const struct rest_line *line)
{
	/* the header tells whole seconds: in the middle it is half a second more */
	int64_t off_ms = line->date_ms + 500 - line->here_ms;
	int64_t size_ms = off_ms < 0 ? -off_ms : off_ms;

	if (line->date_ms <= 0) {
		checks_say(c, CHECK_SKIP, "clock", NULL, "the server does not say its time");
		return;
	}
	if (size_ms < 1000)
		checks_say(c, CHECK_OK, "clock", NULL, "the same as the server's, within a second");
	else
		checks_say(c,
			size_ms >= CLOCK_FAIL   ? CHECK_FAIL
			: size_ms >= CLOCK_WARN ? CHECK_WARN
						: CHECK_OK,
			"clock",
			size_ms >= CLOCK_WARN ? "set this machine's clock: credentials "
						"expire by it"
					      : NULL,
			"the server's is %.0f s %s", (double)size_ms / 1000,
			off_ms > 0 ? "ahead" : "behind");
}

bool check_line(struct checks *c)
{
	struct rest_request rq = { .path = "/version", .what = "ask the cluster's version" };
	struct rest_line first, line;
	int64_t took[TRIES];
	auto_json answer = NULL;
	struct err err = { 0 };
	int rc = rest_look(c->kube, &rq, &answer, &first, &err);

	if (rc < 0) {
		checks_say(c, CHECK_FAIL, "connection", NULL, "%s", err_text(&err, rc));
		return rc == -EACCES; /* it is there, and says more to those it knows */
	}
	line = first;
	for (int i = 0; i < TRIES; i++) {
		auto_json again = NULL;

		if (rest_look(c->kube, &rq, &again, &line, &err) < 0)
			line = first;
		took[i] = line.took_us;
	}
	qsort(took, TRIES, sizeof(*took), by_size);
	say_line(c, &first, took[TRIES / 2]);
	say_version(c, answer);
	say_clock(c, &line);
	return true;
}
