#include "plugin/sources.h"

#include "common/kube/json.h"
#include "common/kube/kubeconfig.h"
#include "plugin/kind.h"
#include "plugin/layers.h"
#include "plugin/lifetime.h"
#include "plugin/mountinfo.h"
#include "plugin/place.h"
#include "plugin/pool.h"

#define SIGNALS   "TERM|KILL|INT|HUP|QUIT|USR1|USR2|STOP|CONT"
#define PLACE_ROW "%s, %s"

typedef void source(struct cli *cli, const struct typing *t, struct candidates *c);

/* --- objects ------------------------------------------------------------------------------ */

/* "dev/we" -> "dev", and where the name begins. */
static char *space_of(const struct typing *t, const struct kube *k, const char **ret_before)
{
	const char *slash = strchr(t->typed, '/');

	*ret_before = slash ? t->typed : "";
	return slash ? xstrndup(t->typed, (size_t)(slash - t->typed)) : xstrdup(kube_target(k)->ns);
}

static void add_pod(struct candidates *c, const char *before, const cJSON *pod, const char *behind)
{
	auto_free char *name = NULL, *what = NULL;
	struct sandbox s;

	if (sandbox_parse(pod, NULL, &s, NULL) < 0)
		return;
	name = xprintf("%s%s%s", before, s.name, behind);
	what = xprintf(PLACE_ROW, sandbox_phase_name(s.phase), s.image);
	candidates_add(c, name, what);
	sandbox_fini(&s);
}

static void pods(struct cli *cli, const struct typing *t, struct candidates *c,
	const char *selector, const char *behind)
{
	auto_free char *ns = NULL, *space = NULL;
	auto_json list = NULL;
	auto_kube k = NULL;
	const char *before;
	const cJSON *pod;

	if (cli_open(cli, &k, NULL) < 0)
		return;
	ns = space_of(t, k, &before);
	space = *before ? xprintf("%s/", ns) : xstrdup("");
	if (kind_list_cached(k, &kind_pod, ns, selector, &list, NULL) < 0)
		return;
	cJSON_ArrayForEach (pod, json_at(list, "items"))
		add_pod(c, space, pod, behind);
}

static void sandboxes(struct cli *cli, const struct typing *t, struct candidates *c)
{
	pods(cli, t, c, SANDBOX_SELECTOR, "");
}

static void any_pods(struct cli *cli, const struct typing *t, struct candidates *c)
{
	pods(cli, t, c, "", "");
}

static void names(struct cli *cli, struct candidates *c, const struct kind *kind, bool in_space,
	const char *selector)
{
	auto_json list = NULL;
	auto_kube k = NULL;
	const cJSON *item;

	if (cli_open(cli, &k, NULL) < 0 ||
		kind_list(k, kind, in_space ? kube_target(k)->ns : NULL, selector, &list, NULL) < 0)
		return;
	cJSON_ArrayForEach (item, json_at(list, "items"))
		candidates_add(c, json_str(item, "metadata.name", ""), NULL);
}

static void namespaces(struct cli *cli, const struct typing *t, struct candidates *c)
{
	names(cli, c, &kind_namespace, false, NULL);
}

static void tenants(struct cli *cli, const struct typing *t, struct candidates *c)
{
	names(cli, c, &kind_namespace, false, LABEL_TENANT);
}

static void pools(struct cli *cli, const struct typing *t, struct candidates *c)
{
	names(cli, c, &kind_podtemplate, true, LABEL_POOL);
}

static void accounts(struct cli *cli, const struct typing *t, struct candidates *c)
{
	names(cli, c, &kind_account, true, NULL);
}

static void containers(struct cli *cli, const struct typing *t, struct candidates *c)
{
	auto_json pod = NULL;
	auto_kube k = NULL;
	auto_ref r = { 0 };
	const cJSON *item;

	if (!t->count || cli_open(cli, &k, NULL) < 0 ||
		ref_parse(t->words[0], kube_target(k)->ns, &r, NULL) < 0 ||
		sandbox_get(k, r.ns, r.name, &pod, NULL) < 0)
		return;
	cJSON_ArrayForEach (item, json_at(pod, "spec.containers"))
		candidates_add(c, json_str(item, "name", ""), json_str(item, "image", NULL));
}

static void runs(struct cli *cli, const struct typing *t, struct candidates *c)
{
	const struct place_want want = { t->container, true };
	auto_place p = { .signals = -1 };
	auto_runs all = { 0 };

	if (!t->count || place_init(&p, cli, t->words[0], &want, NULL) < 0 ||
		place_runs(&p, &all, NULL) < 0)
		return;
	for (size_t i = 0; i < all.count; i++) {
		auto_free char *id = xprintf("%u", all.at[i].id);
		auto_free char *what = xprintf(
			PLACE_ROW, all.at[i].state, all.at[i].command ? all.at[i].command : "");

		candidates_add(c, id, what);
	}
}

/* --- this machine ------------------------------------------------------------------------------- */

static void entries(struct cli *cli, struct candidates *c, enum kubeconfig_kind kind)
{
	struct kubeconfig *config;
	const struct kubeconfig_entry *e;

	if (kubeconfig_load(cli->flags.kubeconfig, &config, NULL) < 0)
		return;
	for (size_t i = 0; (e = kubeconfig_nth(config, kind, i)); i++)
		candidates_add(c, e->name, NULL);
	kubeconfig_free(config);
}

static void contexts(struct cli *cli, const struct typing *t, struct candidates *c)
{
	entries(cli, c, KUBECONFIG_CONTEXT);
}

static void clusters(struct cli *cli, const struct typing *t, struct candidates *c)
{
	entries(cli, c, KUBECONFIG_CLUSTER);
}

static void users(struct cli *cli, const struct typing *t, struct candidates *c)
{
	entries(cli, c, KUBECONFIG_USER);
}

static void profiles(struct cli *cli, const struct typing *t, struct candidates *c)
{
	struct config config = { 0 };

	candidates_add(c, CONFIG_RESTRICTED, "what Pod Security \"restricted\" wants");
	if (layers_config(&config, NULL) == 0)
		for (size_t i = 0; i < config.count; i++)
			candidates_add(c, config.profiles[i].name, NULL);
	config_fini(&config);
}

static void mounted(struct cli *cli, const struct typing *t, struct candidates *c)
{
	auto_mounts all = { 0 };

	if (mounts_read(MOUNT_TYPE, &all, NULL) < 0)
		return;
	for (size_t i = 0; i < all.count; i++)
		candidates_add(c, all.at[i].dir, all.at[i].source);
}

static void files(struct cli *cli, const struct typing *t, struct candidates *c)
{
	c->files = true;
}

static void folders(struct cli *cli, const struct typing *t, struct candidates *c)
{
	c->dirs = true;
}

static void verbs(struct cli *cli, const struct typing *t, struct candidates *c)
{
	for (size_t i = 0; i < cli->verb_count; i++)
		if (!cli->verbs[i]->hidden)
			candidates_add(c, cli->verbs[i]->name, cli->verbs[i]->summary);
}

/* A path here, or in a sandbox. */
static void paths(struct cli *cli, const struct typing *t, struct candidates *c)
{
	const char *colon = strchr(t->typed, ':');

	c->files = true;
	if (*t->typed && strchr("/.~", *t->typed))
		return;
	if (colon && colon > t->typed) {
		c->files = false;
		source_far_paths(cli, t, c);
		return;
	}
	candidates_add(c, "./", "a path of this machine");
	candidates_add(c, "/", "a path of this machine");
	pods(cli, t, c, SANDBOX_SELECTOR, ":");
}

/* --- what stands where ---------------------------------------------------------------------------- */

/* What the first row says that fits: the verb (NULL: any), and what its usage calls the word. */
static const struct {
	const char *verb, *word;
	source *source; /* NULL: nothing can be offered */
} words[] = {
	{ "create", "NAME", NULL },
	{ "pool create", "NAME", NULL },
	{ "tenant create", "NAME", NULL },
	{ "pool rm", "NAME", pools },
	{ "tenant rm", "NAME", tenants },
	{ "unmount", "DIR", mounted },
	{ "mount", "DIR", folders },
	{ NULL, "NAME", sandboxes },
	{ NULL, "RUN", runs },
	{ NULL, "SRC", paths },
	{ NULL, "DST", paths },
	{ NULL, "FILE", files },
};

void source_word(struct cli *cli, const struct typing *t, struct candidates *c)
{
	auto_free char *name = NULL;

	if (!cli->verb) {
		if (t->count == 1 && !strcmp(t->words[0], "help"))
			verbs(cli, t, c);
		return;
	}
	name = typing_word_name(cli->verb->args, t->count);
	if (!name)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i].word, name) ||
			(words[i].verb && strcmp(words[i].verb, cli->verb->name)))
			continue;
		if (words[i].source)
			words[i].source(cli, t, c);
		return;
	}
	if (*name >= 'a' && *name <= 'z')
		candidates_add_each(c, name);
}

/* The same of flags: by their name (kubectl's too), or by what the help calls the value. */
static const struct {
	const char *flag, *value;
	source *source;
	const char *each;
} values[] = {
	{ "namespace", NULL, namespaces, NULL },
	{ "n", NULL, namespaces, NULL },
	{ "context", NULL, contexts, NULL },
	{ "cluster", NULL, clusters, NULL },
	{ "user", "NAME", users, NULL },
	{ "kubeconfig", NULL, files, NULL },
	{ "client-certificate", NULL, files, NULL },
	{ "client-key", NULL, files, NULL },
	{ "certificate-authority", NULL, files, NULL },
	{ "container", NULL, containers, NULL },
	{ "profile", "NAME", profiles, NULL },
	{ "service-account", NULL, accounts, NULL },
	{ "output-dir", NULL, folders, NULL },
	{ "pull-policy", NULL, NULL, "Always|IfNotPresent|Never" },
	{ "pod-security", NULL, NULL, "privileged|baseline|restricted" },
	{ NULL, "POOL", pools, NULL },
	{ NULL, "POD", any_pods, NULL },
	{ "pod", NULL, any_pods, NULL },
	{ NULL, "SIGNAL", NULL, SIGNALS },
	{ NULL, "FILE", files, NULL },
	{ NULL, "POD.yaml", files, NULL },
};

/* The formats that the help of an -o speaks of. */
static void formats(const struct opt *o, struct candidates *c)
{
	static const char *const all[] = { "name", "wide", "json", "yaml",
		"jsonpath=", "jsonpath-file=", "custom-columns=", "custom-columns-file=" };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (strstr(o->help, all[i]))
			candidates_add(c, all[i], NULL);
}

void source_value(struct cli *cli, const struct typing *t, struct candidates *c)
{
	const char *name = t->opt ? t->opt->name : t->flag;
	const char *value = t->opt ? t->opt->value : "NAME";

	if (t->opt && !strcmp(value, "FORMAT")) {
		formats(t->opt, c);
		return;
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		if ((values[i].flag && strcmp(values[i].flag, name)) ||
			(values[i].value && strcmp(values[i].value, value)))
			continue;
		if (values[i].source)
			values[i].source(cli, t, c);
		else
			candidates_add_each(c, values[i].each);
		return;
	}
	if (t->opt && strchr(value, '|') && *value >= 'a' && *value <= 'z')
		candidates_add_each(c, value);
}
