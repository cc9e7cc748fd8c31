/*
 * What the parts of the daemon share. Made and taken down by daemon.c.
 */
#ifndef SBX_LOCAL_ENGINE_H
#define SBX_LOCAL_ENGINE_H

#include "plugin/local/store.h"

#define NODE_NAME "sbx-local"

struct engine {
	char *home;  /* the state folder */
	char *token; /* the bearer token that is asked for */
	struct store *store;
	struct pods *pods;
	struct pump *pump;
	struct server *server;
};

#endif
