/*
 * Putting an object together over one that a person gave: what is wished wins,
 * then what is there, then our defaults.
 */
#ifndef SBX_PLUGIN_PODJSON_H
#define SBX_PLUGIN_PODJSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* object's member name: an object or an array itself, made when it is not there. Borrowed. */
cJSON *pj_object(cJSON *object, const char *name);
cJSON *pj_array(cJSON *object, const char *name);

/* Sets it, in the place of what is there; takes value. */
void pj_put(cJSON *object, const char *name, cJSON *value);
void pj_put_str(cJSON *object, const char *name, const char *value);

/* There, and not null. */
bool pj_has(const cJSON *object, const char *name);

/* The wish, if any, else what is there, else otherwise (NULL: leaves it off). */
void pj_settle(cJSON *object, const char *name, const char *wish, const char *otherwise);
void pj_settle_bool(cJSON *object, const char *name, bool otherwise);

/* In an array of objects the one whose key is value; NULL. Borrowed. */
cJSON *pj_named(const cJSON *array, const char *key, const char *value);

/* Appends to array an object whose key is value, instead of those that are there; borrowed. */
cJSON *pj_named_anew(cJSON *array, const char *key, const char *value);

#endif
