/*
 * A growing byte string with a ceiling.
 *
 * Appends return nothing. The first one that would pass max leaves the
 * bytes as they were and marks the buffer bad; later appends do nothing.
 * Ask buf_check() once, when the thing is built. A NUL always follows the
 * bytes (not counted), so text buffers are C strings.
 */
#ifndef SBX_BASE_BUF_H
#define SBX_BASE_BUF_H

#include "common/base/banned.h"
#include "common/base/cleanup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NULL until the first append; then NUL-terminated */
	size_t len; /* bytes used, without the NUL */
	size_t cap; /* bytes allocated */
	size_t max; /* bytes allowed, without the NUL */
	bool bad;
};

#define BUF_INIT(max_bytes)                                                                        \
	{                                                                                          \
		.max = (max_bytes)                                                                 \
	}
#define auto_buf struct buf auto_with(buf_fini)

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);  /* frees; the buffer is empty, good and usable again, same max */
void buf_reset(struct buf *b); /* empties, keeps the memory, forgets bad */

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Room for n more bytes at data + len, or NULL (and bad) past max. Follow with buf_grew. */
void *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n); /* n of them were filled */

void buf_drop(struct buf *b, size_t n);   /* forgets the first n bytes (all, when n is larger) */
void buf_trim(struct buf *b, size_t len); /* shortens to len */

/* -EMSGSIZE when an append was refused, else 0. */
int buf_check(const struct buf *b);

/* The bytes, never NULL; "" when empty. Borrowed until the next append. */
const char *buf_text(const struct buf *b);

/* The bytes as a malloc'ed string, now the caller's; the buffer is empty afterwards. */
char *buf_steal(struct buf *b);

/* malloc, strdup and printf that abort when memory is out; sizes are capped before. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
