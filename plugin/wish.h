/*
 * Checking what was wished for a new sandbox, before anything is built.
 */
#ifndef SBX_PLUGIN_WISH_H
#define SBX_PLUGIN_WISH_H

#include "plugin/pod.h"

/* -EINVAL and the sentence for the first wish that no cluster would take. */
int wish_check(const struct pod_wish *w, struct err *err);

#define WISH_CAPABILITY_MAX 40

/* "chown", "CAP_CHOWN" -> "CHOWN"; "default" as it is. */
int wish_capability(const char *text, char ret[static WISH_CAPABILITY_MAX + 1], struct err *err);

/* "UID" or "UID:GID" -> numbers; *ret_gid is -1 without one. */
int wish_user(const char *text, int64_t *ret_uid, int64_t *ret_gid, struct err *err);

#endif
