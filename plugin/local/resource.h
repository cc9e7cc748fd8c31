/*
 * The kinds of object that are served: one table, read by discovery, by the
 * paths and by the store. All but pods, namespaces and events are only kept.
 */
#ifndef SBX_LOCAL_RESOURCE_H
#define SBX_LOCAL_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>

struct resource {
	const char *group; /* "" for the core group */
	const char *version;
	const char *plural;
	const char *kind;
	const char *short_name; /* or NULL */
	bool namespaced;
	bool fleeting; /* lives in memory only */
	bool custom;   /* only there while it is defined: custom.h */
};

const struct resource *resource_find(const char *group, const char *version, const char *plural);
const struct resource *resource_named(const char *plural); /* the first of that name, or NULL */
const struct resource *resource_nth(size_t i);             /* NULL past the end */

/* "v1" or "apps/v1", into ret. */
void resource_api_version(const struct resource *r, char ret[static 96]);

#endif
