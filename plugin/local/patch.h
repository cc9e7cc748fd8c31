/*
 * Changes sent by PATCH: RFC 7386 merge patches, RFC 6902 operations, and
 * strategic merges, which here are merges whose lists of named things
 * (containers, volumes, env, ports, conditions...) are matched by their key.
 */
#ifndef SBX_LOCAL_PATCH_H
#define SBX_LOCAL_PATCH_H

#include "common/base/err.h"
#include "plugin/local/json.h"

#define PATCH_OPERATIONS 1000

void patch_merge(cJSON *target, const cJSON *patch);
void patch_strategic(cJSON *target, const cJSON *patch);

/* -EINVAL: not such a list, or an operation that cannot be done; -ESTALE: a test failed. */
int patch_operations(cJSON *target, const cJSON *list, struct err *err);

#endif
