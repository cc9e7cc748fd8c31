/*
 * A stream of files in bulk with a sandbox's static agent: a bare descriptor on which both sides speak
 * common/remote/pack/pack.h.
 */
#ifndef SBX_SESSION_LINE_H
#define SBX_SESSION_LINE_H

#include "common/session/session.h"

struct line;

/*
 * Connects, places the agent if it is not there yet, and asks for `pack`. Blocks until deadline_ms, or
 * until *stop (NULL, or atomically set: -ECANCELED). -ENOSYS: only agent.sh can be had there (err says why); else as
 * a session's opening fails. spec's agent_there is ignored.
 */
int line_open(const struct session_spec *spec, const volatile bool *stop, int64_t deadline_ms,
	struct line **ret, struct err *err);

int line_fd(const struct line *l); /* borrowed */

/* Ends the stream. Takes NULL. At most a second. */
void line_close(struct line *l);

#endif
