/*
 * A Pod as it comes in: what is asked too much or too little, and the values
 * that Kubernetes would have filled in.
 */
#ifndef SBX_LOCAL_PODSPEC_H
#define SBX_LOCAL_PODSPEC_H

#include "plugin/local/json.h"

#define POD_CONTAINERS_MAX 16

/* NULL, or the Status (422) that names what is wrong. The caller's. */
cJSON *podspec_check(const cJSON *pod);

/* node NULL: on none, for the reason misfit. */
void podspec_defaults(cJSON *pod, const char *node, const char *misfit);

/* The container of that name (NULL or "": the only one), or NULL. Borrowed. */
const cJSON *podspec_container(const cJSON *pod, const char *name);

/* "1.5", "250m" -> 1500, 250 thousandths; "64Mi", "1G" -> bytes. -EINVAL. */
int quantity_parse_milli(const char *text, int64_t *ret);

#endif
