#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/await.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/pick.h"
#include "plugin/ref.h"
#include "plugin/via.h"

#define GONE_TIMEOUT_MS 120000

struct rm {
	const char *selector;
	bool all, wait;
	int64_t grace_s;
};

static const struct rm defaults = { .grace_s = -1, .wait = true };

static const struct opt opts[] = {
	{ "selector", 'l', OPT_TEXT, "LABELS", "the sandboxes with these labels",
		offsetof(struct rm, selector) },
	{ "all", 0, OPT_BOOL, NULL, "every sandbox of the namespace", offsetof(struct rm, all) },
	{ "wait", 0, OPT_BOOL, NULL, "wait until they are gone (--wait=false: do not)",
		offsetof(struct rm, wait) },
	{ "grace", 0, OPT_NUMBER, "SECONDS", "time they get to end by themselves (5); 0: none",
		offsetof(struct rm, grace_s) },
	{ NULL },
};

static const struct example examples[] = {
	{ "one, or several", "rm web db test/api" },
	{ "at once, without waiting for the end", "rm web --grace 0 --wait=false" },
	{ "by label", "rm -l team=red" },
	{ "all of the namespace", "rm --all" },
	{ NULL },
};

struct rm_state {
	struct kube *k;
	struct via via;
	const struct rm *settings;
	struct via_object *doomed; /* deleted, as they were seen; to be waited for. Pods, too */
	size_t count;
	bool failed;
	bool warned; /* of Services that may not be deleted */
};

/* The Service <pod>-svc belongs to the sandbox. Who may not delete Services has most likely made
 * none. */
static void remove_service(struct rm_state *s, const struct ref *r)
{
	auto_free char *name = xprintf("%s-svc", r->name);
	auto_free char *path = rest_path("/api/v1/namespaces/%s/services/%s", r->ns, name);
	auto_free char *what = xprintf("delete service %s in namespace %s", name, r->ns);
	struct rest_request rq = { .method = "DELETE", .path = path, .what = what };
	struct err err = { 0 };
	int http = 0;
	int rc = rest_call(s->k, &rq, NULL, &http, &err);

	if (rc >= 0 || http == 404)
		return;
	if (http != 403) {
		s->failed = true;
		cli_failed(&err, rc);
	} else if (!s->warned) {
		say("warning: %s", err_text(&err, rc));
		s->warned = true;
	}
}

static bool is_sandbox(const cJSON *pod)
{
	return !strcmp(json_label(pod, LABEL_MANAGED, ""), "true");
}

static void failed(struct rm_state *s, const struct err *err, int rc)
{
	s->failed = true;
	cli_failed(err, rc);
}

static void await_later(struct rm_state *s, const struct kind *kind, const cJSON *seen)
{
	s->doomed = xrealloc(s->doomed, (s->count + 1) * sizeof(*s->doomed));
	s->doomed[s->count++] = (struct via_object){ kind, cJSON_Duplicate(seen, true) };
}

static struct ref ref_of(const cJSON *object)
{
	return (struct ref){ (char *)json_str(object, "metadata.namespace", ""),
		(char *)json_str(object, "metadata.name", "") };
}

static void tell_deleted(const struct rm_state *s, const struct ref *r)
{
	bool here = !strcmp(r->ns, kube_target(s->k)->ns);

	printf("%s%s%s deleted\n", here ? "" : r->ns, here ? "" : "/", r->name);
	fflush(stdout);
}

static void remove_pod(struct rm_state *s, const cJSON *pod)
{
	struct ref r = ref_of(pod);
	const char *uid = json_str(pod, "metadata.uid", NULL);
	struct err err = { 0 };
	int rc = sandbox_delete(s->k, r.ns, r.name, uid, (int)s->settings->grace_s, &err);

	if (rc < 0) {
		failed(s, &err, rc);
		return;
	}
	await_later(s, &kind_pod, pod);
	tell_deleted(s, &r);
	remove_service(s, &r);
}

/*
 * Its controller would make the Pod anew, so it is the object that goes, and the cluster's collector takes
 * the Pod. pod may be NULL.
 */
static void remove_object(struct rm_state *s, const struct via_object *o, const cJSON *pod)
{
	struct ref r = ref_of(o->json), of_pod = ref_of(pod);
	struct err err = { 0 };
	int rc = kind_delete(s->k, o->kind, o->json, false, &err);

	if (rc < 0 && rc != -ENOENT) {
		failed(s, &err, rc);
		return;
	}
	await_later(s, o->kind, o->json);
	tell_deleted(s, &r);
	if (!pod)
		return;
	await_later(s, &kind_pod, pod);
	remove_service(s, &of_pod);
}

/* With what it belongs to. */
static void remove_whole(struct rm_state *s, const cJSON *pod)
{
	auto_via_object o = { 0 };
	struct err err = { 0 };
	int rc = via_owner(&s->via, pod, &o, &err);

	if (!rc && !o.json && !is_sandbox(pod))
		rc = err_set(&err, -EPERM,
			"cannot remove %s/%s: it is a plain Pod without the label " SANDBOX_SELECTOR
			"; use \"kubectl delete pod\" if you mean it",
			json_str(pod, "metadata.namespace", ""),
			json_str(pod, "metadata.name", ""));
	if (rc < 0)
		failed(s, &err, rc);
	else if (o.json)
		remove_object(s, &o, pod);
	else
		remove_pod(s, pod);
}

/* agent-sandbox's, with or without a Pod. -ENOENT: it has none of that name. */
static int remove_named_object(struct rm_state *s, const struct ref *r)
{
	auto_via_object o = { 0 };
	auto_json pod = NULL;
	struct err err = { 0 }, unheard = { 0 };
	int rc = via_find(&s->via, r->ns, r->name, &o);

	if (rc < 0)
		return rc;
	rc = via_up(&s->via, &o, &err);
	if (rc < 0) {
		failed(s, &err, rc);
		return 0;
	}
	via_pod(&s->via, &o, &pod, &unheard);
	remove_object(s, &o, pod);
	return 0;
}

static void remove_name(struct rm_state *s, const char *word)
{
	auto_ref r = { 0 };
	auto_json pod = NULL;
	struct err err = { 0 };
	int rc = ref_parse(word, kube_target(s->k)->ns, &r, &err);

	if (!rc)
		rc = sandbox_get(s->k, r.ns, r.name, &pod, &err);
	if (!rc)
		remove_whole(s, pod);
	else if (rc != -ENOENT || remove_named_object(s, &r) < 0)
		failed(s, &err, rc);
}

static void remove_matching(struct rm_state *s)
{
	const char *selector = s->settings->selector;
	auto_free char *both =
		selector ? xprintf("%s," SANDBOX_SELECTOR, selector) : xstrdup(SANDBOX_SELECTOR);
	auto_json pods = NULL;
	const cJSON *pod;
	struct err err = { 0 };
	int rc = sandbox_list(s->k, kube_target(s->k)->ns, both, &pods, &err);

	if (rc < 0) {
		failed(s, &err, rc);
		return;
	}
	cJSON_ArrayForEach (pod, json_at(pods, "items"))
		remove_whole(s, pod);
	if (!s->count && !s->failed)
		say("no sandboxes to remove in namespace %s", kube_target(s->k)->ns);
}

static int wait_one(
	struct rm_state *s, const struct via_object *o, int64_t deadline_ms, struct err *err)
{
	const char *ns = json_str(o->json, "metadata.namespace", "");
	const char *name = json_str(o->json, "metadata.name", "");
	int rc = await_gone(s->k, o->kind, o->json, deadline_ms, interrupt_flag(), err);

	if (rc == -ETIMEDOUT)
		return err_set(err, rc,
			"%s/%s is still there after %d s; a finalizer or a lost node may hold it",
			ns, name, GONE_TIMEOUT_MS / 1000);
	return rc < 0 ? err_wrap(err, rc, "waiting for %s/%s to go", ns, name) : 0;
}

static void wait_all(struct rm_state *s)
{
	int64_t deadline_ms = deadline_after(GONE_TIMEOUT_MS);

	for (size_t i = 0; i < s->count && !*interrupt_flag(); i++) {
		struct err err = { 0 };
		int rc = wait_one(s, &s->doomed[i], deadline_ms, &err);

		if (rc < 0)
			failed(s, &err, rc);
	}
}

static int check(struct cli *cli, const struct rm *r)
{
	struct err err = { 0 };
	auto_ref ref = { 0 };

	if (cli->words.dashes)
		return cli_usage(cli, "rm runs no command");
	if ((cli->words.count > 0) + r->all + (r->selector != NULL) != 1)
		return cli_usage(cli, "rm wants either names, or -l LABELS, or --all");
	if (r->selector && !*r->selector)
		return cli_usage(cli, "-l is empty; for all of the namespace use --all");
	for (int i = 0; i < cli->words.count; i++) {
		if (ref_parse(cli->words.at[i], "default", &ref, &err) < 0)
			return cli_usage(cli, "%s", err.text);
		ref_fini(&ref);
	}
	return EXIT_DONE;
}

static int run(struct cli *cli, const void *settings)
{
	const struct rm *r = settings;
	struct rm_state s = { .settings = r };
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc = r->all || r->selector ? EXIT_DONE : pick_where_missing(cli, PICK_DOOMED);

	if (rc == EXIT_DONE)
		rc = check(cli, settings);

	if (rc != EXIT_DONE)
		return rc;
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	s.k = k;
	via_init(&s.via, k);
	for (int i = 0; i < cli->words.count; i++)
		remove_name(&s, cli->words.at[i]);
	if (!cli->words.count)
		remove_matching(&s);
	if (s.settings->wait) {
		interrupt_watch();
		wait_all(&s);
	}
	for (size_t i = 0; i < s.count; i++)
		via_object_fini(&s.doomed[i]);
	free(s.doomed);
	return s.failed || *interrupt_flag() ? EXIT_FAILED : cli_flush();
}

const struct verb verb_rm = {
	.name = "rm",
	.args = "NAME... | -l LABELS | --all  [FLAGS]",
	.summary = "destroy sandboxes",
	.about = "Destroys sandboxes, and the Service NAME-svc of each if there is one, and waits\n"
		 "until they are gone. All are tried; the exit status is 1 if one could not be\n"
		 "removed. Plain Pods are refused.\n"
		 "\n"
		 "Of agent-sandbox the Sandbox or claim is deleted, by its name or its Pod's; "
		 "--all\n"
		 "and -l take only what has the label " SANDBOX_SELECTOR ".",
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct rm),
	.run = run,
};
