/*
 * The end of a terminal's programs when this side goes.
 *
 * A container runtime lets a process with a terminal live when its client has gone, for
 * ever (seen with containerd 1.7; runc's own terminals are hung up by whoever held the master). So a second, small
 * exec stands beside the terminal: when its standard input ends, for whatever reason (this process was
 * killed, the machine is off), it hangs up the first one's shell, and with that the terminal.
 */
#ifndef SBX_PLUGIN_HANGUP_H
#define SBX_PLUGIN_HANGUP_H

#include "common/kube/exec.h"

struct hangup;

/* Begins in a thread of its own; pid is the terminal's session leader in the container. Copies spec's
 * strings; net and target are borrowed. */
struct hangup *hangup_open(
	struct net *net, const struct kube_target *target, const struct exec_spec *where, int pid);

/* now: hangs up; else all has ended well and nothing is hung up. At most two seconds. Takes NULL. */
void hangup_close(struct hangup *h, bool now);

#endif
