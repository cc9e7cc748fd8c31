/*
 * --sort-by=.metadata.creationTimestamp
 */
#ifndef SBX_PLUGIN_SORTBY_H
#define SBX_PLUGIN_SORTBY_H

#include "plugin/jsonpath.h"

/*
 * Puts the items of this array into order by what the path finds first in each: numbers and quantities
 * by size, other texts with the numbers in them by size (web-9 before web-10), what has none first;
 * equal ones stay as they were. -EINVAL: the path is wrong, or leads to what has no order. *ret_found
 * (may be NULL): how many have it.
 */
int sort_by(const char *path, cJSON *items, size_t *ret_found, struct err *err);

#endif
