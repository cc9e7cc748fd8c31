#include "common/remote/pack/job.h"
#include "plugin/copyopts.h"

struct cp {
	struct copy_opts o;
	bool follow;
};

#define AT(member) offsetof(struct cp, o.member)

static const struct opt opts[] = {
	COPY_OPTS_KEEP(AT),
	{ "follow", 'H', OPT_BOOL, NULL, "of a SRC that is a link, what it leads to",
		offsetof(struct cp, follow) },
	COPY_OPTS_PARENTS(AT),
	{ "exclude", 0, OPT_LIST, "PATTERN",
		"leave out; repeatable. A name at any depth (*.o), a\n"
		"path from SRC (build/out), a folder (node_modules/);\n"
		"* ? [] **",
		AT(excludes) },
	COPY_OPTS_WAY(AT),
	{ NULL },
};

static const struct example examples[] = {
	{ "a folder into a sandbox: /app/src is a copy of it", "cp src web:/app" },
	{ "what is in it, not the folder itself", "cp src/. web:/app" },
	{ "a result back; another sandbox works, too", "cp web:/app/out.tar.gz ." },
	{ "from sandbox to sandbox, by way of this machine", "cp web:/data team-b/db:/data" },
	{ "without what can be made again",
		"cp --exclude node_modules/ --exclude '*.o' app web:/" },
	{ "standard input and output", "cp web:/var/log/app.log - | less" },
	{ NULL },
};

static int run(struct cli *cli, const void *settings)
{
	const struct cp *c = settings;

	if (cli->words.count < 2 || cli->words.dashes)
		return cli_usage(cli, "cp wants SRC... DST");
	return copy_opts_run(cli, &c->o, c->follow ? PACK_JOB_FOLLOW : 0);
}

const struct verb verb_cp = {
	.name = "cp",
	.args = "[FLAGS] SRC... DST",
	.summary = "copy files and folders to, from or between sandboxes",
	.about = "Copies files and whole folders. SRC and DST are NAME:PATH or NAMESPACE/POD:PATH "
		 "in a sandbox, or a path here; a path that does not begin with / is taken from "
		 "the container's working folder. \"-\" is standard input or output.\n"
		 "\n"
		 "As with cp -r, a DST that is a folder is gone into, else it is the copy's name. "
		 "Links stay links, hard links among what is copied too; modes, times and holes "
		 "are kept, owners and set-id bits only when asked for; a folder that is there "
		 "already keeps its mode. Devices and sockets are left out, which is said. Nothing "
		 "is written through a link that lies in DST.\n"
		 "\n"
		 "A file is there under its name when it is whole. When the stream is lost it goes "
		 "on by itself; when the command was broken off, the same command goes on with a "
		 "large file where it was (.NAME.sbx-part-... beside it). The exit status is 0 "
		 "only when the far side has said that everything is written. A file that cannot "
		 "be copied is named, the others are still done, and the exit status is 1. The "
		 "image needs no tar.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct cp),
	.run = run,
};
