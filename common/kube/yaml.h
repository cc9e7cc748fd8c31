/*
 * YAML to and from the JSON tree that the rest of the tree works with.
 *
 * What a plain scalar means is what kubectl's own parser makes of it (YAML
 * 1.1 with some of 1.2: yes, on and y are booleans, 0777 and 0o777 octal,
 * times and 1:30 text); found out by asking kubectl. JSON is YAML.
 */
#ifndef SBX_KUBE_YAML_H
#define SBX_KUBE_YAML_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <cjson/cJSON.h>

#define YAML_BYTES_MAX  (16 * 1024 * 1024)
#define YAML_DEPTH_MAX  100
#define YAML_NODES_MAX  200000             /* after aliases are expanded */
#define YAML_TEXT_MAX   (64 * 1024 * 1024) /* bytes of scalars after aliases are expanded */
#define YAML_ANCHOR_MAX 1000

/*
 * The first document of n bytes; the caller's (cJSON_Delete). A JSON null when there is none. Later
 * documents are not looked at. Aliases are copied, "<<" is merged, of duplicate keys the last one
 * wins; a BOM and CRLF are fine. Keys are text as written.
 *
 * Numbers and booleans keep the text as written in valuestring, so that a reader may take 0123 or
 * yes as text after all (yaml_text).
 *
 * -EINVAL not YAML, an alias inside its own anchor, a NUL in a scalar (err names the line)
 * -EMSGSIZE over one of the limits above
 */
int yaml_parse(const char *bytes, size_t n, cJSON **ret, struct err *err);

/* The text of a string, number or boolean; NULL for all else. Borrowed. */
const char *yaml_text(const cJSON *item);

/* A plain scalar's value, as above; keeps its text. */
cJSON *yaml_scalar(const char *text);

/*
 * Appends item in block style as kubectl's -o yaml does: keys sorted, strings quoted when they
 * would read as something else, several lines as a literal block. yaml_parse gives the same tree
 * back. -EMSGSIZE: ret is full.
 */
int yaml_print(const cJSON *item, struct buf *ret);

#endif
