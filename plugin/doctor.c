#include "common/kube/json.h"
#include "plugin/cli.h"

#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

struct doctor {
	bool role;
};

static const struct opt opts[] = {
	{ "role", 0, OPT_BOOL, NULL, "print the Role that a user of sbx needs; ask nothing",
		offsetof(struct doctor, role) },
	{ NULL },
};

static const struct example examples[] = {
	{ "may I do all of it here?", "doctor" },
	{ "give it to ann in namespace dev, as an administrator",
		"doctor --role -n dev | kubectl apply -f -\n"
		"kubectl -n dev create rolebinding ann-sbx --role sbx --user ann" },
	{ NULL },
};

/*
 * What sbx does, and why each is asked for. exec by WebSocket is a GET, which servers from 1.35 on
 * check as create too (KUBERNETES.md 1.1): both are needed.
 */
static const struct need {
	const char *verbs; /* with blanks between */
	const char *resource, *subresource;
	const char *why;
} needs[] = {
	{ "get list watch create delete patch", "pods", "", "sandboxes" },
	{ "get create", "pods", "exec", "files and commands" },
	{ "get", "pods", "log", "the log file" },
	{ "list", "events", "", "why a sandbox does not start" },
	{ "delete", "services", "", "rm, where a Service was made for one" },
};

#define NEEDS (sizeof(needs) / sizeof(*needs))

static void print_role(const char *ns)
{
	printf("apiVersion: rbac.authorization.k8s.io/v1\n"
	       "kind: Role\n"
	       "metadata:\n"
	       "  name: sbx\n"
	       "  namespace: %s\n"
	       "rules:\n",
		ns);
	for (size_t i = 0; i < NEEDS; i++) {
		const char *verb = needs[i].verbs;

		printf("- apiGroups: [\"\"]\n  resources: [%s%s%s]\n  verbs: [", needs[i].resource,
			needs[i].subresource[0] ? "/" : "", needs[i].subresource);
		while (*verb) {
			size_t n = strcspn(verb, " ");

			printf("%.*s%s", (int)n, verb, verb[n] ? ", " : "");
			verb += n + (verb[n] == ' ');
		}
		printf("] # %s\n", needs[i].why);
	}
}

/* 1 yes, 0 no, or negative */
static int may(struct kube *k, const struct need *need, const char *verb, struct err *err)
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
	json_set_str(body, "spec.resourceAttributes.namespace", kube_target(k)->ns);
	json_set_str(body, "spec.resourceAttributes.verb", verb);
	json_set_str(body, "spec.resourceAttributes.resource", need->resource);
	if (need->subresource[0])
		json_set_str(body, "spec.resourceAttributes.subresource", need->subresource);
	rc = rest_call(k, &rq, &answer, NULL, err);
	return rc < 0 ? rc : json_bool(answer, "status.allowed", false);
}

/* How many of its verbs are missing, each printed; or negative. */
static int check(struct kube *k, const struct need *need, struct err *err)
{
	const char *at = need->verbs;
	int missing = 0;

	while (*at) {
		size_t n = strcspn(at, " ");
		auto_free char *verb = xstrndup(at, n);
		int yes = may(k, need, verb, err);

		if (yes < 0)
			return yes;
		printf("%-4s%-8s%s%s%s\n", yes ? "yes" : "NO", verb, need->resource,
			need->subresource[0] ? "/" : "", need->subresource);
		missing += !yes;
		at += n + (at[n] == ' ');
	}
	return missing;
}

static int run(struct cli *cli, const void *settings)
{
	const struct doctor *d = settings;
	auto_kube k = NULL;
	struct err err = { 0 };
	int missing = 0, rc;

	if (cli->words.count || cli->words.dashes)
		return cli_usage(cli, "doctor wants no NAME");
	if (d->role && cli->flags.ns) {
		print_role(cli->flags.ns);
		return cli_flush();
	}
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	if (d->role) {
		print_role(kube_target(k)->ns);
		return cli_flush();
	}
	for (size_t i = 0; i < NEEDS; i++) {
		rc = check(k, &needs[i], &err);
		if (rc < 0)
			return cli_failed(&err, rc);
		missing += rc;
	}
	if (missing)
		say("%d missing in namespace %s; an administrator can give them: %s doctor --role",
			missing, kube_target(k)->ns, cli->program);
	rc = cli_flush();
	return missing ? EXIT_FAILED : rc;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.args = "[FLAGS]",
	.summary = "whether these credentials may do what sbx does",
	.about =
		"Asks the cluster, for one namespace, whether these credentials may do each thing "
		"that sbx does. Exits with 1 when one is missing. With --role prints the Role that "
		"holds them all.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct doctor),
	.run = run,
};
