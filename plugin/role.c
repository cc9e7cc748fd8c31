#include "plugin/role.h"

#include "common/base/buf.h"
#include "plugin/via.h"

#define BATCH   "batch"
#define NETWORK "networking.k8s.io"
#define RBAC    "rbac.authorization.k8s.io"

/*
 * exec by WebSocket is a GET, which servers from 1.35 on check as create too (KUBERNETES.md 1.1): both
 * are needed. So it is with portforward.
 */
static const struct need needs[] = {
	{ NEED_READ, "", "get list watch", "pods", "", "sandboxes" },
	{ NEED_READ, "", "get", "pods", "log", "the log file" },
	{ NEED_READ, "", "list watch", "events", "", "why a sandbox does not start" },
	{ NEED_RUN, "", "get create", "pods", "exec", "files and commands" },
	{ NEED_RUN, "", "patch", "pods", "", "that it is in use" },
	{ NEED_CREATE, "", "create delete patch", "pods", "", "create, rm, ttl" },
	{ NEED_CREATE, "", "delete", "services", "", "rm, where a Service was made for one" },
	{ NEED_ONCE, BATCH, "create delete", "jobs", "", "once" },
	{ NEED_NETWORK, NETWORK, "create", "networkpolicies", "", "create --network none|egress" },
	{ NEED_POOLS, "", "get list create delete", "podtemplates", "", "pools of spares" },
	{ NEED_PORTS, "", "get create", "pods", "portforward", "forward, without an agent" },
	{ NEED_PORTS, "", "get create patch", "services", "", "expose" },
	{ NEED_GC, "", "list delete", "services", "", "gc of what has lost its owner" },
	{ NEED_GC, BATCH, "list delete", "jobs", "", "gc of what has lost its owner" },
	{ NEED_GC, NETWORK, "list delete", "networkpolicies", "", "gc of what has lost its owner" },
	{ NEED_VIA, VIA_GROUP, "get list watch create patch delete", "sandboxes", "",
		"create --via, ls, rm, ttl" },
	{ NEED_VIA, VIA_GROUP2, "get list watch create patch delete", "sandboxclaims", "",
		"the same of claims" },
	{ NEED_VIA, VIA_GROUP2, "get list create patch delete", "sandboxwarmpools", "",
		"create --via of a pool or template" },
	{ NEED_VIA, VIA_GROUP2, "get list", "sandboxtemplates", "",
		"create --via of a template, ls --via" },
	{ NEED_TENANTS, "", "get list create patch delete", "namespaces", "", "a tenant's own" },
	{ NEED_TENANTS, "", "list create", "resourcequotas", "", "his quota" },
	{ NEED_TENANTS, "", "create", "limitranges", "", "his limits" },
	{ NEED_TENANTS, "", "create", "serviceaccounts", "", "his account" },
	{ NEED_TENANTS, "", "create", "serviceaccounts", "token", "his kubeconfig" },
	{ NEED_TENANTS, RBAC, "create", "roles", "", "what he may do" },
	{ NEED_TENANTS, RBAC, "create", "rolebindings", "", "that it is he" },
};

#define NEEDS (sizeof(needs) / sizeof(*needs))

static const struct {
	const char *name, *loss;
} fors[NEED_FORS] = {
	[NEED_READ] = { "read", "ls, get, logs and mount do not work" },
	[NEED_RUN] = { "run", "run, shell, cp and files in a mount do not work" },
	[NEED_CREATE] = { "create", "create, rm and ttl do not work" },
	[NEED_ONCE] = { "once", "once does not work" },
	[NEED_NETWORK] = { "network", "create --network none and egress do not work" },
	[NEED_POOLS] = { "pools", "pool and create --from-pool do not work" },
	[NEED_PORTS] = { "ports", "expose, and forward where no agent runs, do not work" },
	[NEED_GC] = { "gc", "gc takes Pods alone; the cluster collects the rest itself" },
	[NEED_VIA] = { "via", "sandboxes of " VIA_NAME " cannot be made, followed or removed" },
	[NEED_TENANTS] = { "tenants", "tenant does not work; that is for administrators" },
};

const struct need *role_need(size_t i)
{
	return i < NEEDS ? &needs[i] : NULL;
}

const char *need_for_name(enum need_for what_for)
{
	return fors[what_for].name;
}

const char *need_for_loss(enum need_for what_for)
{
	return fors[what_for].loss;
}

/*
 * A tenant may make no policy, which would open what closes his namespace (policies add up), nor delete
 * one; and no Service, which can draw others' traffic by externalIPs.
 */
static bool is_tenants(const struct need *n)
{
	return n->what_for <= NEED_PORTS && n->what_for != NEED_NETWORK &&
	       !(n->what_for == NEED_PORTS && !strcmp(n->resource, "services"));
}

static bool is_users(const struct need *n)
{
	return n->what_for < NEED_TENANTS;
}

/* --- as rules: what is said of one resource in several places is one rule ------------------ */

static bool same(const struct need *a, const struct need *b)
{
	return !strcmp(a->group, b->group) && !strcmp(a->resource, b->resource) &&
	       !strcmp(a->subresource, b->subresource);
}

static cJSON *words_of(const char *text)
{
	cJSON *array = cJSON_CreateArray();

	do {
		size_t n = strcspn(text, " ");
		auto_free char *word = xstrndup(text, n);

		cJSON_AddItemToArray(array, cJSON_CreateString(word));
		text += n + (text[n] == ' ');
	} while (*text);
	return array;
}

static void add_new_words(cJSON *array, const char *text)
{
	cJSON *more = words_of(text), *word;
	const cJSON *old;

	while ((word = cJSON_DetachItemFromArray(more, 0))) {
		bool there = false;

		cJSON_ArrayForEach (old, array)
			there = there || !strcmp(old->valuestring, word->valuestring);
		if (there)
			cJSON_Delete(word);
		else
			cJSON_AddItemToArray(array, word);
	}
	cJSON_Delete(more);
}

/* The rule of what needs[i] is of; NULL: an earlier one has it. */
static cJSON *rule_of(size_t i, bool (*wanted)(const struct need *n), struct buf *why)
{
	auto_free char *resource = xprintf("%s%s%s", needs[i].resource,
		needs[i].subresource[0] ? "/" : "", needs[i].subresource);
	cJSON *rule, *verbs;

	for (size_t k = 0; k < i; k++)
		if (wanted(&needs[k]) && same(&needs[k], &needs[i]))
			return NULL;
	rule = cJSON_CreateObject();
	cJSON_AddItemToObject(rule, "apiGroups", words_of(needs[i].group));
	cJSON_AddItemToObject(rule, "resources", words_of(resource));
	verbs = cJSON_AddArrayToObject(rule, "verbs");
	for (size_t k = i; k < NEEDS; k++) {
		if (!wanted(&needs[k]) || !same(&needs[k], &needs[i]))
			continue;
		add_new_words(verbs, needs[k].verbs);
		buf_printf(why, "%s%s", why->len ? "; " : "", needs[k].why);
	}
	return rule;
}

cJSON *role_rules(void)
{
	cJSON *rules = cJSON_CreateArray();

	for (size_t i = 0; i < NEEDS; i++) {
		auto_buf why = BUF_INIT(1024);
		cJSON *rule = is_tenants(&needs[i]) ? rule_of(i, is_tenants, &why) : NULL;

		if (rule)
			cJSON_AddItemToArray(rules, rule);
	}
	return rules;
}

/* [a, b] */
static void print_words(FILE *to, const cJSON *array)
{
	const cJSON *word;
	const char *comma = "";

	fputc('[', to);
	cJSON_ArrayForEach (word, array) {
		fprintf(to, *word->valuestring ? "%s%s" : "%s\"%s\"", comma, word->valuestring);
		comma = ", ";
	}
	fputc(']', to);
}

static void print_rule(FILE *to, const char *mark, const cJSON *rule, const char *why)
{
	static const char *const members[] = { "apiGroups", "resources", "verbs" };

	for (size_t i = 0; i < 3; i++) {
		fprintf(to, "%s%s%s: ", mark, i ? "  " : "- ", members[i]);
		print_words(to, cJSON_GetObjectItem(rule, members[i]));
		fputs(i < 2 ? "\n" : " # ", to);
	}
	fprintf(to, "%s\n", why);
}

void role_print(FILE *to, const char *ns)
{
	fprintf(to,
		"apiVersion: rbac.authorization.k8s.io/v1\n"
		"kind: Role\n"
		"metadata:\n"
		"  name: sbx\n"
		"  namespace: %s\n"
		"rules:\n",
		ns);
	for (size_t i = 0; i < NEEDS; i++) {
		auto_buf why = BUF_INIT(1024);
		cJSON *rule = is_users(&needs[i]) ? rule_of(i, is_users, &why) : NULL;
		bool via = needs[i].what_for == NEED_VIA;

		if (rule && via && needs[i - 1].what_for != NEED_VIA)
			fputs("# For " VIA_NAME "'s objects, where it is used:\n", to);
		if (rule)
			print_rule(to, via ? "# " : "", rule, buf_text(&why));
		cJSON_Delete(rule);
	}
}
