#include "common/remote/kept.h"

#include "common/base/log.h"
#include "common/remote/answer.h"
#include "common/remote/fields.h"

#define TIME_LAST 253402300799LL /* 9999-12-31 */

static uint64_t at_most(uint64_t v, uint64_t max)
{
	return v < max ? v : max;
}

static int take_state(struct fields *f, struct kept *k)
{
	size_t n;
	const char *word = fields_word(f, &n);
	uint64_t code = fields_u64(f, 255);

	k->code = (int)code;
	return f->bad ? -EBADMSG : run_state_find(word, n, code, true, &k->state);
}

static void take_pair(struct fields *f, uint64_t *ret)
{
	ret[0] = fields_u64(f, INT64_MAX);
	ret[1] = fields_u64(f, INT64_MAX);
}

/* Clocks and folders of a sandbox may be odd, which is no reason to give up its stream. */
static void take_numbers(struct fields *f, struct kept *k)
{
	k->pid = (int)fields_u64(f, INT32_MAX);
	k->started_s = (int64_t)at_most(fields_u64(f, INT64_MAX), TIME_LAST);
	k->took_ms = (int64_t)fields_u64(f, INT64_MAX);
	take_pair(f, k->out);
	take_pair(f, k->start);
	for (int i = 0; i < 2; i++)
		k->start[i] = at_most(k->start[i], k->out[i]);
	take_pair(f, k->dropped);
	k->terminal = fields_u64(f, 1);
	k->script_n = fields_u64(f, PROTO_SCRIPT_MAX);
}

static int take_script(struct fields *f, struct kept *k)
{
	auto_buf raw = BUF_INIT(PROTO_KEPT_SCRIPT);
	auto_buf safe = BUF_INIT(4 * PROTO_KEPT_SCRIPT);
	size_t n;
	const char *text = fields_word(f, &n);

	if (fields_end(f) < 0 || text_unescape(&raw, text, n) < 0 || raw.len > k->script_n)
		return -EBADMSG;
	log_escape(&safe, buf_text(&raw), raw.len);
	k->script = safe.len ? buf_steal(&safe) : xstrdup("");
	return 0;
}

int kept_parse(const char *line, size_t n, struct kept *ret)
{
	struct fields f = fields_of(line, n);
	struct kept k = { .id = (uint32_t)fields_u64(&f, PROTO_KEPT_ID_MAX) };

	if (n > KEPT_LINE_MAX || !k.id || take_state(&f, &k) < 0)
		return -EBADMSG;
	take_numbers(&f, &k);
	if (take_script(&f, &k) < 0)
		return -EBADMSG;
	*ret = k;
	return 0;
}

void kept_list_init(struct kept_list *l)
{
	*l = (struct kept_list){ .part = BUF_INIT(KEPT_LINE_MAX) };
}

void kept_free(struct kept *runs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(runs[i].script);
	free(runs);
}

void kept_list_fini(struct kept_list *l)
{
	if (!l)
		return;
	kept_free(l->runs, l->count);
	buf_fini(&l->part);
	kept_list_init(l);
}

static int add(struct kept_list *l, const char *line, size_t n)
{
	struct kept k;

	if (l->count == PROTO_KEPT_RUNS)
		return -EMSGSIZE;
	if (kept_parse(line, n, &k) < 0)
		return -EBADMSG;
	if (!l->runs)
		l->runs = xcalloc(PROTO_KEPT_RUNS, sizeof(*l->runs));
	l->runs[l->count++] = k;
	l->lines++;
	return 0;
}

/* A line, or what there is of it. */
static int feed_part(struct kept_list *l, const char *bytes, size_t n, bool whole)
{
	int rc;

	if (whole && !l->part.len)
		return add(l, bytes, n);
	buf_add(&l->part, bytes, n);
	if (l->part.bad)
		return -EBADMSG;
	if (!whole)
		return 0;
	rc = add(l, l->part.data, l->part.len);
	buf_reset(&l->part);
	return rc;
}

int kept_list_feed(struct kept_list *l, const void *bytes, size_t n)
{
	const char *at = bytes;
	const char *end = at + n;

	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		int rc = feed_part(l, at, (size_t)((lf ? lf : end) - at), lf != NULL);

		if (rc < 0)
			return rc;
		at = lf ? lf + 1 : end;
	}
	return 0;
}

/* Insertion: stable, and there are few. */
static void order(struct kept *runs, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct kept k = runs[i];
		size_t at = i;

		for (; at && runs[at - 1].id > k.id; at--)
			runs[at] = runs[at - 1];
		runs[at] = k;
	}
}

static void drop_doubles(struct kept_list *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (kept && l->runs[kept - 1].id == l->runs[i].id)
			free(l->runs[i].script);
		else
			l->runs[kept++] = l->runs[i];
	}
	l->count = kept;
}

int kept_list_end(struct kept_list *l)
{
	if (l->part.len)
		return -EBADMSG;
	order(l->runs, l->count);
	drop_doubles(l);
	return 0;
}
