/*
 * The thread that makes Pods true: starts their shims, brings what these
 * report into the objects, ends them, and finds them again after a restart.
 */
#ifndef SBX_LOCAL_PODS_H
#define SBX_LOCAL_PODS_H

#include "plugin/local/engine.h"

struct pods;

/* on_log(arg): some container wrote to its log. Any thread may kick. */
int pods_open(
	struct engine *e, void (*on_log)(void *arg), void *arg, struct pods **ret, struct err *err);
void pods_close(struct pods *p); /* leaves the shims and their containers alone */
void pods_kick(struct pods *p);

#endif
