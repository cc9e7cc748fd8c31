/*
 * agent-sandbox's objects, listed: as sandboxes among others, or as what they are.
 */
#ifndef SBX_PLUGIN_VIALS_H
#define SBX_PLUGIN_VIALS_H

#include "plugin/show.h"
#include "plugin/via.h"

/*
 * Appends to items, an array of Pods, those of all Sandboxes and claims but the spares of warm pools, each
 * with "via" (via_mark). In the place of one that has no Pod stands a Pod made up from its object (via_name
 * and why); with documents the object itself. ns: NULL for all. What cannot be listed is not there.
 */
void via_add_pods(struct via *v, const char *ns, bool documents, cJSON *items);

/* The objects of all four kinds as a table, or (SHOW_NAME) as KIND/NAME. How many there are, or negative. */
int via_print_objects(struct via *v, const char *ns, const struct show *show, struct err *err);

#endif
