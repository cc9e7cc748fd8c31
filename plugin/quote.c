#include "plugin/quote.h"

#include "common/base/log.h"

#define PREFIX "exec '"

void quote_word(struct buf *ret, const char *word)
{
	buf_char(ret, '\'');
	for (;;) {
		size_t n = strcspn(word, "'");

		buf_add(ret, word, n);
		if (!word[n])
			break;
		buf_str(ret, "'\\''");
		word += n + 1;
	}
	buf_char(ret, '\'');
}

void quote_exec(struct buf *ret, int argc, char *const *argv)
{
	buf_str(ret, "exec");
	for (int i = 0; i < argc; i++) {
		buf_char(ret, ' ');
		quote_word(ret, argv[i]);
	}
}

/* --- back again, for people --------------------------------------------------------- */

static bool is_plain(const char *word, size_t n)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "_./:=@%+,-";

	for (size_t i = 0; i < n; i++)
		if (!word[i] || !strchr(safe, word[i]))
			return false;
	return n > 0;
}

/* Bytes of the quoted word at text, or 0: it is none that quote_word made, or its end is missing. */
static size_t quoted(const char *text, size_t n)
{
	size_t at = 1;

	if (!n || text[0] != '\'')
		return 0;
	for (;;) {
		while (at < n && text[at] != '\'')
			at++;
		if (at >= n)
			return 0;
		if (n - at < 4 || memcmp(text + at, "'\\''", 4))
			return at + 1;
		at += 4;
	}
}

/* false: not what quote_exec makes. */
static bool unquote(const char *at, size_t n, struct buf *ret)
{
	while (n) {
		size_t len = quoted(at, n);

		if (!len || (len < n && at[len] != ' '))
			return false;
		if (ret->len)
			buf_char(ret, ' ');
		if (is_plain(at + 1, len - 2))
			buf_add(ret, at + 1, len - 2);
		else
			buf_add(ret, at, len);
		at += len + (len < n);
		n -= len + (len < n);
	}
	return ret->len > 0;
}

char *quote_show(const char *script, size_t n, bool more)
{
	auto_buf words = BUF_INIT(n);
	auto_buf ret = BUF_INIT(4 * QUOTE_SHOW_BYTES + 4);
	const size_t skip = strlen(PREFIX) - 1;

	while (n && !more && script[n - 1] == '\n')
		n--;
	if (!more && n > skip && !memcmp(script, PREFIX, skip + 1) &&
		unquote(script + skip, n - skip, &words)) {
		script = buf_text(&words);
		n = words.len;
	}
	log_escape(&ret, script, n < QUOTE_SHOW_BYTES ? n : QUOTE_SHOW_BYTES);
	if (more || n > QUOTE_SHOW_BYTES)
		buf_str(&ret, "...");
	return buf_steal(&ret);
}
