/*
 * Objects as the tables that kubectl prints (meta.k8s.io/v1 Table).
 */
#ifndef SBX_LOCAL_TABLE_H
#define SBX_LOCAL_TABLE_H

#include "plugin/local/store.h"

/* include: "None", "Metadata" (the default, also for NULL) or "Object", for each row. */
cJSON *table_make(const struct resource *r, struct snap *const *snaps, size_t n, uint64_t rv,
	const char *include);

/* The word in kubectl's STATUS column. */
void table_pod_status(const cJSON *pod, char *ret, size_t n);

#endif
