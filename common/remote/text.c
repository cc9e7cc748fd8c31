#include "common/remote/text.h"

static bool plain(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("._/,:+=@%-", c));
}

static void escape_one(char *at, unsigned char c)
{
	at[0] = '\\';
	at[1] = '0';
	at[2] = (char)('0' + (c >> 6));
	at[3] = (char)('0' + (c >> 3 & 7));
	at[4] = (char)('0' + (c & 7));
}

void text_escape(struct buf *ret, const void *bytes, size_t n)
{
	const unsigned char *from = bytes;
	char part[TEXT_BYTES(128)];
	size_t len = 0;

	if (!n)
		buf_char(ret, '-');
	for (size_t i = 0; i < n; i++) {
		if (len + 5 > sizeof(part)) {
			buf_add(ret, part, len);
			len = 0;
		}
		if (plain(from[i]) && !(i == 0 && from[i] == '-')) {
			part[len++] = (char)from[i];
			continue;
		}
		escape_one(part + len, from[i]);
		len += 5;
	}
	buf_add(ret, part, len);
}

static bool octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The byte that \0ooo at text stands for, or -1. */
static int escaped(const char *text, size_t n)
{
	if (n < 5 || text[0] != '\\' || text[1] != '0' || text[2] < '0' || text[2] > '3' ||
		!octal(text[3]) || !octal(text[4]))
		return -1;
	return (text[2] - '0') << 6 | (text[3] - '0') << 3 | (text[4] - '0');
}

int text_unescape(struct buf *ret, const char *text, size_t n)
{
	size_t i = 0;

	if (n == 1 && text[0] == '-')
		return 0;
	if (!n || text[0] == '-')
		return -EBADMSG;
	while (i < n) {
		int c = escaped(text + i, n - i);

		if (c < 0 && !plain((unsigned char)text[i]))
			return -EBADMSG;
		buf_char(ret, c < 0 ? text[i] : (char)c);
		i += c < 0 ? 1 : 5;
	}
	return buf_check(ret);
}

void text_unescape_loosely(struct buf *ret, const char *text, size_t n)
{
	size_t i = 0;

	if (n == 1 && text[0] == '-')
		return;
	while (i < n && ret->len < ret->max) {
		int c = escaped(text + i, n - i);

		buf_char(ret, c < 0 ? text[i] : (char)c);
		i += c < 0 ? 1 : 5;
	}
}
