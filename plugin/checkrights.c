/* check_rights: what these credentials may do, by what it is for. */
#include "common/kube/json.h"
#include "plugin/checks.h"
#include "plugin/cli.h"
#include "plugin/role.h"

#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

/* 1 yes, 0 no, or negative */
static int may(struct checks *c, const struct need *need, const char *verb, struct err *err)
{
	auto_json body = cJSON_CreateObject();
	auto_json answer = NULL;
	struct rest_request rq = { .method = "POST",
		.path = REVIEWS,
		.body = body,
		.what = "ask what these credentials may do" };
	int rc;

	json_set_str(body, "apiVersion", "authorization.k8s.io/v1");
	json_set_str(body, "kind", "SelfSubjectAccessReview");
	if (need->what_for != NEED_TENANTS)
		json_set_str(body, "spec.resourceAttributes.namespace", c->ns);
	json_set_str(body, "spec.resourceAttributes.verb", verb);
	if (need->group[0])
		json_set_str(body, "spec.resourceAttributes.group", need->group);
	json_set_str(body, "spec.resourceAttributes.resource", need->resource);
	if (need->subresource[0])
		json_set_str(body, "spec.resourceAttributes.subresource", need->subresource);
	rc = rest_call(c->kube, &rq, &answer, NULL, err);
	return rc < 0 ? rc : json_bool(answer, "status.allowed", false);
}

/* Appends "get and create pods/exec"-like lists of what may and what may not be done. */
static int ask(struct checks *c, const struct need *need, struct buf *have, struct buf *lack,
	struct err *err)
{
	const char *at = need->verbs;
	bool some[2] = { false, false };

	while (*at) {
		size_t n = strcspn(at, " ");
		auto_free char *verb = xstrndup(at, n);
		int yes = may(c, need, verb, err);
		struct buf *to = yes > 0 ? have : lack;

		if (yes < 0)
			return yes;
		buf_printf(to, "%s%s", some[yes] ? " " : to->len ? ", " : "", verb);
		some[yes] = true;
		at += n + (at[n] == ' ');
	}
	for (int i = 0; i < 2; i++)
		if (some[i])
			buf_printf(i ? have : lack, " %s%s%s", need->resource,
				need->subresource[0] ? "/" : "", need->subresource);
	return 0;
}

static enum check_state without(enum need_for what_for)
{
	if (what_for <= NEED_CREATE)
		return CHECK_FAIL;
	return what_for >= NEED_GC ? CHECK_SKIP : CHECK_WARN;
}

static void say_rights(
	struct checks *c, enum need_for what_for, const struct buf *have, const struct buf *lack)
{
	enum check_state state = lack->len ? without(what_for) : CHECK_OK;
	auto_free char *topic = xprintf("may %s", need_for_name(what_for));
	auto_free char *todo = NULL;

	if (state == CHECK_FAIL || state == CHECK_WARN)
		todo = xprintf(
			"an administrator can give it: %s doctor --role -n %s", c->program, c->ns);
	if (lack->len)
		checks_say(c, state, topic, todo, "may not %s: %s", buf_text(lack),
			need_for_loss(what_for));
	else
		checks_say(c, state, topic, todo, "%s", buf_text(have));
}

void check_rights(struct checks *c)
{
	for (enum need_for what_for = 0; what_for < NEED_FORS; what_for++) {
		auto_buf have = BUF_INIT(4096), lack = BUF_INIT(4096);
		struct err err = { 0 };
		int rc = 0;

		for (size_t i = 0; role_need(i) && !rc; i++)
			if (role_need(i)->what_for == what_for)
				rc = ask(c, role_need(i), &have, &lack, &err);
		if (rc < 0) {
			checks_say(c, CHECK_FAIL, "rights", NULL, "%s", err_text(&err, rc));
			return;
		}
		say_rights(c, what_for, &have, &lack);
	}
}
