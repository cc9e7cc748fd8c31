#include "common/remote/answer.h"

#include "common/base/log.h"
#include "common/remote/fields.h"

/*
 * A far end names errnos freely, but those by which this side speaks of the
 * stream itself (remote.h) are not its to say: they would make a caller
 * reconnect, or give up a sandbox that is there.
 */
static int errno_of_peer(const char *name, size_t n)
{
	char copy[32];
	int rc;

	if (n >= sizeof(copy))
		return -EIO;
	memcpy(copy, name, n);
	copy[n] = '\0';
	rc = errno_from_name(copy);
	switch (rc) {
	case 0:
	case -EPIPE:
	case -EBADMSG:
	case -ETIMEDOUT:
	case -ENOTCONN:
	case -ESTALE:
	case -EMSGSIZE:
		return -EIO;
	default:
		return rc;
	}
}

static void parse_failed(struct fields *f, struct answer *a)
{
	size_t n;
	const char *name = fields_word(f, &n);

	a->rc = name ? errno_of_peer(name, n) : -EIO;
	a->text = fields_rest(f, &a->text_n);
}

static void parse_started(struct fields *f, struct answer *a)
{
	a->n = fields_u64(f, INT32_MAX);
	if (!fields_left(f))
		return;
	a->id = (uint32_t)fields_u64(f, PROTO_KEPT_ID_MAX);
	if (!a->id)
		f->bad = true;
}

int answer_parse(const char *line, size_t n, struct answer *ret)
{
	struct fields f = fields_of(line, n);
	struct answer a = { 0 };
	size_t kind_n;
	const char *kind = fields_word(&f, &kind_n);

	if (!kind || kind_n != 1)
		return -EBADMSG;
	a.kind = *kind;
	a.tag = (uint32_t)fields_u64(&f, UINT32_MAX);
	switch (a.kind) {
	case 'd':
	case 'o':
	case 'e':
		a.n = fields_u64(&f, PROTO_PIECE_MAX);
		break;
	case 'c':
		a.n = fields_u64(&f, PROTO_PIECE_MAX);
		if (!a.n)
			return -EBADMSG;
		break;
	case 's':
		parse_started(&f, &a);
		break;
	case 'i':
		a.n = fields_u64(&f, UINT32_MAX);
		break;
	case '!':
		parse_failed(&f, &a);
		break;
	case '=':
		if (fields_left(&f))
			a.text = fields_rest(&f, &a.text_n);
		break;
	default:
		return -EBADMSG;
	}
	if (fields_end(&f) < 0 || (!a.tag && a.kind != 'c'))
		return -EBADMSG;
	*ret = a;
	return 0;
}

void answer_print(struct buf *ret, const struct answer *a)
{
	buf_printf(ret, "%c %u", a->kind, a->tag);
	if (a->kind == '!')
		buf_printf(ret, " %s", errno_name(a->rc));
	else if (a->kind != '=')
		buf_printf(ret, " %ju", (uintmax_t)a->n);
	if (a->id)
		buf_printf(ret, " %u", a->id);
	if (a->text) {
		buf_char(ret, ' ');
		buf_add(ret, a->text, a->text_n);
	}
	buf_char(ret, '\n');
}

int answer_numbers(const struct answer *a, uint64_t *ret, size_t count)
{
	int got = answer_numbers_from(a, ret, count, count);

	return got < 0 ? got : 0;
}

int answer_numbers_from(const struct answer *a, uint64_t *ret, size_t least, size_t most)
{
	struct fields f = fields_of(a->text, a->text_n);
	size_t got = 0;

	while (got < least || (got < most && fields_left(&f)))
		ret[got++] = fields_u64(&f, INT64_MAX);
	return fields_end(&f) < 0 ? -EBADMSG : (int)got;
}

static const struct {
	const char *word;
	enum run_state state;
	int first, last; /* code */
} states[] = {
	{ "running", RUN_RUNNING, 0, 0 },
	{ "exited", RUN_EXITED, 0, 255 },
	{ "signaled", RUN_SIGNALED, 1, 64 },
	{ "timeout", RUN_TIMEOUT, 124, 124 },
	{ "lost", RUN_LOST, 0, 0 },
};

int run_state_find(const char *word, size_t n, uint64_t code, bool running, enum run_state *ret)
{
	for (size_t i = running ? 0 : 1; word && i < sizeof(states) / sizeof(*states); i++) {
		if (strlen(states[i].word) != n || memcmp(states[i].word, word, n) != 0)
			continue;
		if (code < (uint64_t)states[i].first || code > (uint64_t)states[i].last)
			return -EBADMSG;
		*ret = states[i].state;
		return 0;
	}
	return -EBADMSG;
}

static bool word_is(const char *word, size_t n, const char *what)
{
	return word && n == strlen(what) && memcmp(word, what, n) == 0;
}

/* kept ID OUT ERR */
static int parse_let_go(struct fields *f, struct run_end *end)
{
	end->state = RUN_KEPT;
	end->kept_id = (uint32_t)fields_u64(f, PROTO_KEPT_ID_MAX);
	end->out = fields_u64(f, INT64_MAX);
	end->err_bytes = fields_u64(f, INT64_MAX);
	return fields_end(f) < 0 || !end->kept_id ? -EBADMSG : 0;
}

/* STATE CODE OUT ERR [OUT_DROPPED ERR_DROPPED] */
static int parse_end(struct fields *f, const char *word, size_t n, bool kept, struct run_end *end)
{
	uint64_t code = fields_u64(f, 255);

	end->code = (int)code;
	end->out = fields_u64(f, INT64_MAX);
	end->err_bytes = fields_u64(f, INT64_MAX);
	for (int i = 0; kept && i < 2; i++)
		end->dropped[i] = fields_u64(f, INT64_MAX);
	if (fields_end(f) < 0 || run_state_find(word, n, code, false, &end->state) < 0)
		return -EBADMSG;
	return end->state == RUN_LOST && !kept ? -EBADMSG : 0;
}

int answer_run_end(const struct answer *a, bool kept, struct run_end *ret)
{
	struct fields f = fields_of(a->text, a->text_n);
	struct run_end end = { 0 };
	size_t n;
	const char *word = fields_word(&f, &n);
	int rc = word_is(word, n, "kept") ? parse_let_go(&f, &end)
					  : parse_end(&f, word, n, kept, &end);

	if (rc == 0)
		*ret = end;
	return rc;
}

void answer_sentence(const struct answer *a, struct err *ret)
{
	auto_buf raw = BUF_INIT(PROTO_ANSWER_MAX);
	auto_buf safe = BUF_INIT(4 * PROTO_ANSWER_MAX);

	text_unescape_loosely(&raw, a->text, a->text_n);
	log_escape(&safe, buf_text(&raw), raw.len);
	snprintf(ret->text, sizeof(ret->text), "%s", buf_text(&safe));
}

void answers_init(struct answers *s)
{
	*s = (struct answers){ .part = BUF_INIT(PROTO_ANSWER_MAX) };
}

void answers_fini(struct answers *s)
{
	if (!s)
		return;
	buf_fini(&s->part);
	answers_init(s);
}

static int take_line(struct answers *s, const char *line, size_t n, const struct answer_sink *sink)
{
	struct answer a;
	int rc = answer_parse(line, n, &a);

	if (rc < 0)
		return rc;
	if (strchr("doec", a.kind)) {
		s->now = a;
		s->left = a.n;
	}
	return sink->line(sink->arg, &a);
}

/* A line, or what there is of it; *ret_used bytes are done with. */
static int feed_line(struct answers *s, const char *bytes, size_t n, size_t *ret_used,
	const struct answer_sink *sink)
{
	const char *lf = memchr(bytes, '\n', n);
	int rc;

	*ret_used = lf ? (size_t)(lf - bytes) + 1 : n;
	if (lf && !s->part.len)
		return lf - bytes > PROTO_ANSWER_MAX ? -EBADMSG
						     : take_line(s, bytes, *ret_used - 1, sink);
	buf_add(&s->part, bytes, *ret_used - (lf ? 1 : 0));
	if (s->part.bad)
		return -EBADMSG;
	if (!lf)
		return 0;
	rc = take_line(s, s->part.data, s->part.len, sink);
	buf_reset(&s->part);
	return rc;
}

static int feed_piece(struct answers *s, const char *bytes, size_t n, size_t *ret_used,
	const struct answer_sink *sink)
{
	*ret_used = n < s->left ? n : s->left;
	s->left -= *ret_used;
	return sink->piece(sink->arg, &s->now, bytes, *ret_used);
}

int answers_feed(struct answers *s, const void *bytes, size_t n, const struct answer_sink *sink)
{
	const char *at = bytes;

	while (n) {
		size_t used;
		int rc = s->left ? feed_piece(s, at, n, &used, sink)
				 : feed_line(s, at, n, &used, sink);

		if (rc < 0)
			return rc;
		at += used;
		n -= used;
	}
	return 0;
}
