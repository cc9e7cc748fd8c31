/*
 * A verb's settings from all that says something: defaults, then profiles,
 * then flags, and the files of --env-file.
 */
#ifndef SBX_PLUGIN_LAYERS_H
#define SBX_PLUGIN_LAYERS_H

#include "plugin/config.h"
#include "plugin/verb.h"
#include "plugin/wishopts.h"

struct layers {
	const struct verb *verb;
	void *settings;          /* of the verb; what it points to is in here or in argv */
	struct config config[2]; /* ours, the person's */
	char **lines;            /* of environment files */
	size_t line_count;
};

#define auto_layers struct layers auto_with(layers_fini)

/*
 * at: where struct wish_opts is in the verb's settings; said: as parsed from the flags alone. -EINVAL,
 * -ENOENT, -EMSGSIZE...: err says which file, line and word. layers_fini also after a failure.
 */
int layers_open(
	const struct cli *cli, const void *said, size_t at, struct layers *ret, struct err *err);
void layers_fini(struct layers *l);

/* The person's configuration file alone; empty where there is none. config_fini also after a failure. */
int layers_config(struct config *ret, struct err *err);

#endif
