/*
 * Typed, bounded reads from cJSON by path, and parsing with limits.
 *
 * A path is members with dots between, "[n]" for array items:
 * "status.containerStatuses[0].state.running". A missing member or one of
 * another type gives the default. Names with dots inside (labels) are taken
 * by json_member on their parent.
 */
#ifndef SBX_KUBE_JSON_H
#define SBX_KUBE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 100

/*
 * n bytes, the whole of them one value, at most JSON_DEPTH_MAX deep and some million values; else NULL.
 * A string ends at its first \u0000, as C strings do.
 */
cJSON *json_parse(const char *bytes, size_t n);

/* Of duplicate members the last one counts, as in Go. NULL as root is fine everywhere. */
const cJSON *json_at(const cJSON *root, const char *path); /* NULL when absent or null */
const cJSON *json_member(const cJSON *object, const char *name);
const char *json_str(const cJSON *root, const char *path, const char *otherwise); /* borrowed */
double json_num(const cJSON *root, const char *path, double otherwise);           /* finite */
int json_int(const cJSON *root, const char *path, int otherwise); /* cut to int's range */
bool json_bool(const cJSON *root, const char *path, bool otherwise);

/* One of a Kubernetes object's own; borrowed. */
const char *json_label(const cJSON *object, const char *name, const char *otherwise);
const char *json_annotation(const cJSON *object, const char *name, const char *otherwise);

/* Sets object.path (members made as needed, no "[n]") to value, which is taken; NULL removes it. */
void json_set(cJSON *object, const char *path, cJSON *value);
void json_set_str(cJSON *object, const char *path, const char *value);

#endif
