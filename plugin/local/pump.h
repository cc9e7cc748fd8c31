/*
 * The thread that starts what exec asks for and moves its bytes.
 *
 * A process is started by `runc exec --detach`; this program is its reaper
 * (PR_SET_CHILD_SUBREAPER), so the exit status is first-hand. Output is read
 * only when the runtime has said that the start went well: until then the
 * runtime itself may write there.
 */
#ifndef SBX_LOCAL_PUMP_H
#define SBX_LOCAL_PUMP_H

#include "plugin/local/stream.h"

struct pump;

int pump_open(const char *home, struct pump **ret, struct err *err);
void pump_close(struct pump *p);

/* Begins the stream; takes a reference of its own. -EAGAIN: STREAMS_MAX run already. */
int pump_start(struct pump *p, struct stream *s);
void pump_kick(struct pump *p); /* there is input, or room, or an end */

#endif
