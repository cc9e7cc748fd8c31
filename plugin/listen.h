/*
 * Where `forward` listens on this machine.
 */
#ifndef SBX_PLUGIN_LISTEN_H
#define SBX_PLUGIN_LISTEN_H

#include "plugin/hub.h"
#include "plugin/ports.h"

struct listener {
	struct hub_watch watch;
	struct port port; /* here: the one that it is */
	char shown[64];   /* "127.0.0.1:8080" */
	void *owner;      /* the user's */
};

struct listeners {
	struct listener *at;
	size_t count;
};

/*
 * All ports on all addresses, a list with commas: numbers, or "localhost", which is 127.0.0.1 and, where
 * this machine has it, ::1. -EINVAL: no address; else errno of bind(2), with a sentence. listeners_fini
 * also after a failure.
 */
int listeners_open(struct listeners *ls, const char *addresses, const struct port *ports,
	size_t count, struct err *err);
void listeners_fini(struct listeners *ls);

#endif
