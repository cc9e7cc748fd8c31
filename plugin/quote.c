#include "plugin/quote.h"

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
