/*
 * The few calls of libfuse that fs/output.c and fs/input.c end in: they record
 * instead of telling a kernel. Link it before libfuse.
 */
#ifndef SBX_TESTS_LIB_FAKEFUSE_H
#define SBX_TESTS_LIB_FAKEFUSE_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "fs/op.h"

#include <semaphore.h>

struct fuse_req {
	_Atomic int answers; /* must become 1, once */
	int err;             /* positive */
	size_t n;
	char *bytes;
	fuse_interrupt_func_t interrupt;
	void *interrupt_data;
	struct fuse_ctx ctx;
};

struct fuse_pollhandle {
	sem_t told;
	_Atomic int destroyed;
};

struct fuse_req *fake_req(void);
void fake_req_free(struct fuse_req *r);
/* An op for it, of n bytes at offset. */
struct op *fake_op(struct fs *fs, struct fuse_req *r, uint64_t offset, size_t n);
void fake_signal(struct fuse_req *r); /* its process was signalled */

struct fuse_pollhandle *fake_poll(void); /* free() it */

/* The kernel shall forget attributes (offset -1) or pages (0) of ino; on the thread that tells. 0 or
 * negative; NULL: it has. */
extern int (*fake_forget)(fuse_ino_t ino, off_t offset);

/* A kernel that has forgotten attributes at once, and pages when those that it reads have come. */
extern struct fake_kernel {
	sem_t reads;      /* posted when the page that it is reading has come */
	atomic_int pages; /* how often it has forgotten pages; attributes alone */
	atomic_int attrs;
} fake_kernel;

void fake_kernel_init(void); /* from now on it is the one that forgets; nothing is counted yet */

void fake_post(void *sem); /* for notify_then and the like */

#endif
