#include "plugin/copyopts.h"

#include "common/remote/pack/job.h"
#include "plugin/copy.h"

int copy_opts_run(const struct cli *cli, const struct copy_opts *o, uint32_t flags)
{
	const struct copy_plan plan = { .cli = cli,
		.words = cli->words.at,
		.count = cli->words.count,
		.flags = flags | (o->owner ? PACK_JOB_OWNER : 0) | (o->setid ? PACK_JOB_SETID : 0) |
			 (o->parents ? PACK_JOB_PARENTS : 0),
		.excludes = o->excludes,
		.container = o->container,
		.agent_sh = o->agent && !strcmp(o->agent, "sh"),
		.quiet = o->quiet };

	if (o->agent && strcmp(o->agent, "sh") && strcmp(o->agent, "auto"))
		return cli_usage(cli, "--agent is sh or auto, not \"%.40s\"", o->agent);
	return copy_run(&plan);
}
