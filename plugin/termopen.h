/*
 * Reaching the far side of a terminal, in a thread of its own, so that the near side can be
 * interrupted meanwhile. The agent is asked first whether it gives terminals.
 */
#ifndef SBX_PLUGIN_TERMOPEN_H
#define SBX_PLUGIN_TERMOPEN_H

#include "plugin/termfar.h"

struct termopen;

/* Copies ask, but what it points to is borrowed; ask->stop is ignored. */
int termopen_open(const struct far_ask *ask, struct termopen **ret, struct err *err);

int termopen_fd(const struct termopen *o); /* readable when it is done */

/* Once done. */
int termopen_take(struct termopen *o, struct far **ret, struct err *err);

/* Ends it if it is not done, within a tenth of a second; closes what was not taken. Takes NULL. */
void termopen_close(struct termopen *o);

#endif
