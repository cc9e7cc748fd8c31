#include "common/remote/agent/static/put.h"

#include <errno.h>

static void digits(struct buf *b, uint64_t v, unsigned base)
{
	char text[24];
	size_t at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	buf_add(b, text + at, sizeof(text) - at);
}

void put_u64(struct buf *b, uint64_t v)
{
	digits(b, v, 10);
}

void put_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_char(b, '-');
	digits(b, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
}

void put_hex(struct buf *b, uint64_t v)
{
	digits(b, v, 16);
}

void put_nine(struct buf *b, uint32_t v)
{
	char text[9];

	for (int i = 8; i >= 0; i--, v /= 10)
		text[i] = (char)('0' + v % 10);
	buf_add(b, text, sizeof(text));
}

void put_words(struct buf *b, const uint64_t *v, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_char(b, ' ');
		put_u64(b, v[i]);
	}
}

#define NAME(e)                                                                                    \
	{                                                                                          \
		e, #e                                                                              \
	}

const char *put_errno(int rc)
{
	static const struct {
		int code;
		char name[16];
	} names[] = { NAME(EPERM), NAME(ENOENT), NAME(ESRCH), NAME(EINTR), NAME(EIO), NAME(ENXIO),
		NAME(E2BIG), NAME(ENOEXEC), NAME(EBADF), NAME(ECHILD), NAME(EAGAIN), NAME(ENOMEM),
		NAME(EACCES), NAME(EFAULT), NAME(EBUSY), NAME(EEXIST), NAME(EXDEV), NAME(ENODEV),
		NAME(ENOTDIR), NAME(EISDIR), NAME(EINVAL), NAME(ENFILE), NAME(EMFILE), NAME(ENOTTY),
		NAME(ETXTBSY), NAME(EFBIG), NAME(ENOSPC), NAME(ESPIPE), NAME(EROFS), NAME(EMLINK),
		NAME(EPIPE), NAME(EDOM), NAME(ERANGE), NAME(EDEADLK), NAME(ENAMETOOLONG),
		NAME(ENOLCK), NAME(ENOSYS), NAME(ENOTEMPTY), NAME(ELOOP), NAME(ENODATA),
		NAME(EREMOTE), NAME(EOVERFLOW), NAME(EILSEQ), NAME(EUSERS), NAME(EOPNOTSUPP),
		NAME(EADDRINUSE), NAME(ETIMEDOUT), NAME(ECONNREFUSED), NAME(EHOSTDOWN),
		NAME(ECONNRESET), NAME(ENETUNREACH), NAME(EADDRNOTAVAIL), NAME(EAFNOSUPPORT),
		NAME(EHOSTUNREACH), NAME(EALREADY), NAME(EINPROGRESS), NAME(ESTALE), NAME(EUCLEAN),
		NAME(EREMOTEIO), NAME(EDQUOT), NAME(ENOMEDIUM), NAME(EMEDIUMTYPE), NAME(ECANCELED),
		NAME(ENOKEY), NAME(EKEYEXPIRED), NAME(EKEYREVOKED) };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].code == -rc)
			return names[i].name;
	}
	return "EIO";
}

void put_complaint(struct buf *b, const char *what, const char *why)
{
	buf_str(b, "sh: ");
	buf_str(b, what);
	buf_str(b, ": ");
	buf_str(b, why);
	buf_char(b, '\n');
}
