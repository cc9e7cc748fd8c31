/*
 * Bytes of a far end into everything that judges them. The first byte says
 * which and how they are cut.
 *
 * Asserted: any split gives the same; what is taken prints to a form that is
 * taken again and prints the same.
 */
#include "common/remote/codec.h"
#include "common/remote/info.h"
#include "common/remote/kept.h"
#include "common/remote/record.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same(const struct buf *a, const struct buf *b)
{
	assert(a->len == b->len);
	assert(!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static int note_line(void *arg, const struct answer *a)
{
	auto_buf line = BUF_INIT(8192);
	auto_buf again = BUF_INIT(8192);
	struct run_end end;
	struct answer b;
	struct err err;
	uint64_t numbers[7];

	answer_print(&line, a);
	assert(line.len && answer_parse(line.data, line.len - 1, &b) == 0);
	answer_print(&again, &b);
	same(&line, &again);
	buf_add(arg, line.data, line.len);
	answer_sentence(a, &err);
	for (size_t count = 0; count <= 7; count++)
		answer_numbers(a, numbers, count);
	for (int kept = 0; kept < 2; kept++) {
		if (answer_run_end(a, kept, &end) < 0)
			continue;
		if (end.state == RUN_KEPT)
			assert(end.kept_id >= 1 && end.kept_id <= PROTO_KEPT_ID_MAX);
		else if (end.state == RUN_LOST)
			assert(kept && run_end_status(&end) == -1);
		else
			assert(run_end_status(&end) >= 0 && run_end_status(&end) <= 255);
	}
	return 0;
}

static int note_piece(void *arg, const struct answer *a, const void *bytes, size_t n)
{
	buf_add(arg, bytes, n);
	return 0;
}

static int feed_answers(const char *bytes, size_t n, size_t part, struct buf *ret)
{
	struct answer_sink sink = { note_line, note_piece, ret };
	auto_with(answers_fini) struct answers s;
	int rc = 0;

	answers_init(&s);
	for (size_t at = 0; at < n && rc == 0; at += part)
		rc = answers_feed(&s, bytes + at, n - at < part ? n - at : part, &sink);
	assert(s.part.cap <= 2 * PROTO_ANSWER_MAX);
	return rc;
}

static void try_answers(const char *bytes, size_t n, size_t part)
{
	auto_buf whole = BUF_INIT(1 << 24);
	auto_buf parts = BUF_INIT(1 << 24);

	assert(feed_answers(bytes, n, n + 1, &whole) == feed_answers(bytes, n, part, &parts));
	same(&whole, &parts);
}

static int feed_records(const char *bytes, size_t n, size_t part, bool named, struct buf *ret)
{
	auto_with(listing_fini) struct listing l;
	int rc = 0;

	listing_init(&l, named);
	for (size_t at = 0; at < n && rc == 0; at += part)
		rc = listing_feed(&l, bytes + at, n - at < part ? n - at : part);
	if (rc == 0)
		rc = listing_end(&l);
	for (size_t i = 0; i < l.count; i++)
		record_print(ret, &l.entries[i].attr, l.entries[i].name);
	return rc;
}

static void try_records(const char *bytes, size_t n, size_t part, bool named)
{
	auto_buf whole = BUF_INIT(1 << 24);
	auto_buf parts = BUF_INIT(1 << 24);
	auto_buf again = BUF_INIT(1 << 24);

	assert(feed_records(bytes, n, n + 1, named, &whole) ==
		feed_records(bytes, n, part, named, &parts));
	same(&whole, &parts);
	assert(feed_records(buf_text(&whole), whole.len, part, named, &again) == 0);
	same(&whole, &again);
}

static int feed_file(const char *bytes, size_t n, size_t part, struct buf *ret)
{
	auto_with(listing_fini) struct listing l;
	int rc = 0;

	listing_init(&l, false);
	for (size_t at = 0; at < n && rc == 0; at += part) {
		size_t now = n - at < part ? n - at : part, used = 0;

		rc = listing_feed_one(&l, bytes + at, now, &used);
		assert(used <= now && (used == now || l.count == 1 || rc < 0));
		if (rc == 0)
			buf_add(ret, bytes + at + used, now - used);
	}
	assert(l.count <= 1);
	if (rc == 0)
		buf_printf(ret, " %zu", l.count);
	return rc;
}

/* What stands behind the record is the same in any split. */
static void try_file(const char *bytes, size_t n, size_t part)
{
	auto_buf whole = BUF_INIT(1 << 24);
	auto_buf parts = BUF_INIT(1 << 24);

	assert(feed_file(bytes, n, n + 1, &whole) == feed_file(bytes, n, part, &parts));
	same(&whole, &parts);
}

static void check_kept(const struct kept *k)
{
	assert(k->id >= 1 && k->id <= PROTO_KEPT_ID_MAX && k->state <= RUN_LOST);
	for (int i = 0; i < 2; i++)
		assert(k->start[i] <= k->out[i] && k->out[i] <= INT64_MAX);
	for (const char *c = k->script; *c; c++)
		assert((unsigned char)*c >= ' ' && *c != 127);
}

static int feed_kept(const char *bytes, size_t n, size_t part, struct buf *ret)
{
	auto_with(kept_list_fini) struct kept_list l;
	int rc = 0;

	kept_list_init(&l);
	for (size_t at = 0; at < n && rc == 0; at += part)
		rc = kept_list_feed(&l, bytes + at, n - at < part ? n - at : part);
	if (rc == 0)
		rc = kept_list_end(&l);
	assert(l.count <= l.lines && l.lines <= PROTO_KEPT_RUNS);
	for (size_t i = 0; i < l.count; i++) {
		check_kept(&l.runs[i]);
		assert(rc < 0 || !i || l.runs[i - 1].id < l.runs[i].id);
		buf_printf(ret, "%u %d %s\n", l.runs[i].id, l.runs[i].pid, l.runs[i].script);
	}
	return rc;
}

static void try_kept(const char *bytes, size_t n, size_t part)
{
	auto_buf whole = BUF_INIT(1 << 24);
	auto_buf parts = BUF_INIT(1 << 24);

	assert(feed_kept(bytes, n, n + 1, &whole) == feed_kept(bytes, n, part, &parts));
	same(&whole, &parts);
}

static void try_text(const char *bytes, size_t n)
{
	auto_buf raw = BUF_INIT(1 << 20);
	auto_buf text = BUF_INIT(TEXT_BYTES((size_t)1 << 20));
	auto_buf again = BUF_INIT(1 << 20);

	if (text_unescape(&raw, bytes, n) < 0)
		return;
	text_escape(&text, buf_text(&raw), raw.len);
	assert(text_unescape(&again, text.data, text.len) == 0);
	same(&raw, &again);
}

static void try_info(const char *bytes, size_t n)
{
	auto_with(info_fini) struct info info = { 0 };
	struct err err;

	if (info_parse(bytes, n, &info, &err) < 0)
		return;
	assert(info.said.max >= 4096 && info.said.max <= PROTO_PIECE_MAX);
	assert(info.said.calls >= 1 && info.said.calls <= INFO_CALLS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *bytes = (const char *)data + 1;
	size_t part;

	if (!n)
		return 0;
	part = (size_t)(data[0] >> 3) + 1;
	n--;
	switch (data[0] & 7) {
	case 0:
	case 1:
		try_answers(bytes, n, part);
		break;
	case 2:
	case 3:
		try_records(bytes, n, part, data[0] & 1);
		break;
	case 4:
		try_text(bytes, n);
		break;
	case 5:
		try_file(bytes, n, part);
		break;
	case 7:
		try_kept(bytes, n, part);
		break;
	default:
		try_info(bytes, n);
	}
	return 0;
}
