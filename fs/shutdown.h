/*
 * The end: the mount goes at once, then sessions side by side, in bounded
 * time also when the cluster is dead.
 */
#ifndef SBX_FS_SHUTDOWN_H
#define SBX_FS_SHUTDOWN_H

#include "fs/fs.h"

#define SHUTDOWN_MS 3000

/* After the loop. True: all ended in time. Else some thread is stuck, and the process must exit. */
bool shutdown_all(struct fs *fs);

/* It never came to a mount. Gives 1, for main. */
int shutdown_failed(struct fs *fs);

#endif
