/*
 * Parts of pod.c: what a wish means in a Pod's spec. All wishes have been checked (wish.h).
 */
#ifndef SBX_PLUGIN_PODPARTS_H
#define SBX_PLUGIN_PODPARTS_H

#include "plugin/pod.h"

/* When it ends, as its annotations say; of a patch, too. */
void pod_life(const struct pod_wish *w, cJSON *pod);

/* Who it is and what it may do. */
void pod_secure(const struct pod_wish *w, cJSON *spec, cJSON *container);

/* Its volumes, and what a read-only one must be able to write. */
void pod_volumes(const struct pod_wish *w, cJSON *spec, cJSON *container);

/* Where it runs, and how its image comes there. */
void pod_place(const struct pod_wish *w, cJSON *spec);

/*
 * "KIND:NAME:DIR[:OPTION]" -> its parts, malloc'ed; name is NULL for an emptyDir, option when there is none.
 * -EINVAL: err says how it is written.
 */
struct volume_words {
	const char *kind; /* static: "emptyDir", "persistentVolumeClaim", "configMap", "secret",
			     "hostPath" */
	char *name, *dir, *option;
};
int volume_parse(const char *text, struct volume_words *ret, struct err *err);
void volume_fini(struct volume_words *v);

/* "KEY[=VALUE][:EFFECT]", "*" for every taint -> a toleration, the caller's. */
int toleration_parse(const char *text, cJSON **ret, struct err *err);

#endif
