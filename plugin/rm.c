#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/ref.h"

#define GONE_TIMEOUT_MS 120000

struct rm {
	const char *selector;
	bool all, wait;
	int64_t grace_s;
};

static const struct rm defaults = { .grace_s = -1 };

static const struct opt opts[] = {
	{ "selector", 'l', OPT_TEXT, "LABELS", "the sandboxes with these labels",
		offsetof(struct rm, selector) },
	{ "all", 0, OPT_BOOL, NULL, "every sandbox of the namespace", offsetof(struct rm, all) },
	{ "wait", 0, OPT_BOOL, NULL, "wait until they are gone", offsetof(struct rm, wait) },
	{ "grace", 0, OPT_NUMBER, "SECONDS", "time they get to end by themselves (5); 0: none",
		offsetof(struct rm, grace_s) },
	{ NULL },
};

static const struct example examples[] = {
	{ "one, or several", "rm web db test/api" },
	{ "at once, and only back when it is gone", "rm web --grace 0 --wait" },
	{ "by label", "rm -l team=red" },
	{ "all of the namespace", "rm --all" },
	{ NULL },
};

/* One that is being removed. */
struct doomed {
	struct ref ref;
	char *uid;
};

struct rm_state {
	struct kube *k;
	const struct rm *settings;
	struct doomed *list; /* deleted; to be waited for */
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
	const cJSON *managed = json_member(json_at(pod, "metadata.labels"), LABEL_MANAGED);

	return cJSON_IsString(managed) && !strcmp(managed->valuestring, "true");
}

static void note(struct rm_state *s, const struct ref *r, const char *uid)
{
	s->list = xrealloc(s->list, (s->count + 1) * sizeof(*s->list));
	s->list[s->count++] = (struct doomed){ { xstrdup(r->ns), xstrdup(r->name) }, xstrdup(uid) };
}

static void remove_pod(struct rm_state *s, const cJSON *pod)
{
	struct ref r = { (char *)json_str(pod, "metadata.namespace", ""),
		(char *)json_str(pod, "metadata.name", "") };
	const char *uid = json_str(pod, "metadata.uid", NULL);
	bool here = !strcmp(r.ns, kube_target(s->k)->ns);
	struct err err = { 0 };
	int rc = sandbox_delete(s->k, r.ns, r.name, uid, (int)s->settings->grace_s, &err);

	if (rc < 0) {
		s->failed = true;
		cli_failed(&err, rc);
		return;
	}
	note(s, &r, uid);
	printf("%s%s%s deleted\n", here ? "" : r.ns, here ? "" : "/", r.name);
	fflush(stdout);
	remove_service(s, &r);
}

static void remove_name(struct rm_state *s, const char *word)
{
	auto_ref r = { 0 };
	auto_json pod = NULL;
	struct err err = { 0 };
	int rc = ref_parse(word, kube_target(s->k)->ns, &r, &err);

	if (!rc)
		rc = sandbox_get(s->k, r.ns, r.name, &pod, &err);
	if (!rc && !is_sandbox(pod))
		rc = err_set(&err, -EPERM,
			"cannot remove %s/%s: it is a plain Pod without the label " SANDBOX_SELECTOR
			"; use \"kubectl delete pod\" if you mean it",
			r.ns, r.name);
	if (rc < 0) {
		s->failed = true;
		cli_failed(&err, rc);
		return;
	}
	remove_pod(s, pod);
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
		s->failed = true;
		cli_failed(&err, rc);
		return;
	}
	cJSON_ArrayForEach (pod, json_at(pods, "items"))
		remove_pod(s, pod);
	if (!s->count && !s->failed)
		say("no sandboxes to remove in namespace %s", kube_target(s->k)->ns);
}

/* --- waiting ------------------------------------------------------------------ */

static int gone(void *arg, const char *type, const cJSON *object, struct err *err)
{
	const struct doomed *d = arg;

	if (!object)
		return 0;
	return !strcmp(type, "DELETED") || strcmp(json_str(object, "metadata.uid", ""), d->uid);
}

/*
 * A watch that begins with the present state is silent when there is nothing, so a look first; its
 * resourceVersion is where the watch begins, so nothing falls between the two.
 */
static int wait_one(struct rm_state *s, struct doomed *d, int64_t deadline_ms, struct err *err)
{
	auto_free char *collection = rest_path("/api/v1/namespaces/%s/pods", d->ref.ns);
	auto_free char *field = xprintf("metadata.name=%s", d->ref.name);
	auto_json pod = NULL;
	int rc = sandbox_get(s->k, d->ref.ns, d->ref.name, &pod, err);

	if (rc == -ENOENT || (!rc && strcmp(json_str(pod, "metadata.uid", ""), d->uid)))
		return 0;
	if (rc < 0)
		return rc;
	rc = watch_until(s->k, collection, field, json_str(pod, "metadata.resourceVersion", NULL),
		deadline_ms, interrupt_flag(), gone, d, err);
	if (rc == -ETIMEDOUT)
		return err_set(err, rc,
			"%s/%s is still there after %d s; a finalizer or a lost node may hold it",
			d->ref.ns, d->ref.name, GONE_TIMEOUT_MS / 1000);
	return rc < 0 ? err_wrap(err, rc, "waiting for %s/%s to go", d->ref.ns, d->ref.name) : 0;
}

static void wait_all(struct rm_state *s)
{
	int64_t deadline_ms = deadline_after(GONE_TIMEOUT_MS);

	for (size_t i = 0; i < s->count && !*interrupt_flag(); i++) {
		struct err err = { 0 };
		int rc = wait_one(s, &s->list[i], deadline_ms, &err);

		if (rc >= 0)
			continue;
		s->failed = true;
		cli_failed(&err, rc);
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
	struct rm_state s = { .settings = settings };
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc = check(cli, settings);

	if (rc != EXIT_DONE)
		return rc;
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	s.k = k;
	for (int i = 0; i < cli->words.count; i++)
		remove_name(&s, cli->words.at[i]);
	if (!cli->words.count)
		remove_matching(&s);
	if (s.settings->wait) {
		interrupt_watch();
		wait_all(&s);
	}
	for (size_t i = 0; i < s.count; i++) {
		ref_fini(&s.list[i].ref);
		free(s.list[i].uid);
	}
	free(s.list);
	return s.failed || *interrupt_flag() ? EXIT_FAILED : cli_flush();
}

const struct verb verb_rm = {
	.name = "rm",
	.args = "NAME... | -l LABELS | --all  [FLAGS]",
	.summary = "destroy sandboxes",
	.about = "Destroys sandboxes, and the Service NAME-svc of each if there is one. All are "
		 "tried;\n"
		 "the exit status is 1 if one could not be removed. Plain Pods are refused.",
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct rm),
	.run = run,
};
