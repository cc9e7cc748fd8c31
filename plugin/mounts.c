#include "plugin/cli.h"
#include "plugin/mountinfo.h"
#include "plugin/table.h"

#define PREFIX "sbxfs:"

struct list {
	bool no_headers;
};

static const struct opt opts[] = {
	{ "no-headers", 0, OPT_BOOL, NULL, "rows alone", offsetof(struct list, no_headers) },
	{ NULL },
};

static const struct example examples[] = {
	{ "what is mounted where", "mounts" },
	{ NULL },
};

/* sbxfs:CONTEXT/NAMESPACE */
static const char *whose(const char *source)
{
	return strncmp(source, PREFIX, strlen(PREFIX)) ? source : source + strlen(PREFIX);
}

static int run(struct cli *cli, const void *settings)
{
	const struct list *l = settings;
	auto_mounts all = { 0 };
	struct table t;
	struct err err = { 0 };
	int rc;

	if (cli->words.count || cli->words.dashes)
		return cli_usage(cli, "mounts takes no arguments");
	rc = mounts_read(MOUNT_TYPE, &all, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	if (!all.count) {
		say("no mounts");
		return EXIT_DONE;
	}
	table_init(&t, 2);
	if (!l->no_headers) {
		table_add(&t, "DIR");
		table_add(&t, "SANDBOXES OF");
	}
	for (size_t i = 0; i < all.count; i++) {
		table_add(&t, all.at[i].dir);
		table_add(&t, whose(all.at[i].source));
	}
	table_print(&t, stdout, NULL);
	table_fini(&t);
	return cli_flush();
}

const struct verb verb_mounts = {
	.name = "mounts",
	.args = "[FLAGS]",
	.summary = "list the mounts of this machine",
	.about = "Lists where sandboxes are mounted on this machine, and whose.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct list),
	.run = run,
};
