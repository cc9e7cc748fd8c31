/*
 * Whole reads and writes, with a deadline where a peer is waited for: the only read loops in the tree.
 *
 * They work on blocking and non-blocking descriptors alike (poll first,
 * EINTR and EAGAIN retried until the deadline).
 */
#ifndef SBX_BASE_IO_H
#define SBX_BASE_IO_H

#include "common/base/buf.h"

/* Exactly n bytes. -EPIPE: the end came first; -ETIMEDOUT; else read(2)'s errno. */
int io_read_all(int fd, void *bytes, size_t n, int64_t deadline_ms);

/* At least one byte, at most n: the count; 0 at the end; -ETIMEDOUT; read(2)'s errno. */
ssize_t io_read_some(int fd, void *bytes, size_t n, int64_t deadline_ms);

/* All of it. Never raises SIGPIPE on sockets. -EPIPE, -ETIMEDOUT, write(2)'s errno. */
int io_write_all(int fd, const void *bytes, size_t n, int64_t deadline_ms);

/* All of it, to a file or to a pipe of one who may take his time: without a deadline. write(2)'s errno. */
int io_put_all(int fd, const void *bytes, size_t n);

/* A whole file into ret, to its ceiling. -EMSGSIZE past it; open(2)'s and read(2)'s errno. */
int io_read_file(const char *path, struct buf *ret);

/* Writes by temporary file, fsync and rename, so that no reader sees a half. mode as open(2). */
int io_replace_file(const char *path, const void *bytes, size_t n, unsigned mode);

int io_nonblock(int fd);            /* sets O_NONBLOCK; 0 or -errno */
int io_pair(int ret_fds[static 2]); /* a CLOEXEC stream socket pair; 0 or -errno */

#endif
