#include "plugin/urltemplate.h"

#include <errno.h>
#include <string.h>

enum word { PROTOCOL, SERVICE, NAMESPACE, PORT, NAME, WORDS };

static const char *const words[WORDS] = {
	[PROTOCOL] = "{protocol}",
	[SERVICE] = "{service}",
	[NAMESPACE] = "{namespace}",
	[PORT] = "{port}",
	[NAME] = "{name}",
};

/* The one that stands at text; WORDS: none. */
static enum word word_at(const char *text)
{
	int i = 0;

	while (i < WORDS && strncmp(text, words[i], strlen(words[i])) != 0)
		i++;
	return (enum word)i;
}

int url_template_check(const char *template, struct err *err)
{
	size_t n = strlen(template);

	if (!n || n > URL_MAX / 2)
		return err_set(err, -EINVAL, "a URL's template has 1 to %d bytes", URL_MAX / 2);
	for (const char *at = template; *at; at++) {
		if (*at == '{' && word_at(at) == WORDS)
			return err_set(err, -EINVAL,
				"\"%.*s\" is no word of a URL's template; those are {protocol}, "
				"{service}, {namespace}, {port} and {name}",
				(int)(strcspn(at, "}") + 1 < 40 ? strcspn(at, "}") + 1 : 40), at);
		if ((unsigned char)*at <= ' ' || (unsigned char)*at > '~')
			return err_set(err, -EINVAL,
				"a URL's template has no blanks and no bytes but ASCII's");
	}
	return 0;
}

static void put(enum word word, const struct url_words *w, struct buf *ret)
{
	const char *const texts[WORDS] = { [PROTOCOL] = w->protocol,
		[SERVICE] = w->service,
		[NAMESPACE] = w->ns,
		[NAME] = w->name };

	if (word == PORT)
		buf_printf(ret, "%u", w->port);
	else
		buf_str(ret, texts[word]);
}

void url_fill(const char *template, const struct url_words *w, struct buf *ret)
{
	while (*template) {
		enum word word = *template == '{' ? word_at(template) : WORDS;

		if (word == WORDS) {
			buf_char(ret, *template ++);
			continue;
		}
		put(word, w, ret);
		template += strlen(words[word]);
	}
}
