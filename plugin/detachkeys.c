#include "plugin/detachkeys.h"

#include <string.h>
#include <strings.h>

#define CTRL(c) ((c)&0x1f)
#define DEL     0x7f

/* The byte that a key sends, or -1. */
static int key_byte(const char *text, size_t n)
{
	static const char others[] = "@[\\]^_";
	char c;

	if (n == 1)
		return text[0] > ' ' && text[0] < DEL ? text[0] : -1;
	if (n == 3 && !strncasecmp(text, "DEL", 3))
		return DEL;
	if (n != 6 || strncasecmp(text, "ctrl-", 5) != 0)
		return -1;
	c = text[5];
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr(others, c)))
		return CTRL(c);
	return -1;
}

int detachkeys_parse(const char *text, struct detachkeys *ret, struct err *err)
{
	struct detachkeys d = { .n = 0 };
	const char *at = text;

	while (*at) {
		size_t n = strcspn(at, ",");
		int byte = key_byte(at, n);

		if (byte < 0)
			return err_set(err, -EINVAL,
				"\"%.*s\" is no key; a key is one character, ctrl-X with X of a-z "
				"@ [ \\ ] ^ _, or DEL, and several are parted by commas",
				n < 40 ? (int)n : 40, at);
		if (d.n == DETACHKEYS_MAX)
			return err_set(err, -EINVAL, "detach keys are at most %d", DETACHKEYS_MAX);
		d.keys[d.n++] = (char)byte;
		at += n;
		if (*at == ',' && !at[1])
			return err_set(err, -EINVAL, "a key is missing behind the last comma");
		at += *at == ',';
	}
	*ret = d;
	return 0;
}

/* The held keys and c: how many of their last are the first of the sequence again. */
static size_t still_fits(const struct detachkeys *d, char c)
{
	char typed[DETACHKEYS_MAX + 1];

	memcpy(typed, d->keys, d->held);
	typed[d->held] = c;
	for (size_t n = d->held + 1; n > 0; n--)
		if (n <= d->n && !memcmp(typed + d->held + 1 - n, d->keys, n))
			return n;
	return 0;
}

bool detachkeys_feed(struct detachkeys *d, const void *bytes, size_t n, struct buf *ret)
{
	const char *at = bytes;

	for (size_t i = 0; i < n; i++) {
		size_t fits = still_fits(d, at[i]);

		if (fits == d->n && d->n) {
			d->held = 0;
			return true;
		}
		if (fits) {
			buf_add(ret, d->keys, d->held + 1 - fits);
		} else {
			buf_add(ret, d->keys, d->held);
			buf_char(ret, at[i]);
		}
		d->held = fits;
	}
	return false;
}

void detachkeys_release(struct detachkeys *d, struct buf *ret)
{
	buf_add(ret, d->keys, d->held);
	d->held = 0;
}
