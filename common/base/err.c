#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int err_wrap(struct err *err, int code, const char *fmt, ...)
{
	char old[ERR_TEXT_BYTES];
	va_list ap;
	size_t n;

	if (!err)
		return code;
	snprintf(old, sizeof(old), "%s", err_text(err, code));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	n = strlen(err->text);
	snprintf(err->text + n, sizeof(err->text) - n, ": %s", old);
	return code;
}

const char *err_text(const struct err *err, int code)
{
	if (err && err->text[0])
		return err->text;
	return strerror(code < 0 ? -code : code);
}

const char *errno_name(int code)
{
	const char *name = strerrorname_np(code < 0 ? -code : code);

	return name ? name : "E?";
}

int errno_from_name(const char *name)
{
	/* glibc keeps the table; 133 is the highest Linux errno today, 200 leaves room. */
	for (int e = 1; e < 200; e++) {
		const char *known = strerrorname_np(e);

		if (known && strcmp(known, name) == 0)
			return -e;
	}
	if (strcmp(name, "EWOULDBLOCK") == 0)
		return -EAGAIN;
	return 0;
}
