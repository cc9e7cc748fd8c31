#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/lifetime.h"
#include "plugin/table.h"
#include "plugin/tenant.h"
#include "plugin/tenantplan.h"

#include <errno.h>

struct tenants {
	const char *output;
	bool no_headers;
};

#define AT(member) offsetof(struct tenants, member)

static const struct opt opts[] = {
	{ "output", 'o', OPT_TEXT, "FORMAT", "name", AT(output) },
	{ "no-headers", 0, OPT_BOOL, NULL, "rows alone", AT(no_headers) },
	{ NULL },
};

static const struct example examples[] = {
	{ "who is there, and what they use", "tenant ls" },
	{ "their names", "tenant ls -o name" },
	{ NULL },
};

static const cJSON *quota_of(const cJSON *quotas, const char *ns)
{
	const cJSON *q;

	cJSON_ArrayForEach (q, json_at(quotas, "items"))
		if (!strcmp(json_str(q, "metadata.namespace", ""), ns) &&
			!strcmp(json_str(q, "metadata.name", ""), TENANT_OBJECT))
			return q;
	return NULL;
}

/* "3/20" */
static void add_use(struct table *t, const cJSON *quota, const char *name)
{
	const cJSON *used = json_member(json_at(quota, "status.used"), name);
	const cJSON *hard = json_member(json_at(quota, "spec.hard"), name);
	auto_free char *text = NULL;

	if (cJSON_IsString(hard))
		text = xprintf(
			"%s/%s", cJSON_IsString(used) ? used->valuestring : "?", hard->valuestring);
	table_add(t, text ? text : "");
}

static void add_age(struct table *t, int64_t span_ms, bool known)
{
	char text[24] = "";

	if (known)
		age_print(span_ms, text);
	table_add(t, text);
}

static void add_row(struct table *t, const cJSON *ns, const cJSON *quota)
{
	int64_t now_ms = clock_wall_ms();
	struct life life;

	life_read(ns, &life);
	table_add(t, json_str(ns, "metadata.name", ""));
	table_add(t, json_str(ns, "status.phase", ""));
	add_use(t, quota, "pods");
	add_use(t, quota, "limits.cpu");
	add_use(t, quota, "limits.memory");
	if (life.expires_ms && life.expires_ms <= now_ms)
		table_add(t, "over");
	else
		add_age(t, life.expires_ms - now_ms, life.expires_ms);
	add_age(t, now_ms - life.created_ms, life.created_ms);
}

static void print_table(const cJSON *namespaces, const cJSON *quotas, bool headers)
{
	static const char *const names[] = { "NAME", "STATUS", "PODS", "CPU", "MEMORY", "EXPIRES",
		"AGE" };
	const size_t columns = sizeof(names) / sizeof(*names);
	struct table t;
	const cJSON *ns;

	table_init(&t, columns);
	for (size_t i = 0; headers && i < columns; i++)
		table_add(&t, names[i]);
	cJSON_ArrayForEach (ns, json_at(namespaces, "items"))
		if (tenant_is(ns))
			add_row(&t, ns, quota_of(quotas, json_str(ns, "metadata.name", "")));
	table_print(&t, stdout, NULL);
	table_fini(&t);
}

static bool any(const cJSON *namespaces)
{
	const cJSON *ns;

	cJSON_ArrayForEach (ns, json_at(namespaces, "items"))
		if (tenant_is(ns))
			return true;
	return false;
}

static int run(struct cli *cli, const void *settings)
{
	const struct tenants *s = settings;
	auto_json namespaces = NULL;
	auto_json quotas = NULL;
	auto_kube k = NULL;
	struct err err = { 0 };
	const cJSON *ns;
	int rc;

	if (cli->words.count || cli->words.dashes)
		return cli_usage(cli, "tenant ls wants no NAME");
	if (s->output && strcmp(s->output, "name"))
		return cli_usage(cli, "-o is name, not \"%.60s\"", s->output);
	rc = cli_open(cli, &k, &err);
	if (!rc)
		rc = kind_list(k, &kind_namespace, NULL, LABEL_TENANT, &namespaces, &err);
	if (!rc && !s->output)
		rc = kind_list(k, &kind_quota, NULL, LABEL_TENANT, &quotas, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	if (!any(namespaces)) {
		say("no tenants");
		return EXIT_DONE;
	}
	if (!s->output)
		print_table(namespaces, quotas, !s->no_headers);
	cJSON_ArrayForEach (ns, json_at(namespaces, "items"))
		if (s->output && tenant_is(ns))
			printf("tenant/%s\n", json_str(ns, "metadata.name", ""));
	return cli_flush();
}

const struct verb verb_tenant_ls = {
	.name = "tenant ls",
	.args = "[FLAGS]",
	.summary = "list tenants",
	.about = "Lists tenants with what they use of their quotas: Pods, and the sums of their "
		 "limits.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct tenants),
	.run = run,
};
