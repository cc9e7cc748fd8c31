#include "plugin/kept.h"

int kept_check(const struct cli *cli, int min, int max)
{
	const char *verb = cli->verb->name;
	auto_ref ref = { 0 };
	struct err err = { 0 };
	uint32_t id;

	if (cli->words.dashes)
		return cli_usage(cli, "%s runs no command", verb);
	if (cli->words.count < 1 + min || cli->words.count > 1 + max)
		return cli_usage(cli, "usage: %s %s", verb, cli->verb->args);
	if (ref_parse(cli->words.at[0], "default", &ref, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	for (int i = 1; i < cli->words.count; i++)
		if (run_id_parse(cli->words.at[i], &id) < 0)
			return cli_usage(cli,
				"RUN is a number, as run -d and ps print it, not \"%.60s\"",
				cli->words.at[i]);
	return EXIT_DONE;
}

uint32_t kept_id(const struct cli *cli, int i)
{
	uint32_t id = 0;

	run_id_parse(cli->words.at[i], &id);
	return id;
}
