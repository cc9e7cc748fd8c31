/*
 * What a template is made of; for the files of jsonpath.h alone.
 */
#ifndef SBX_PLUGIN_JSONPATHPRIV_H
#define SBX_PLUGIN_JSONPATHPRIV_H

#include "plugin/jsonpath.h"

enum path_kind {
	PATH_LIST,    /* parts: one after the other, each on what the one before has found */
	PATH_LITERAL, /* value */
	PATH_FIELD,   /* name */
	PATH_SLICE,   /* slice */
	PATH_FILTER,  /* parts: left, right (or none: it exists) */
	PATH_ANY,
	PATH_DESCENT,
	PATH_UNION, /* parts */
	PATH_RANGE,
	PATH_END,
};

enum path_compare { PATH_EXISTS, PATH_EQ, PATH_NE, PATH_LT, PATH_LE, PATH_GT, PATH_GE };

struct path_slice {
	bool known[3]; /* first, behind the last, step */
	int at[3];
	bool single; /* [n]: the second is made of the first */
};

struct path_node {
	enum path_kind kind;
	enum path_compare compare;
	char *name;
	cJSON *value;
	struct path_slice slice;
	struct path_node **parts;
	size_t count;
};

struct jsonpath {
	struct path_node *root; /* a list of texts and, for each {}, a list */
};

void path_node_free(struct path_node *n);

#endif
