/*
 * Custom resources, of which the table has some: they are served while their CustomResourceDefinition is
 * stored. Their schemas are not looked at.
 */
#ifndef SBX_LOCAL_CUSTOM_H
#define SBX_LOCAL_CUSTOM_H

#include "plugin/local/store.h"

/* Is it served now? True of all that are not custom. */
bool custom_served(struct store *st, const struct resource *r);

/* The refusal of a definition of what the table does not have, or NULL. The caller's. */
cJSON *custom_check(const cJSON *definition);

/* Deletes all objects of the definition of that name, which has gone. */
void custom_drop(struct store *st, const char *name);

#endif
