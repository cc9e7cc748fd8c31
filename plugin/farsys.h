/*
 * The far half of a copy where only agent.sh can be had: this program does it itself, in threads of its own, with
 * the sandbox's files by the requests of a session (pack_sys over remote.h). Slower by far, but the same.
 */
#ifndef SBX_PLUGIN_FARSYS_H
#define SBX_PLUGIN_FARSYS_H

#include "common/session/session.h"

struct far_agent;

/* Connects. spec is copied. */
int far_agent_open(const struct session_spec *spec, struct far_agent **ret, struct err *err);
int far_agent_fd(const struct far_agent *f); /* borrowed; speaks pack.h */
void far_agent_close(struct far_agent *f);   /* takes NULL */

#endif
