/*
 * Names and paths as bytes. A name is one component; a path is components
 * with slashes between. Nothing here touches a file system.
 */
#ifndef SBX_BASE_PATH_H
#define SBX_BASE_PATH_H

#include "common/base/buf.h"

#define NAME_BYTES_MAX 255

/* One component: 1 to 255 bytes, no slash, no NUL, neither "." nor "..". */
bool path_name_ok(const char *name, size_t n);

/* Appends dir + "/" + name to ret, with one slash between ("/" + "a" is "/a"). */
void path_join(struct buf *ret, const char *dir, const char *name);

/* Makes path absolute against base and folds ".", ".." and "//"; ".." stops at the root. */
void path_clean(struct buf *ret, const char *base, const char *path);

/* The part behind the last slash; borrowed. "" for "/". */
const char *path_base(const char *path);

/*
 * A Kubernetes object name (RFC 1123 label): 1 to max bytes of a-z, 0-9 and '-',
 * neither first nor last a '-'.
 */
bool path_label_ok(const char *name, size_t max);

#endif
