/*
 * How long an object of ours lives: what it says of itself in annotations, and whether that is over.
 * Pure.
 *
 * Times are RFC 3339 in UTC, so that they also compare as text (gc --install's script does).
 */
#ifndef SBX_PLUGIN_LIFETIME_H
#define SBX_PLUGIN_LIFETIME_H

#include "plugin/pod.h"

#include <stdbool.h>
#include <stdint.h>

/* How whoever makes something of several steps says when it will have given up; gone when it is done. */
#define ANNOTATION_UNFINISHED "kubectl-sbx/unfinished-until"
#define LABEL_POOL            "kubectl-sbx/pool"   /* of a spare: its pool's name */
#define LABEL_TENANT          "kubectl-sbx/tenant" /* of a tenant's namespace and all in it */

#define LIFE_REQUEST_LETTERS 16          /* of ANNOTATION_REQUEST */
#define LIFE_SLACK_MS        (15 * 1000) /* between giving up and being called left behind */
#define LIFE_HARD_MS         (24 * 3600 * 1000LL) /* --max-ttl, when --ttl is not longer */

/* Since 1970; 0: not said. */
struct life {
	int64_t created_ms;
	int64_t expires_ms;
	int64_t idle_until_ms;
	int64_t unfinished_ms; /* a creation that has not ended by then never will */
	int64_t hard_ms;       /* a Pod: the kubelet stops it then, by activeDeadlineSeconds */
	bool self_ending;      /* a Pod: its own process 1 ends it at expires_ms */
};

void life_read(const cJSON *object, struct life *ret);

/*
 * Was it made by kubectl-sbx? Only what carries our request's letters is; a Pod must also be a sandbox
 * under its own name (the labels), or a pool's spare. Labels alone prove nothing: others set them too.
 */
bool life_is_ours(const cJSON *object, bool pod);

bool life_is_spare(const cJSON *pod); /* of a pool, not taken */

/*
 * Is it over, for older_ms at least? true: ret says why ("expired 5m ago").
 */
bool life_is_over(const struct life *l, int64_t now_ms, int64_t older_ms, char ret[static 80]);

/*
 * May a Pod live ttl_ms from now (0: without end)? -EPERM: its kubelet would not let it; err says until
 * when it does.
 */
int life_extend(const struct life *l, int64_t now_ms, int64_t ttl_ms, struct err *err);

/* A merge patch of one annotation; value NULL removes it. The caller's. */
cJSON *life_patch(const char *annotation, const char *value);

/* A merge patch that moves all times that are said of object, or NULL: there are none. The caller's. */
cJSON *life_moved(const cJSON *object, int64_t by_ms);

/* Random letters for ANNOTATION_REQUEST. */
void life_request(char ret[static LIFE_REQUEST_LETTERS + 1]);

#endif
