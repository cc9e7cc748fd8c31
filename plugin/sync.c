#include "common/remote/pack/job.h"
#include "plugin/copyopts.h"

struct sync {
	struct copy_opts o;
	bool delete, checksum, dry_run, verbose;
};

#define AT(member)     offsetof(struct sync, member)
#define OPT_AT(member) AT(o.member)

static const struct opt opts[] = {
	{ "delete", 0, OPT_BOOL, NULL, "what SRC does not have goes from DST, too", AT(delete) },
	{ "checksum", 0, OPT_BOOL, NULL, "compare contents, not sizes and times", AT(checksum) },
	{ "dry-run", 0, OPT_BOOL, NULL, "print what would be done, do nothing", AT(dry_run) },
	{ "verbose", 'v', OPT_BOOL, NULL, "print what is done", AT(verbose) },
	{ "exclude", 0, OPT_LIST, "PATTERN",
		"neither copied nor deleted; repeatable. A name at any\n"
		"depth (*.o), a path from SRC (build/out), a folder\n"
		"(node_modules/); * ? [] **",
		OPT_AT(excludes) },
	COPY_OPTS_KEEP(OPT_AT),
	COPY_OPTS_PARENTS(OPT_AT),
	COPY_OPTS_WAY(OPT_AT),
	{ NULL },
};

static const struct example examples[] = {
	{ "make /app what ./app is, after each change", "sync --delete app web:/app" },
	{ "see first what that would do", "sync --delete --dry-run app web:/app" },
	{ "the results that are new or have changed", "sync web:/app/results results" },
	{ "without what git does not know either",
		"sync --exclude .git/ --exclude node_modules/ . web:/app" },
	{ NULL },
};

static int run(struct cli *cli, const void *settings)
{
	const struct sync *s = settings;
	uint32_t flags = PACK_JOB_SYNC | (s->delete ? PACK_JOB_DELETE : 0) |
			 (s->checksum ? PACK_JOB_CHECKSUM : 0) | (s->dry_run ? PACK_JOB_DRY : 0) |
			 (s->verbose ? PACK_JOB_TELL : 0);

	if (cli->words.count != 2 || cli->words.dashes)
		return cli_usage(cli, "sync wants SRC DST");
	if (!strcmp(cli->words.at[0], "-") || !strcmp(cli->words.at[1], "-"))
		return cli_usage(cli, "sync compares two places: \"-\" is for cp");
	return copy_opts_run(cli, &s->o, flags);
}

const struct verb verb_sync = {
	.name = "sync",
	.args = "[FLAGS] SRC DST",
	.summary = "make a folder what another one is, here or there",
	.about = "Makes DST what SRC is: only what differs is copied. One of them, or both, are "
		 "NAME:PATH or NAMESPACE/POD:PATH. Of folders it is their contents that are "
		 "compared (as cp's SRC/.); a DST that is not there is made.\n"
		 "\n"
		 "A file is taken as the same when size and time of change are, to the nanosecond; "
		 "with --checksum when the contents are. Where the time on one side has no "
		 "fraction (with --agent sh the sandbox's tools may know whole seconds only), "
		 "whole seconds are compared. Nothing is deleted without --delete. Modes and times "
		 "are kept, links stay links; hard links become files of their own.\n"
		 "\n"
		 "The exit status is 0 only when the far side has said that everything is written; "
		 "a file that cannot be copied is named, the others are still done.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct sync),
	.run = run,
};
