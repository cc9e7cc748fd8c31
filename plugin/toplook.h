/*
 * What the mounts of this user count, as they say it themselves: .sbx of each, and status of each sandbox in it.
 *
 * A mount's daemon may be stopped: each is looked at by a child, which is left alone after TOPLOOK_MS.
 */
#ifndef SBX_PLUGIN_TOPLOOK_H
#define SBX_PLUGIN_TOPLOOK_H

#include "common/base/err.h"

#include <cjson/cJSON.h>

#define TOPLOOK_MS 2000

/*
 * names: NAME or NAMESPACE/NAME, those alone; count 0: all. *ret is the caller's:
 * {"mounts":[{"dir","namespace","server","pid","version","ops","requests","cache_bytes","spool_bytes",
 * "sandboxes":[{"name","namespace","sandbox","connected","agent","ops","runs_now","requests","timed_out",
 * "waiting","median_us","bytes_out","bytes_in","runs","reconnects"}]}]}, or of a mount that does not answer
 * {"dir","error"}.
 */
int toplook(char *const *names, size_t count, cJSON **ret, struct err *err);

/* One sandbox's part of it, from its status; takes NULL. The caller's. For tests. */
cJSON *toplook_status(const char *text, size_t n, const char *ns, const char *name);

#endif
