/*
 * kubectl's global flags, handed on to sbxfs.
 *
 * Credentials never stand on a command line that we write: given by flag
 * (--token, --username, --password), they travel in a kubeconfig of their own,
 * in memory, on an inherited descriptor.
 */
#ifndef SBX_PLUGIN_FORWARD_H
#define SBX_PLUGIN_FORWARD_H

#include "plugin/cli.h"
#include "plugin/program.h"

/*
 * Appends the flags. *ret_fd: the descriptor that must be inherited (not CLOEXEC), or -1; the
 * caller's. t: what the flags come down to.
 */
int forward_flags(const struct kube_flags *f, const struct kube_target *t, struct args *ret,
	int *ret_fd, struct err *err);

#endif
