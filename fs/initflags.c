#include "fs/initflags.h"

#include "common/base/banned.h"
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARALLEL_DIROPS    (1u << 18)
#define HANDLE_KILLPRIV_V2 (1u << 28)

/* linux/fuse.h: fuse_out_header, and fuse_init_out as far as the flags. */
#define HEADER_BYTES 16
#define FLAGS_AT     12 /* behind major, minor, max_readahead */
#define MAJOR        7
#define UNIQUE_AT    8

/*
 * The INIT answer is the one that begins with major 7 and, as the kernel's
 * first request, has the lowest unique of all: 2 on every kernel since 4.20.
 * Anything else that looks so is left alone by the check of its size.
 */
static void patch(struct iovec *iov, int count)
{
	uint64_t unique;
	uint32_t major, flags;

	if (count < 2 || iov[0].iov_len != HEADER_BYTES || iov[1].iov_len < 24 ||
		iov[1].iov_len > 64)
		return;
	memcpy(&unique, (char *)iov[0].iov_base + UNIQUE_AT, sizeof(unique));
	memcpy(&major, iov[1].iov_base, sizeof(major));
	if (unique > 2 || major != MAJOR)
		return;
	memcpy(&flags, (char *)iov[1].iov_base + FLAGS_AT, sizeof(flags));
	flags |= PARALLEL_DIROPS | HANDLE_KILLPRIV_V2;
	memcpy((char *)iov[1].iov_base + FLAGS_AT, &flags, sizeof(flags));
}

static ssize_t hooked_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	patch(iov, count);
	return writev(fd, iov, count);
}

static ssize_t plain_read(int fd, void *bytes, size_t n, void *userdata)
{
	return read(fd, bytes, n);
}

int initflags_hook(struct fuse_session *se)
{
	static const struct fuse_custom_io io = { .writev = hooked_writev, .read = plain_read };

	return fuse_session_custom_io(se, &io, fuse_session_fd(se));
}
