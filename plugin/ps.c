#include "common/base/clock.h"
#include "plugin/kept.h"
#include "plugin/pick.h"
#include "plugin/table.h"

struct ps {
	const char *container, *output;
	bool no_mount, no_headers;
};

#define AT(member) offsetof(struct ps, member)

static const struct opt opts[] = {
	{ "output", 'o', OPT_TEXT, "FORMAT", "name (the numbers alone) or json", AT(output) },
	{ "no-headers", 0, OPT_BOOL, NULL, "rows alone", AT(no_headers) },
	KEPT_CONTAINER(AT(container)),
	KEPT_NO_MOUNT(AT(no_mount)),
	{ NULL },
};

static const struct example examples[] = {
	{ "the runs of a sandbox", "ps web" },
	{ "kill all that run", "kill web $(kubectl sbx ps web -o name)" },
	{ NULL },
};

static void add_number(struct table *t, bool there, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	table_add(t, there ? text : "");
}

static void add_age(struct table *t, int64_t span_ms)
{
	char text[24] = "";

	if (span_ms >= 0)
		age_print(span_ms, text);
	table_add(t, text);
}

static void add_row(struct table *t, const struct run_row *r)
{
	add_number(t, true, r->id);
	table_add(t, r->state);
	add_number(t, r->exit >= 0, (uint64_t)r->exit);
	add_number(t, r->pid > 0, (uint64_t)r->pid);
	add_age(t, r->started_ms ? clock_wall_ms() - r->started_ms : -1);
	add_age(t, r->took_ms);
	add_number(t, true, r->bytes[0]);
	add_number(t, true, r->bytes[1]);
	table_add(t, r->command ? r->command : "");
}

static void print_table(const struct runs *all, bool headers)
{
	static const char *const heads[] = { "RUN", "STATE", "EXIT", "PID", "STARTED", "TOOK",
		"STDOUT", "STDERR", "COMMAND" };
	const size_t columns = sizeof(heads) / sizeof(*heads);
	struct table t;

	table_init(&t, columns);
	for (size_t i = 0; headers && i < columns; i++)
		table_add(&t, heads[i]);
	for (size_t i = 0; i < all->count; i++)
		add_row(&t, &all->at[i]);
	table_print(&t, stdout, NULL);
	table_fini(&t);
}

static void print_json(const struct runs *all)
{
	auto_json list = cJSON_CreateArray();
	auto_free char *text = NULL;

	for (size_t i = 0; i < all->count; i++)
		cJSON_AddItemToArray(list, run_row_json(&all->at[i]));
	text = cJSON_Print(list);
	puts(text ? text : "[]");
}

static int print(const struct ps *ps, const struct place *p, const struct runs *all)
{
	if (ps->output && !strcmp(ps->output, "json"))
		print_json(all);
	else if (ps->output)
		for (size_t i = 0; i < all->count; i++)
			printf("%u\n", all->at[i].id);
	else if (all->count)
		print_table(all, !ps->no_headers);
	else
		say("no runs in %s/%s", p->ref.ns, p->ref.name);
	return cli_flush();
}

static int list(struct place *p, const void *arg)
{
	auto_runs all = { 0 };
	struct err err = { 0 };
	int rc = place_runs(p, &all, &err);

	return rc < 0 ? cli_failed(&err, rc) : print(arg, p, &all);
}

static int run(struct cli *cli, const void *settings)
{
	const struct ps *ps = settings;
	const struct place_want want = { ps->container, ps->no_mount };
	auto_place p = { .signals = -1 };
	struct err err = { 0 };
	int rc = pick_where_missing(cli, PICK_RUNNING);

	if (rc == EXIT_DONE)
		rc = kept_check(cli, 0, 0);

	if (rc == EXIT_DONE && ps->output && strcmp(ps->output, "json") &&
		strcmp(ps->output, "name"))
		rc = cli_usage(cli, "-o is name or json, not \"%.60s\"", ps->output);
	if (rc != EXIT_DONE)
		return rc;
	rc = place_init(&p, cli, cli->words.at[0], &want, &err);
	return rc < 0 ? cli_failed(&err, rc) : place_work(&p, list, ps);
}

const struct verb verb_ps = {
	.name = "ps",
	.args = "NAME [FLAGS]",
	.summary = "list the runs of a sandbox",
	.about = "Lists the runs that the sandbox keeps (run -d, or detached by the mount's ctl), "
		 "and\n"
		 "those of your mount where one shows it: state, exit status, process, when they "
		 "started\n"
		 "and how long they took, bytes of output, command.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct ps),
	.run = run,
};
