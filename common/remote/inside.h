/*
 * What remote.c and run.c share. Nobody else includes this.
 */
#ifndef SBX_REMOTE_INSIDE_H
#define SBX_REMOTE_INSIDE_H

#include "common/remote/info.h"
#include "common/remote/mux.h"

struct remote {
	struct mux *mux;
	struct info info; /* constant once open */
	remote_changed *changed;
	void *changed_arg;
};

#endif
