/*
 * What the kernel calls: each makes an op and hands it to one of ops.h's by the kind of its node. Names and
 * what is asked of them are front.c's, with the table of all; what is done to an open file or folder is
 * fronthandle.c's. Nobody else includes this.
 */
#ifndef SBX_FS_FRONT_H
#define SBX_FS_FRONT_H

#include "fs/op.h"

/* The op; NULL: answered, for its node cannot be used; with inside: or is not inside fs/. */
struct op *front_begin(
	fuse_req_t req, const char *what, fuse_ino_t ino, const struct fuse_file_info *fi);
struct op *front_begin_inside(fuse_req_t req, const char *what, fuse_ino_t ino, const char *name);

/* The second node of rename, link and copy, op->other; false: answered. */
bool front_second(struct op *op, fuse_ino_t ino);

static inline struct fs *front_fs(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* fronthandle.c */
void front_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void front_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi);
void front_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void front_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
	struct fuse_file_info *fi);
void front_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void front_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void front_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void front_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void front_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void front_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void front_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void front_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void front_poll(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
void front_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
	struct fuse_file_info *fi);
void front_lseek(
	fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi);
void front_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t offset_in,
	struct fuse_file_info *fi_in, fuse_ino_t ino, off_t offset, struct fuse_file_info *fi,
	size_t length, int flags);

#endif
