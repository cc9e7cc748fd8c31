#include "common/kube/upgrade.h"

#include "common/base/base64.h"
#include "common/base/wire.h"
#include "common/kube/channel.h"
#include "common/kube/crypto.h"
#include "common/kube/spdy.h"

#include <strings.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 1.3 */

/* A piece of somebody else's text. */
struct span {
	const char *at;
	size_t n;
};

void upgrade_key(const uint8_t random[static 16], char ret[static UPGRADE_KEY_BYTES])
{
	auto_buf text = BUF_INIT(64);

	base64_encode(random, 16, &text);
	memcpy(ret, buf_text(&text), UPGRADE_KEY_BYTES);
}

void upgrade_accept(const char *key, char ret[static 29])
{
	auto_free char *joined = xprintf("%s%s", key, GUID);
	auto_buf text = BUF_INIT(64);
	uint8_t sha1[20] = { 0 };

	if (crypto_load(NULL) < 0)
		abort(); /* libcurl, which came before, needs it as well */
	crypto()->EVP_Digest(joined, strlen(joined), sha1, NULL, crypto()->EVP_sha1(), NULL);
	base64_encode(sha1, sizeof sha1, &text);
	memcpy(ret, buf_text(&text), 29);
}

static bool is_spdy(const char *protocols)
{
	return strcmp(protocols, SPDY_PROTOCOL) == 0;
}

void upgrade_request(struct buf *ret, const char *key, const char *protocols)
{
	if (is_spdy(protocols)) {
		buf_str(ret, "Upgrade: " SPDY_PROTOCOL "\r\n"
			     "Connection: Upgrade\r\n"
			     "X-Stream-Protocol-Version: " CHANNEL_V4 "\r\n");
		return;
	}
	buf_printf(ret,
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: %s\r\n"
		"Sec-WebSocket-Protocol: %s\r\n",
		key, protocols);
}

static struct span trimmed(struct span s)
{
	while (s.n > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.n--;
	}
	while (s.n > 0 && (s.at[s.n - 1] == ' ' || s.at[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool same_word(struct span s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.at, word, s.n) == 0;
}

static bool same_text(struct span s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.at, text, s.n) == 0;
}

/* Cuts the part before the next separator off *list. false: nothing is left. */
static bool next_part(struct span *list, char separator, struct span *ret)
{
	const char *end;

	if (!list->at)
		return false;
	end = list->n ? memchr(list->at, separator, list->n) : NULL;
	ret->at = list->at;
	ret->n = end ? (size_t)(end - list->at) : list->n;
	list->n -= end ? ret->n + 1 : ret->n;
	list->at = end ? end + 1 : NULL;
	return true;
}

static bool has_word(struct span list, const char *word)
{
	struct span part;

	while (next_part(&list, ',', &part))
		if (same_word(trimmed(part), word))
			return true;
	return false;
}

static bool offered(const char *protocols, struct span chosen)
{
	struct span list = { protocols, strlen(protocols) }, part;

	while (next_part(&list, ',', &part)) {
		part = trimmed(part);
		if (part.n == chosen.n && memcmp(part.at, chosen.at, part.n) == 0)
			return true;
	}
	return false;
}

struct fields {
	struct span upgrade, connection, accept, protocol, extensions, length, coding, streams;
};

static int take_field(struct fields *f, struct span line)
{
	const struct {
		const char *name;
		struct span *into;
	} known[] = {
		{ "Upgrade", &f->upgrade },
		{ "Connection", &f->connection },
		{ "Sec-WebSocket-Accept", &f->accept },
		{ "Sec-WebSocket-Protocol", &f->protocol },
		{ "Sec-WebSocket-Extensions", &f->extensions },
		{ "Content-Length", &f->length },
		{ "Transfer-Encoding", &f->coding },
		{ "X-Stream-Protocol-Version", &f->streams },
	};
	struct span name, value = line;

	if (!memchr(line.at, ':', line.n) || !next_part(&value, ':', &name) || name.n == 0)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (same_word(name, known[i].name))
			*known[i].into = trimmed(value);
	return 0;
}

/* "HTTP/1.1 403 Forbidden" */
static int status_of(struct span line)
{
	int status = 0;

	if (line.n < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 || line.at[8] != ' ')
		return -EBADMSG;
	for (int i = 9; i < 12; i++) {
		if (line.at[i] < '0' || line.at[i] > '9')
			return -EBADMSG;
		status = status * 10 + line.at[i] - '0';
	}
	if (line.n > 12 && line.at[12] != ' ')
		return -EBADMSG;
	return status >= 100 ? status : -EBADMSG;
}

static int check_spdy(const struct fields *f, struct upgrade_answer *a)
{
	if (!same_word(f->upgrade, SPDY_PROTOCOL) || !has_word(f->connection, "upgrade") ||
		!same_text(f->streams, CHANNEL_V4))
		return -EBADMSG;
	memcpy(a->protocol, SPDY_PROTOCOL, sizeof SPDY_PROTOCOL);
	return 0;
}

static int check_upgrade(
	const struct fields *f, const char *key, const char *protocols, struct upgrade_answer *a)
{
	char accept[29];

	if (is_spdy(protocols))
		return check_spdy(f, a);
	upgrade_accept(key, accept);
	if (!same_word(f->upgrade, "websocket") || !has_word(f->connection, "upgrade") ||
		!same_text(f->accept, accept))
		return -EBADMSG;
	if (f->extensions.n > 0 || f->protocol.n == 0 || f->protocol.n >= sizeof a->protocol ||
		!offered(protocols, f->protocol))
		return -EBADMSG;
	memcpy(a->protocol, f->protocol.at, f->protocol.n);
	return 0;
}

static int body_form(const struct fields *f, struct upgrade_answer *a)
{
	char digits[24] = "";

	if (has_word(f->coding, "chunked")) {
		a->body = UPGRADE_CHUNKED;
	} else if (f->length.n > 0) {
		if (f->length.n >= sizeof digits)
			return -EBADMSG;
		memcpy(digits, f->length.at, f->length.n);
		a->body = UPGRADE_LENGTH;
		return parse_u64(digits, UINT64_MAX, &a->length) < 0 ? -EBADMSG : 0;
	}
	return 0;
}

/* head: one whole answer's, with the empty line. */
static int read_head(
	struct span head, const char *key, const char *protocols, struct upgrade_answer *a)
{
	struct fields f = { 0 };
	struct span line;
	int rc;

	if (!next_part(&head, '\n', &line))
		return -EBADMSG;
	rc = status_of(line);
	if (rc < 0)
		return rc;
	a->status = rc;
	while (next_part(&head, '\n', &line)) {
		if (line.n > 0 && line.at[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0)
			break;
		rc = take_field(&f, line);
		if (rc < 0)
			return rc;
	}
	return a->status == 101 ? check_upgrade(&f, key, protocols, a) : body_form(&f, a);
}

int upgrade_answer(const char *bytes, size_t n, const char *key, const char *protocols,
	struct upgrade_answer *ret)
{
	size_t at = 0;

	for (;;) {
		struct upgrade_answer a = { 0 };
		const char *end = memmem(bytes + at, n - at, "\r\n\r\n", 4);
		int rc;

		if (!end || end + 4 - bytes > UPGRADE_HEAD_MAX)
			return end || n >= UPGRADE_HEAD_MAX ? -EMSGSIZE : 0;
		a.head_n = end + 4 - bytes;
		rc = read_head((struct span){ bytes + at, a.head_n - at }, key, protocols, &a);
		if (rc < 0)
			return rc;
		if (a.status == 101 || a.status >= 200) {
			*ret = a;
			return 1;
		}
		at = a.head_n;
	}
}

/* The hexadecimal size before ';' or the end of the line. */
static int chunk_size(struct span line, uint64_t *ret)
{
	uint64_t size = 0;
	size_t i = 0;

	for (; i < line.n && i < 8; i++) {
		char c = line.at[i] | 0x20;

		if (c >= '0' && c <= '9')
			size = size << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			size = size << 4 | (c - 'a' + 10);
		else
			break;
	}
	if (i == 0 || (i < line.n && !strchr("; \t\r", line.at[i])))
		return -EBADMSG;
	*ret = size;
	return 0;
}

static int read_chunks(struct span raw, struct buf *ret)
{
	for (;;) {
		const char *end = raw.n ? memchr(raw.at, '\n', raw.n) : NULL;
		struct span line;
		uint64_t size;

		if (!end)
			return raw.n > 1024 ? -EBADMSG : 0;
		line = (struct span){ raw.at, end - raw.at };
		if (chunk_size(line, &size) < 0)
			return -EBADMSG;
		raw.at += line.n + 1;
		raw.n -= line.n + 1;
		if (size == 0)
			return 1;
		if (raw.n < size + 2) {
			buf_add(ret, raw.at, raw.n < size ? raw.n : size);
			return 0;
		}
		buf_add(ret, raw.at, size);
		if (memcmp(raw.at + size, "\r\n", 2) != 0)
			return -EBADMSG;
		raw.at += size + 2;
		raw.n -= size + 2;
	}
}

int upgrade_body(
	const struct upgrade_answer *a, const char *raw, size_t n, bool ended, struct buf *ret)
{
	struct span all = { raw, n };
	int rc;

	buf_reset(ret);
	if (a->body == UPGRADE_CHUNKED) {
		rc = read_chunks(all, ret);
		return rc < 0 ? rc : rc == 1 || ended || ret->bad;
	}
	if (a->body == UPGRADE_LENGTH && n > a->length)
		all.n = a->length;
	buf_add(ret, raw, all.n < ret->max ? all.n : ret->max);
	return ended || all.n >= ret->max || (a->body == UPGRADE_LENGTH && all.n == a->length);
}
