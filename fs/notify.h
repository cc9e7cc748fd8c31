/*
 * The notifier: tells the kernel things unasked.
 *
 * A notification may wait inside the kernel for a lock that a request in
 * flight holds, so handlers and reader threads only queue here. Those that may wait long (names,
 * pages) are told box by box, in order, each box's by a thread of its own while there are any: a box
 * that answers nothing keeps its own names and pages waiting, and no other's. It is also the one clock
 * of the daemon: it ends interrupted requests on stalled lines, asks the outputs that wait for room, and
 * logs the counters on SIGUSR1.
 */
#ifndef SBX_FS_NOTIFY_H
#define SBX_FS_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct box;
struct fs;
struct fuse_pollhandle;
struct notifier;

int notifier_open(struct fs *fs, struct notifier **ret);
/* Before the session is destroyed. What is queued is done without telling the kernel. */
void notifier_close(struct notifier *n);
void notifier_mute(struct notifier *n); /* the mount is going: nothing more to the kernel */

/* All: any thread, any lock. b: whose it is, not kept; NULL: it is in a folder above the sandboxes. */
void notify_attr(struct notifier *n, uint64_t ino); /* forget its attributes */
/* Forget the name. */
void notify_entry(struct notifier *n, const struct box *b, uint64_t parent, const char *name);
/* Look it up again before it is used: unlike the above, it stays who stands in it. fs->can_expire */
void notify_expire(struct notifier *n, const struct box *b, uint64_t parent, const char *name);
/* Forget its attributes and its content. */
void notify_pages(struct notifier *n, const struct box *b, uint64_t ino);
void notify_poll(struct notifier *n, struct fuse_pollhandle *ph); /* takes ph */
/* Runs fn there, after everything queued before it was done, but for names and pages. */
void notify_then(struct notifier *n, void (*fn)(void *arg), void *arg);
/* The same, and after all names and pages of b; never what an operation that holds a folder waits for. */
void notify_last(struct notifier *n, const struct box *b, void (*fn)(void *arg), void *arg);
/* As notify_then, but not before delay_ms have passed; when the notifier ends, at once. */
void notify_later(struct notifier *n, int delay_ms, void (*fn)(void *arg), void *arg);
/* How many names and pages of b are still to be told. */
size_t notify_left(struct notifier *n, const struct box *b);
/* The box's last reference: it is the reaper's now. */
void notify_reap(struct notifier *n, struct box *b);

#endif
