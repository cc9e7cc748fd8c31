/*
 * A watch as a body that goes on: one JSON object a line.
 */
#ifndef SBX_LOCAL_WATCH_H
#define SBX_LOCAL_WATCH_H

#include "plugin/local/call.h"
#include "plugin/local/select.h"
#include "plugin/local/store.h"

struct watch_options {
	const struct resource *resource;
	const char *ns;        /* borrowed; "" is all */
	struct select *labels; /* taken */
	struct select *fields; /* taken */
	bool has_rv;
	uint64_t rv; /* start behind this one; else with the state as ADDED */
	bool bookmarks;
	bool initial_end; /* a bookmark that says where the state ended (sendInitialEvents) */
	bool table;
	const char *include; /* borrowed; table rows' objects */
	int timeout_s;
};

/* -ESTALE: changes behind rv are no longer known. Takes the selectors, also on failure. */
int watch_open(struct store *st, const struct watch_options *o, struct source **ret);

#endif
