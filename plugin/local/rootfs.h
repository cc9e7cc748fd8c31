/*
 * A container's root file system: an overlay of its image's layers, mounted
 * in the shim's own mount namespace, so that none is left when the shim ends.
 */
#ifndef SBX_LOCAL_ROOTFS_H
#define SBX_LOCAL_ROOTFS_H

#include "plugin/local/image.h"

/* Mounts at <dir>/root; what is written goes to <dir>/upper*. Begins anew each time. */
int rootfs_mount(const cJSON *image, const char *image_folder, const char *dir, struct err *err);
void rootfs_unmount(const char *dir);

/*
 * "uid", "uid:gid", "name", "name:group" by the root's own passwd and group, links staying inside.
 * -ENOENT: no such user.
 */
int rootfs_user(
	const char *root, const char *user, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err);

#endif
