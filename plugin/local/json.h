/*
 * Short ways through cJSON trees.
 *
 * A path is member names with dots between ("spec.restartPolicy"); names that
 * hold dots themselves are reached by cJSON_GetObjectItemCaseSensitive.
 * Nothing here fails on a missing member or one of another type: it is absent.
 */
#ifndef SBX_LOCAL_JSON_H
#define SBX_LOCAL_JSON_H

#include "common/base/buf.h"

#include <cjson/cJSON.h>

#define auto_json auto_with(json_free_at)
void json_free_at(cJSON **at);

cJSON *json_at(const cJSON *json, const char *path);        /* borrowed, or NULL */
const char *json_text(const cJSON *json, const char *path); /* borrowed, or NULL */
const char *json_text_or(const cJSON *json, const char *path, const char *otherwise);
int64_t json_int(const cJSON *json, const char *path, int64_t otherwise);
bool json_is_true(const cJSON *json, const char *path);

cJSON *json_object_at(cJSON *json, const char *name); /* the member, made if it is no object */
cJSON *json_array_at(cJSON *json, const char *name);
void json_put(cJSON *json, const char *name, cJSON *takes); /* replaces; NULL removes */
void json_put_text(cJSON *json, const char *name, const char *text);
void json_put_int(cJSON *json, const char *name, int64_t n);
void json_put_bool(cJSON *json, const char *name, bool yes);
void json_default(cJSON *json, const char *name, const char *text); /* when absent */
void json_put_now(cJSON *json, const char *name);                   /* RFC 3339, seconds */
void json_wall(char ret[static 32], int64_t wall_ms);

/* One whole JSON text of n bytes; trailing space is fine. -EBADMSG: not one. */
int json_parse(const char *text, size_t n, cJSON **ret);

/* A file of at most 4 MiB. open(2)'s errno, -EMSGSIZE, -EBADMSG. */
int json_load(const char *path, cJSON **ret);
int json_save(const char *path, const cJSON *json); /* mode 0600; io_replace_file's errno */

#endif
