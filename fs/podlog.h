/*
 * The container's log as one reader follows it, or the Pod's events as they are now: a thread that asks
 * the API server and an output that is read. One for each open handle, at most
 * PODLOG_MAX in the mount.
 */
#ifndef SBX_FS_PODLOG_H
#define SBX_FS_PODLOG_H

#include "fs/output.h"

#define PODLOG_MAX       16
#define PODLOG_BYTES_MAX (4u * 1024 * 1024) /* held ahead of the reader */

struct box;
struct podlog;

/* -EMFILE: too many are open. */
int podlog_open(struct box *b, bool events, struct podlog **ret);
struct output *podlog_output(struct podlog *l);
void podlog_more(struct podlog *l);  /* the reader has gone on: there may be room */
void podlog_close(struct podlog *l); /* takes NULL; does not wait for the thread */

#endif
