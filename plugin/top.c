#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/table.h"
#include "plugin/toplook.h"

#include <poll.h>
#include <sys/ioctl.h>

#define COLUMNS  11
#define EVERY_MS 2000

struct top {
	bool watch, no_headers;
	const char *output;
};

#define AT(member) offsetof(struct top, member)

static const struct opt opts[] = {
	{ "watch", 'w', OPT_BOOL, NULL,
		"anew every two seconds, on a terminal, until Ctrl-C;\n"
		"in a pipe it is one table all the same",
		AT(watch) },
	{ "output", 'o', OPT_TEXT, "FORMAT", "json", AT(output) },
	{ "no-headers", 0, OPT_BOOL, NULL, "rows alone", AT(no_headers) },
	{ NULL },
};

static const struct example examples[] = {
	{ "what the mounts of this machine do now", "top -w" },
	{ "how one sandbox is reached, for a program", "top web -o json" },
	{ NULL },
};

/* --- cells --------------------------------------------------------------------- */

static void add_count(struct table *t, const cJSON *o, const char *name)
{
	auto_free char *text = xprintf("%.0f", json_num(o, name, 0));

	table_add(t, text);
}

/* 1023, 1.0K, 12M */
static void add_bytes(struct table *t, double n)
{
	static const char units[] = " KMGTP";
	size_t unit = 0;
	auto_free char *text = NULL;

	for (; n >= 1023.5 && unit + 2 < sizeof(units); unit++)
		n /= 1024;
	text = unit ? xprintf("%.*f%c", n < 9.95 ? 1 : 0, n, units[unit]) : xprintf("%.0f", n);
	table_add(t, text);
}

static void add_time(struct table *t, double us)
{
	auto_free char *text = NULL;

	if (us <= 0)
		text = xstrdup("-");
	else if (us < 9950)
		text = xprintf("%.1fms", us / 1000);
	else if (us < 999500)
		text = xprintf("%.0fms", us / 1000);
	else
		text = xprintf("%.1fs", us / 1000000);
	table_add(t, text);
}

static void add_runs(struct table *t, const cJSON *box)
{
	auto_free char *text =
		xprintf("%.0f/%.0f", json_num(box, "runs_now", 0), json_num(box, "runs", 0));

	table_add(t, text);
}

static const char *line_of(const cJSON *box)
{
	if (strcmp(json_str(box, "sandbox", ""), "running"))
		return json_str(box, "sandbox", "?");
	return json_bool(box, "connected", false) ? json_str(box, "agent", "?") : "idle";
}

static void add_box(struct table *t, const cJSON *box, bool all)
{
	auto_free char *name = xprintf("  %s%s%s", all ? json_str(box, "namespace", "") : "",
		all ? "/" : "", json_str(box, "name", "?"));

	table_add(t, name);
	table_add(t, line_of(box));
	add_count(t, box, "ops");
	add_count(t, box, "requests");
	add_time(t, json_num(box, "median_us", 0));
	add_count(t, box, "waiting");
	add_bytes(t, json_num(box, "bytes_in", 0));
	add_bytes(t, json_num(box, "bytes_out", 0));
	add_count(t, box, "reconnects");
	add_runs(t, box);
	table_add(t, "");
}

/* What its sandboxes have in common. */
static void add_mount(struct table *t, const cJSON *mount)
{
	const char *error = json_str(mount, "error", NULL);

	table_add(t, json_str(mount, "dir", "?"));
	table_add(t, error ? error : "mount");
	for (int i = 2; i < COLUMNS - 1; i++) {
		if (i == 2 && !error)
			add_count(t, mount, "ops");
		else if (i == 3 && !error)
			add_count(t, mount, "requests");
		else
			table_add(t, "");
	}
	if (error)
		table_add(t, "");
	else
		add_bytes(t, json_num(mount, "cache_bytes", 0) + json_num(mount, "spool_bytes", 0));
}

static void fill(struct table *t, const cJSON *all, bool headers)
{
	static const char *const names[COLUMNS] = { "MOUNT, SANDBOX", "LINE", "OPS", "REQUESTS",
		"MEDIAN", "WAITING", "IN", "OUT", "RECONNECTS", "RUNS", "MEMORY" };
	const cJSON *mount, *box;

	for (int i = 0; headers && i < COLUMNS; i++)
		table_add(t, names[i]);
	cJSON_ArrayForEach (mount, json_at(all, "mounts")) {
		add_mount(t, mount);
		cJSON_ArrayForEach (box, json_at(mount, "sandboxes"))
			add_box(t, box, !json_at(mount, "namespace"));
	}
}

/* --- once, and again and again ----------------------------------------------------- */

static void print_json(const cJSON *all)
{
	auto_free char *text = cJSON_Print(all);

	puts(text ? text : "{}");
}

/* From the top of the screen, each line over what was there; what does not fit is left out. */
static void draw(const char *text)
{
	struct winsize size = { .ws_row = 0 };
	int rows = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row : 24;

	fputs("\033[H", stdout);
	for (int row = 1; *text && row < rows; row++) {
		int n = (int)strcspn(text, "\n");

		if (size.ws_col && n > size.ws_col)
			printf("%.*s\033[K\n", size.ws_col, text);
		else
			printf("%.*s\033[K\n", n, text);
		text += n + (text[n] == '\n');
	}
	fputs("\033[J", stdout);
}

static int print(const cJSON *all, const struct top *t, bool on_screen)
{
	char *text = NULL;
	size_t n = 0;
	struct table table;
	FILE *to = on_screen ? open_memstream(&text, &n) : stdout;

	if (!to)
		abort();
	table_init(&table, COLUMNS);
	fill(&table, all, !t->no_headers);
	table_print(&table, to, NULL);
	table_fini(&table);
	if (on_screen) {
		fclose(to);
		draw(text);
		free(text);
	}
	return cli_flush();
}

/* A name that is nowhere was mistyped, or is not mounted. */
static bool all_found(const struct words *w, const cJSON *all)
{
	bool any = false;
	const cJSON *mount;

	cJSON_ArrayForEach (mount, json_at(all, "mounts"))
		any = any || cJSON_GetArraySize(json_at(mount, "sandboxes"));
	if (any || !w->count)
		return true;
	say("no mount of yours shows \"%.80s\"", w->at[0]);
	return false;
}

static int once(const struct cli *cli, const struct top *t, bool on_screen)
{
	auto_json all = NULL;
	struct err err = { 0 };
	int rc = toplook(cli->words.at, (size_t)cli->words.count, &all, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	if (t->output) {
		print_json(all);
		return cli_flush();
	}
	if (!all_found(&cli->words, all))
		return EXIT_FAILED;
	if (!cJSON_GetArraySize(json_at(all, "mounts")) && !on_screen) {
		say("no mounts");
		return EXIT_DONE;
	}
	return print(all, t, on_screen);
}

static int run(struct cli *cli, const void *settings)
{
	const struct top *t = settings;
	bool again = t->watch && isatty(STDOUT_FILENO) && !t->output;
	int rc;

	if (cli->words.dashes)
		return cli_usage(cli, "top takes names of sandboxes alone");
	if (t->output && strcmp(t->output, "json"))
		return cli_usage(cli, "-o is json, not \"%.60s\"", t->output);
	if (again)
		fputs("\033[2J", stdout);
	rc = once(cli, t, again);
	while (again && rc == EXIT_DONE) {
		poll(NULL, 0, EVERY_MS);
		rc = once(cli, t, again);
	}
	return rc;
}

const struct verb verb_top = {
	.name = "top",
	.args = "[NAME]... [FLAGS]",
	.summary = "what the mounts of this machine do",
	.about =
		"Shows for each mount of yours, and for each sandbox in it, what it has counted "
		"since it was mounted; the sandboxes are not asked.\n"
		"\n"
		"LINE is the agent that answers, or idle before the first use. OPS is what "
		"programs "
		"asked of the mount, REQUESTS what of it went to the sandbox: the rest was known "
		"here. MEDIAN is a request's way there and back, of the last some thousand. "
		"WAITING "
		"are requests without an answer yet, RUNS those that run now and all that were "
		"started. MEMORY is what a mount remembers of files, and what it holds of outputs.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct top),
	.run = run,
};
