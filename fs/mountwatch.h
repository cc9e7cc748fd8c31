/*
 * Whether the mount is still there for us.
 *
 * The kernel ends a FUSE connection with the last mount of it in any mount namespace: a container
 * engine that was starting while we were mounted may hold a copy for as long as its containers live.
 * So what counts is our own namespace (/proc/self/mountinfo, which tells poll of changes): no mount of
 * this file system is left in it, however it was moved, bound or covered. Programs that still have files
 * of it open, or work in it, after a lazy unmount, are waited for.
 */
#ifndef SBX_FS_MOUNTWATCH_H
#define SBX_FS_MOUNTWATCH_H

#include <stdbool.h>
#include <sys/types.h>

struct mountwatch;

struct mountwatch_calls {
	bool (*in_use)(void *arg); /* files of it are open */
	void (*gone)(void *arg);   /* told every tenth of a second, until it is closed */
	void *arg;
};

/* dev: of the file system, which is mounted. */
int mountwatch_open(dev_t dev, const struct mountwatch_calls *calls, struct mountwatch **ret);
void mountwatch_close(struct mountwatch *w);

#endif
