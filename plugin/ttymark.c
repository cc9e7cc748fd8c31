#include "plugin/ttymark.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define ESC        '\033'
#define STATUS_MAX 255

void ttymark_init(struct ttymark *m, const char *nonce)
{
	*m = (struct ttymark){ .status = -1 };
	m->prefix_len = (size_t)snprintf(
		m->prefix, sizeof(m->prefix), "\033_sbx;%.*s;", TTYMARK_NONCE, nonce);
}

int ttymark_nonce(char ret[static TTYMARK_NONCE + 1])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[TTYMARK_NONCE / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ret[2 * i] = hex[bytes[i] >> 4];
		ret[2 * i + 1] = hex[bytes[i] & 15];
	}
	ret[TTYMARK_NONCE] = '\0';
	return 0;
}

static void output(const struct ttymark *m, const char *bytes, size_t n, struct buf *ret)
{
	if (m->pid && m->status < 0)
		buf_add(ret, bytes, n);
}

/* One to seven digits and no more; -1. */
static int number(const char *text, size_t n, int max)
{
	int value = 0;

	if (n == 0 || n > 7)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value <= max ? value : -1;
}

static bool take_begin(struct ttymark *m, const char *text, size_t n)
{
	int pid = number(text, n, TTYMARK_PID_MAX);

	if (m->pid || pid <= 0)
		return false;
	m->pid = pid;
	return true;
}

static bool take_end(struct ttymark *m, const char *text, size_t n)
{
	int status = number(text, n, STATUS_MAX);

	if (!m->pid || status < 0)
		return false;
	m->status = status;
	return true;
}

/* What is held is whole, from ESC _ to ESC \: a mark if it says something that can be. */
static bool take_mark(struct ttymark *m)
{
	static const char begin[] = "begin ", end[] = "end ";
	const char *body = m->held + m->prefix_len;
	size_t n = m->held_len - m->prefix_len - 2;

	if (n > strlen(begin) && !memcmp(body, begin, strlen(begin)))
		return take_begin(m, body + strlen(begin), n - strlen(begin));
	if (n > strlen(end) && !memcmp(body, end, strlen(end)))
		return take_end(m, body + strlen(end), n - strlen(end));
	return false;
}

/* Whether c may follow what is held. */
static bool fits(const struct ttymark *m, char c)
{
	bool closing = m->held_len > m->prefix_len && m->held[m->held_len - 1] == ESC;

	if (m->held_len < m->prefix_len)
		return c == m->prefix[m->held_len];
	if (closing)
		return c == '\\';
	return m->held_len + 2 < sizeof(m->held) &&
	       (c == ESC || c == ' ' || isdigit((unsigned char)c) || (c >= 'a' && c <= 'z'));
}

static void release(struct ttymark *m, struct buf *ret)
{
	output(m, m->held, m->held_len, ret);
	m->held_len = 0;
}

/* An ESC inside never belongs to a mark but as its last but one: so nothing is looked at twice. */
static void take(struct ttymark *m, char c, struct buf *ret)
{
	bool last = m->held_len > m->prefix_len && c == '\\';

	if (m->held_len && !fits(m, c)) {
		/* the ESC that closed nothing may open */
		if (m->held_len > m->prefix_len && m->held[m->held_len - 1] == ESC) {
			m->held_len--;
			release(m, ret);
			m->held[m->held_len++] = ESC;
			take(m, c, ret);
			return;
		}
		release(m, ret);
		last = false;
	}
	if (!m->held_len && c != ESC) {
		output(m, &c, 1, ret);
		return;
	}
	m->held[m->held_len++] = c;
	if (!last)
		return;
	if (take_mark(m))
		m->held_len = 0;
	else
		release(m, ret);
}

void ttymark_feed(struct ttymark *m, const void *bytes, size_t n, struct buf *ret)
{
	const char *at = bytes, *end = at + n;

	while (at < end && m->status < 0) {
		const char *esc = m->held_len ? at : memchr(at, ESC, (size_t)(end - at));
		size_t plain = (size_t)((esc ? esc : end) - at);

		output(m, at, plain, ret);
		at += plain;
		if (at < end)
			take(m, *at++, ret);
	}
}

void ttymark_flush(struct ttymark *m, struct buf *ret)
{
	release(m, ret);
}
