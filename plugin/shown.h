/*
 * Which mount of this user shows a sandbox, so that its stream can be used
 * instead of a new one.
 *
 * A mount may be dead and its daemon stopped: what is first touched of one is
 * touched by a child, which is waited for SHOWN_WAIT_MS and then left alone.
 */
#ifndef SBX_PLUGIN_SHOWN_H
#define SBX_PLUGIN_SHOWN_H

#include "common/kube/target.h"
#include "plugin/mountinfo.h"
#include "plugin/ref.h"

#include <stdbool.h>

#define SHOWN_WAIT_MS 1000

/* What a mount says of itself. */
struct shown_mark {
	char *ns;   /* malloc'ed; NULL: it shows all of them */
	bool plain; /* no container was chosen: each folder is that of the Pod's own one */
};

/*
 * ret_dirs[i]: the folder of refs[i] in a mount, malloc'ed; or NULL: none shows it, or it has several
 * containers (a mount may have been told another one). Nothing else can fail.
 */
void shown_find(const struct kube_target *t, const struct ref *refs, size_t count, char **ret_dirs);

/* The mounts of this user that may show one of refs, the newest first. None is touched. */
void shown_where(const struct ref *refs, size_t count, struct mounts *ret);

/* The folder of r in the mount at dir, as above. This touches it: for a process that may hang. */
char *shown_in(const char *dir, const struct kube_target *t, const struct ref *r);

/* Is text, what a mount's .sbx holds, of the same server and user? Then ret is filled. */
bool shown_fits(const char *text, size_t n, const struct kube_target *t, struct shown_mark *ret);

#endif
