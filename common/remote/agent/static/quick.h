/*
 * What the loop's thread does itself, because it cannot have to wait: two switches of threads are
 * spared, which cost more than the work.
 *
 * Each gives what the worker's form gives, or QUICK_NOT: it might have to wait, a worker shall do it.
 * "Cannot have to wait" is known of file systems on this machine (not of the network, not of FUSE) for
 * names that the kernel has looked up before and pages that it holds. RWF_NOWAIT, which is meant for
 * this, overlayfs does not know.
 */
#ifndef SBX_AGENT_QUICK_H
#define SBX_AGENT_QUICK_H

#include "common/base/buf.h"

#include <pthread.h>

#define QUICK_NOT 1

struct job;

#define QUICK_DEVICES 64
#define QUICK_SPARES  4
#define QUICK_PATH    512

/* Pages of an open file that the kernel can be asked about. */
struct quick_view {
	void *at;
	size_t n;
};

/* What is known of devices: st_dev; until when; is it local? Any thread. */
struct quick {
	pthread_mutex_t lock;
	struct quick_device {
		uint64_t dev;
		int64_t until_ms;
		bool local;
	} devices[QUICK_DEVICES];
	bool no_lookups;                 /* the loop's: openat2(2) is not to be had */
	struct buf spares[QUICK_SPARES]; /* the loop's: memory of answers past */
	struct quick_folder { /* the loop's: the last one that was asked about, and is local */
		char path[QUICK_PATH];
		size_t n; /* 0: none */
		int64_t until_ms;
	} folder;
};

void quick_init(struct quick *q);

int quick_stat(struct job *j);
int quick_read(struct job *j);
int quick_zread(struct job *j);
int quick_fstat(struct job *j);
int quick_close(struct job *j);

/* On a worker: fd is of a device whose kind is not known any more, perhaps; is it local? */
bool quick_learn(struct quick *q, int fd, uint64_t dev);
/* Is the folder of this path known to be local? */
bool quick_place(struct quick *q, const char *path);
/* On a worker: learns of that folder. */
void quick_learn_place(struct quick *q, const char *path);
/* On a worker, of a name that was just found. */
void quick_learn_name(struct quick *q, const char *path, uint64_t dev);

/* Are the file's pages of [offset, offset + n) here, as far as it goes? size: the file's. */
bool quick_has(struct quick_view *v, int fd, uint64_t offset, uint64_t n, uint64_t size);
void quick_forget(struct quick_view *v);

/* Opens a file on this machine by what the kernel remembers; -ENOENT: remembered, too; or QUICK_NOT. */
int quick_lookup(struct quick *q, const char *path, int flags);

/* Memory for a job's content, and back. The loop's thread. */
void quick_lend(struct quick *q, struct job *j);
void quick_take_back(struct quick *q, struct job *j);

#endif
