/*
 * Values that a Pod takes from elsewhere: env valueFrom and envFrom, from its
 * own fields, ConfigMaps and Secrets.
 */
#ifndef SBX_LOCAL_PODENV_H
#define SBX_LOCAL_PODENV_H

#include "plugin/local/store.h"

/*
 * Replaces them in pod by plain values. -ENOENT, -ENOTSUP with a sentence and the container
 * (borrowed from pod): something is named that is not there, or of a kind that is not served.
 */
int podenv_resolve(struct store *st, cJSON *pod, const char **ret_container, struct err *err);

#endif
