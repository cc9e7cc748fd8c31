#include "plugin/removal.h"

#include "common/base/path.h"
#include "plugin/interrupt.h"

const struct removal_settings removal_defaults = { .wait = true };

static int check(const struct cli *cli, const struct removal *r)
{
	if (!cli->words.count || cli->words.dashes)
		return cli_usage(cli, "%s rm wants a NAME, or several", r->what);
	for (int i = 0; i < cli->words.count; i++)
		if (!path_label_ok(cli->words.at[i], r->name_max))
			return cli_usage(
				cli, "\"%.80s\" cannot be a %s's name", cli->words.at[i], r->what);
	return EXIT_DONE;
}

int removal_run(struct cli *cli, const struct removal *r, const struct removal_settings *settings)
{
	auto_kube k = NULL;
	struct err err = { 0 };
	int status = check(cli, r), rc;

	if (status != EXIT_DONE)
		return status;
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	interrupt_watch();
	for (int i = 0; i < cli->words.count; i++) {
		struct err why = { 0 };

		rc = r->remove(k, cli->words.at[i], settings->wait, &why);
		if (rc >= 0)
			continue;
		err_wrap(&why, rc, "cannot remove %s %s", r->what, cli->words.at[i]);
		status = cli_failed(&why, rc);
	}
	rc = cli_flush();
	return status ? status : rc;
}
