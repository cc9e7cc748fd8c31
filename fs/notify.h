/*
 * The notifier: the one thread that tells the kernel things unasked.
 *
 * A notification may wait inside the kernel for a lock that a request in
 * flight holds, so handlers and reader threads only queue here. It is also the
 * one clock of the daemon: it ends interrupted requests on stalled lines,
 * closes the sessions of boxes that nobody holds any more, and logs the
 * counters on SIGUSR1.
 */
#ifndef SBX_FS_NOTIFY_H
#define SBX_FS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct box;
struct fs;
struct fuse_pollhandle;
struct notifier;

int notifier_open(struct fs *fs, struct notifier **ret);
/* Before the session is destroyed. What is queued is done without telling the kernel. */
void notifier_close(struct notifier *n);
void notifier_mute(struct notifier *n); /* the mount is going: nothing more to the kernel */

/* All: any thread, any lock. */
void notify_attr(struct notifier *n, uint64_t ino); /* forget its attributes */
void notify_entry(struct notifier *n, uint64_t parent, const char *name); /* forget the name */
void notify_poll(struct notifier *n, struct fuse_pollhandle *ph);         /* takes ph */
/* Runs fn there, after everything queued before it was done. */
void notify_then(struct notifier *n, void (*fn)(void *arg), void *arg);
/* The box's last reference: closes its session, frees it. */
void notify_reap(struct notifier *n, struct box *b);

#endif
