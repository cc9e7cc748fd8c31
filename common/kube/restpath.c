#include "common/base/buf.h"
#include "common/kube/rest.h"

#include <assert.h>

#define PATH_BYTES_MAX (64 * 1024)

static bool plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~", c));
}

/* "." and ".." alone would be folded away by clients and servers on the way. */
static void add_encoded(struct buf *path, const char *s)
{
	bool dots = strcmp(s, ".") == 0 || strcmp(s, "..") == 0;

	for (; *s; s++) {
		if (plain((unsigned char)*s) && !dots)
			buf_char(path, *s);
		else
			buf_printf(path, "%%%02X", (unsigned char)*s);
	}
}

char *rest_path(const char *fmt, ...)
{
	auto_buf path = BUF_INIT(PATH_BYTES_MAX);
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			buf_char(&path, *fmt);
			continue;
		}
		fmt++;
		assert(*fmt == 's' || *fmt == 'd' || *fmt == '%');
		if (*fmt == 's')
			add_encoded(&path, va_arg(ap, const char *));
		else if (*fmt == 'd')
			buf_printf(&path, "%d", va_arg(ap, int));
		else
			buf_char(&path, '%');
	}
	va_end(ap);
	if (buf_check(&path) < 0) /* nobody's name is that long; the server refuses this one */
		return xstrdup("/too-long");
	return buf_steal(&path);
}
