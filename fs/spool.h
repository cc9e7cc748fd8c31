/*
 * Bytes kept for reading at any offset: in memory to SPOOL_MEMORY_MAX, then
 * in an unlinked file in TMPDIR. What everybody has read may be forgotten.
 * Not thread-safe: the owner's lock.
 */
#ifndef SBX_FS_SPOOL_H
#define SBX_FS_SPOOL_H

#include "common/base/buf.h"

#define SPOOL_MEMORY_MAX (1024 * 1024)

struct spool {
	struct buf mem; /* while fd < 0 */
	int fd;
	uint64_t start; /* what is before it was forgotten */
	uint64_t len;   /* the end: all bytes that ever came */
};

void spool_init(struct spool *s);
void spool_fini(struct spool *s);

/* 0, or negative errno: no room in the file's folder. Nothing is added then. */
int spool_add(struct spool *s, const void *bytes, size_t n);

/* At most n bytes from offset: the count, 0 at the end; -EIO: forgotten, or the file fails. */
ssize_t spool_read(struct spool *s, uint64_t offset, void *ret, size_t n);

/* Bytes before upto will not be asked for again. Only a spool in a file gives anything back. */
void spool_forget(struct spool *s, uint64_t upto);

#endif
