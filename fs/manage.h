/*
 * mkdir NAME and rmdir NAME where sandboxes are folders: with --manage they create one and destroy it.
 *
 * That is kubectl-sbx's work, so it is called: with the cluster's flags as this mount got them, and with
 * whatever defaults its user has there. One thread for each, at most MANAGE_MAX; a signal to whoever
 * waits ends the program, which then takes back what it has made. Only the mount's owner and root may.
 */
#ifndef SBX_FS_MANAGE_H
#define SBX_FS_MANAGE_H

#include "fs/op.h"

#define MANAGE_MAX 16

/* Before there are threads, and before the daemon leaves the folder that it was started in: kubeconfigs may be
 * relative to it. */
void manage_open(struct fs *fs);

/*
 * op->name in op->node, the root or a namespace. Errnos: EPERM (not with --manage, not the owner, a
 * namespace or a Pod that is no sandbox), EAGAIN (too many at once), EINTR, and kubectl-sbx's own; its
 * sentence goes to the log.
 */
void manage_mkdir(struct op *op);
void manage_rmdir(struct op *op);

#endif
