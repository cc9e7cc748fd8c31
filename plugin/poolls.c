#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/lifetime.h"
#include "plugin/pool.h"
#include "plugin/poolverbs.h"
#include "plugin/table.h"

struct pools {
	bool all, no_headers;
	const char *output;
};

#define AT(member) offsetof(struct pools, member)

static const struct opt opts[] = {
	{ "all-namespaces", 'A', OPT_BOOL, NULL, "those of every namespace", AT(all) },
	{ "output", 'o', OPT_TEXT, "FORMAT", "name", AT(output) },
	{ "no-headers", 0, OPT_BOOL, NULL, "rows alone", AT(no_headers) },
	{ NULL },
};

static const struct example examples[] = {
	{ "how many are ready?", "pool ls" },
	{ NULL },
};

static bool is_of(const cJSON *pod, const cJSON *pool)
{
	return !strcmp(json_label(pod, LABEL_POOL, ""), json_str(pool, "metadata.name", "")) &&
	       !strcmp(json_str(pod, "metadata.namespace", ""),
		       json_str(pool, "metadata.namespace", ""));
}

static void add_number(struct table *t, int64_t n)
{
	auto_free char *text = xprintf("%lld", (long long)n);

	table_add(t, text);
}

static void add_row(struct table *t, const cJSON *pool, const cJSON *pods, bool namespaces)
{
	int64_t spares = 0, ready = 0;
	struct life life;
	const cJSON *pod;
	char age[24];

	cJSON_ArrayForEach (pod, pods) {
		spares += is_of(pod, pool) && pool_counts(pod);
		ready += is_of(pod, pool) && pool_is_ready(pod);
	}
	life_read(pool, &life);
	age_print(clock_wall_ms() - life.created_ms, age);
	if (namespaces)
		table_add(t, json_str(pool, "metadata.namespace", ""));
	table_add(t, json_str(pool, "metadata.name", ""));
	add_number(t, pool_size(pool));
	add_number(t, spares);
	add_number(t, ready);
	table_add(t, json_str(pool, "template.spec.containers[0].image", ""));
	table_add(t, age);
}

static void print_table(const cJSON *pools, const cJSON *pods, const struct pools *s)
{
	static const char *const names[] = { "NAMESPACE", "NAME", "SIZE", "SPARES", "READY",
		"IMAGE", "AGE" };
	const size_t columns = sizeof(names) / sizeof(*names), skip = s->all ? 0 : 1;
	const cJSON *pool;
	struct table t;

	table_init(&t, columns - skip);
	for (size_t i = skip; !s->no_headers && i < columns; i++)
		table_add(&t, names[i]);
	cJSON_ArrayForEach (pool, pools)
		if (pool_is_ours(pool))
			add_row(&t, pool, pods, s->all);
	table_print(&t, stdout, NULL);
	table_fini(&t);
}

static int run(struct cli *cli, const void *settings)
{
	const struct pools *s = settings;
	auto_json pools = NULL;
	auto_json pods = NULL;
	auto_kube k = NULL;
	struct err err = { 0 };
	const cJSON *pool;
	const char *ns = NULL;
	int rc, count = 0;

	if (cli->words.count || cli->words.dashes)
		return cli_usage(cli, "pool ls wants no NAME");
	if (s->output && strcmp(s->output, "name"))
		return cli_usage(cli, "-o is name, not \"%.60s\"", s->output);
	rc = cli_open(cli, &k, &err);
	if (!rc)
		ns = s->all ? NULL : kube_target(k)->ns;
	if (!rc)
		rc = kind_list(k, &kind_podtemplate, ns, LABEL_POOL, &pools, &err);
	if (!rc && !s->output)
		rc = kind_list(k, &kind_pod, ns, LABEL_POOL, &pods, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	cJSON_ArrayForEach (pool, json_at(pools, "items")) {
		count += pool_is_ours(pool);
		if (s->output && pool_is_ours(pool))
			printf("pool/%s\n", json_str(pool, "metadata.name", ""));
	}
	if (!count)
		say("no pools%s%s", ns ? " in namespace " : "", ns ? ns : "");
	else if (!s->output)
		print_table(json_at(pools, "items"), json_at(pods, "items"), s);
	return cli_flush();
}

const struct verb verb_pool_ls = {
	.name = "pool ls",
	.args = "[FLAGS]",
	.summary = "list pools",
	.about = "Lists pools: how many spares are wished, are there, and are ready.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct pools),
	.run = run,
};
