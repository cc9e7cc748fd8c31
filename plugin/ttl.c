#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/lifetime.h"
#include "plugin/kind.h"
#include "plugin/pick.h"
#include "plugin/ref.h"
#include "plugin/tellwait.h"
#include "plugin/via.h"

#include <errno.h>

static const struct example examples[] = {
	{ "two more hours, from now", "ttl web 2h" },
	{ "how long does it live?", "ttl web" },
	{ "until it is removed", "ttl web none" },
	{ NULL },
};

static void tell(const struct ref *r, const struct life *l, int64_t now_ms)
{
	char when[32], left[24];

	if (!l->expires_ms) {
		printf("pod/%s does not expire\n", r->name);
	} else {
		rfc3339_print(l->expires_ms, when);
		age_print(l->expires_ms - now_ms, left);
		printf("pod/%s expires at %s (%s)\n", r->name, when,
			l->expires_ms > now_ms ? left : "over");
	}
	if (l->expires_ms && !l->self_ending && l->hard_ms != l->expires_ms)
		say("its command is not ours, so it does not end by itself then: \"gc\" deletes "
		    "it");
	if (!l->hard_ms)
		return;
	rfc3339_print(l->hard_ms, when);
	say("the kubelet stops it at %s at the latest", when);
}

static int change(struct kube *k, const struct ref *r, const cJSON *pod, struct life *l,
	int64_t ttl_ms, struct err *err)
{
	int64_t now_ms = kube_wall_ms(k);
	auto_json patch = NULL;
	char when[32];
	int rc;

	if (!life_is_ours(pod, true))
		return err_set(
			err, -EPERM, "it was not made by kubectl-sbx, so gc would never delete it");
	if (strcmp(json_str(pod, "status.phase", ""), "Running") ||
		json_at(pod, "metadata.deletionTimestamp"))
		return err_set(err, -ENOTCONN, "it does not run");
	rc = ttl_ms ? life_extend(l, now_ms, ttl_ms, err) : 0;
	if (!rc && l->self_ending)
		rc = tell_wait(k, r->ns, r->name, ttl_ms, err);
	if (rc < 0)
		return rc;
	rfc3339_print(now_ms + ttl_ms, when);
	patch = life_patch(ANNOTATION_EXPIRES, ttl_ms ? when : NULL);
	l->expires_ms = ttl_ms ? now_ms + ttl_ms : 0;
	return kind_patch(k, &kind_pod, pod, patch, NULL, err);
}

/* agent-sandbox ends its own. 1: it is none of those. */
static int change_object(struct kube *k, const cJSON *pod, struct life *l, bool change,
	int64_t ttl_ms, struct err *err)
{
	int64_t end_ms = ttl_ms ? kube_wall_ms(k) + ttl_ms : 0;
	auto_via_object o = { 0 };
	struct via via;
	int rc;

	via_init(&via, k);
	rc = via_owner(&via, pod, &o, err);
	if (rc < 0 || !o.json)
		return rc < 0 ? rc : 1;
	l->self_ending = true;
	l->expires_ms = change ? end_ms : via_shutdown(&o);
	return change ? via_set_shutdown(k, &o, end_ms, err) : 0;
}

static int check(struct cli *cli, int64_t *ret_ttl_ms, struct ref *ret)
{
	const char *text = cli->words.count > 1 ? cli->words.at[1] : NULL;
	struct err err = { 0 };

	if (cli->words.count < 1 || cli->words.count > 2 || cli->words.dashes)
		return cli_usage(cli, "ttl wants a NAME and a time: ttl NAME 2h");
	if (text && strcmp(text, "none") &&
		(duration_parse(text, ret_ttl_ms) < 0 || *ret_ttl_ms < 1000))
		return cli_usage(cli,
			"ttl wants a time like 30m or 8h, at least a second, or none, not "
			"\"%.60s\"",
			text);
	return ref_parse(cli->words.at[0], "default", ret, &err) < 0
		       ? cli_usage(cli, "%s", err.text)
		       : EXIT_DONE;
}

static int run(struct cli *cli, const void *settings)
{
	auto_ref r = { 0 };
	auto_kube k = NULL;
	auto_json pod = NULL;
	struct life life;
	struct err err = { 0 };
	int64_t ttl_ms = 0;
	int rc = pick_where_missing(cli, PICK_ANY);

	if (rc == EXIT_DONE)
		rc = check(cli, &ttl_ms, &r);

	if (rc != EXIT_DONE)
		return rc;
	ref_fini(&r);
	rc = cli_open(cli, &k, &err);
	if (!rc)
		rc = ref_parse(cli->words.at[0], kube_target(k)->ns, &r, &err);
	if (!rc)
		rc = via_get(k, r.ns, r.name, &pod, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	life_read(pod, &life);
	rc = change_object(k, pod, &life, cli->words.count > 1, ttl_ms, &err);
	if (rc > 0)
		rc = cli->words.count > 1 ? change(k, &r, pod, &life, ttl_ms, &err) : 0;
	if (rc < 0) {
		err_wrap(&err, rc, "cannot change how long %s/%s lives", r.ns, r.name);
		return cli_failed(&err, rc);
	}
	tell(&r, &life, kube_wall_ms(k));
	return cli_flush();
}

const struct verb verb_ttl = {
	.name = "ttl",
	.args = "NAME [TIME|none] [FLAGS]",
	.summary = "let a sandbox live longer, or shorter",
	.about =
		"Says when a sandbox expires, or changes it: to TIME from now, or to never.\n"
		"\n"
		"A sandbox ends by itself when it expires, and \"gc\" then deletes what is left of "
		"it. Its kubelet has a limit of its own (create --max-ttl; 24 h, or --ttl where "
		"that is longer), which Kubernetes lets be lowered but never raised: ttl refuses "
		"what lies beyond. A container with a command of its own does not end by itself "
		"when ttl has changed its time: gc ends it.",
	.examples = examples,
	.run = run,
};
