/*
 * Bytes kept for reading at any offset: in memory to SPOOL_MEMORY_MAX, then
 * in an unlinked file in TMPDIR. What is not needed any more can be forgotten.
 *
 * While the file takes nothing (no room, no folder) what comes stays in memory, to SPOOL_SLACK
 * more: rc says so, and whoever lets bytes come must let no more come until spool_flush is 0.
 *
 * Not thread-safe: the owner's lock.
 */
#ifndef SBX_FS_SPOOL_H
#define SBX_FS_SPOOL_H

#include "common/base/buf.h"

#define SPOOL_MEMORY_MAX (1024 * 1024)
#define SPOOL_SLACK      (1024 * 1024)

struct spool {
	int fd;         /* -1: no file yet */
	struct buf mem; /* from mem_at to len; the file has what is before */
	uint64_t start; /* what is before it was forgotten */
	uint64_t mem_at;
	uint64_t len; /* the end: all bytes that ever came */
	int rc;       /* 0, or why the file takes nothing: -ENOSPC, or open(2)'s and pwrite(2)'s */
};

void spool_init(struct spool *s);
void spool_fini(struct spool *s);

/* 0, also while the file takes nothing; -ENOBUFS past the slack: nothing is added then. */
int spool_add(struct spool *s, const void *bytes, size_t n);

/* Tries the file again, when it is needed. What rc is then. */
int spool_flush(struct spool *s);

/* At most n bytes from offset: the count, 0 at the end; -ENODATA: forgotten; -EIO: the file fails.
 */
ssize_t spool_read(struct spool *s, uint64_t offset, void *ret, size_t n);

/*
 * Bytes before upto will not be asked for again. Returns how many were given back: none when the
 * file system cannot punch holes.
 */
uint64_t spool_forget(struct spool *s, uint64_t upto);

/* All bytes go, and the file with them. */
void spool_forget_all(struct spool *s);

#endif
