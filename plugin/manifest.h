/*
 * A Pod's manifest from a file, YAML or JSON.
 */
#ifndef SBX_PLUGIN_MANIFEST_H
#define SBX_PLUGIN_MANIFEST_H

#include "common/base/err.h"

#include <cjson/cJSON.h>

#define MANIFEST_MAX (1024 * 1024)

/* path "-": standard input. -EMSGSIZE past MANIFEST_MAX, -EINVAL no YAML, open(2)'s errno. */
int manifest_read(const char *path, cJSON **ret, struct err *err);

#endif
