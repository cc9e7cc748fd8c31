/*
 * What tells a client which kinds there are: /version, /api, /apis, their
 * lists of resources, and as much OpenAPI as makes kubectl leave the checking
 * of fields to the server.
 */
#ifndef SBX_LOCAL_DISCOVERY_H
#define SBX_LOCAL_DISCOVERY_H

#include "plugin/local/store.h"

#define SERVED_VERSION "v1.32.0+sbx-local"

/* The document at path, or NULL when it is none of these. The caller's. */
cJSON *discovery_answer(struct store *st, const char *path);

#endif
