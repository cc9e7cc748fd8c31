#include "common/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -EINVAL;
}

/* The digits of one group, two to four of them. */
static int group(const int *digits, size_t n, struct buf *ret)
{
	unsigned bits = 0;

	if (n == 1)
		return -EINVAL;
	for (size_t i = 0; i < 4; i++)
		bits = bits << 6 | (i < n ? (unsigned)digits[i] : 0);
	for (size_t i = 0; i + 1 < n; i++)
		buf_char(ret, (char)(bits >> (16 - 8 * i)));
	return 0;
}

static int decode(const char *text, size_t n, const char *also, bool padded, struct buf *ret)
{
	int digits[4];
	size_t have = 0, pad = 0, total = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i] == also[0] ? '+' : text[i] == also[1] ? '/' : text[i];

		if (padded && (c == '\r' || c == '\n'))
			continue;
		total++;
		if (padded && c == '=') {
			pad++;
			continue;
		}
		digits[have] = digit(c);
		if (digits[have] < 0 || pad)
			return -EINVAL;
		if (++have == 4) {
			group(digits, 4, ret);
			have = 0;
		}
	}
	if ((padded && (total % 4 || pad > 2)) || (have && group(digits, have, ret) < 0))
		return -EINVAL;
	return buf_check(ret);
}

int base64_decode(const char *text, size_t n, struct buf *ret)
{
	return decode(text, n, "+/", true, ret);
}

int base64url_decode(const char *text, size_t n, struct buf *ret)
{
	return decode(text, n, "-_", false, ret);
}

void base64_encode(const void *bytes, size_t n, struct buf *ret)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		unsigned bits = (unsigned)at[i] << 16 | (left > 1 ? (unsigned)at[i + 1] << 8 : 0) |
				(left > 2 ? at[i + 2] : 0);

		for (size_t k = 0; k < 4; k++)
			buf_char(ret, k <= left ? alphabet[bits >> (18 - 6 * k) & 63] : '=');
	}
}
