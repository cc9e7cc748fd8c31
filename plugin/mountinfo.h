/*
 * Our mounts among all.
 */
#ifndef SBX_PLUGIN_MOUNTINFO_H
#define SBX_PLUGIN_MOUNTINFO_H

#include "common/base/mountinfo.h"

#define MOUNT_TYPE "fuse.sbx" /* fs/mount.h; the source is sbxfs:CONTEXT/NAMESPACE */

#endif
