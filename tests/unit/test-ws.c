#include "common/kube/upgrade.h"
#include "common/kube/ws.h"

#include <setjmp.h>
#include <cmocka.h>

static const uint8_t key[4] = { 0x37, 0xfa, 0x21, 0x3d };

static void encode(struct buf *b, enum ws_op op, const void *bytes, size_t n)
{
	struct iovec part = { (void *)(uintptr_t)bytes, n };

	ws_encode(b, op, key, &part, 1);
}

/* A frame as a server sends it. */
static void serve(struct buf *b, unsigned first, const void *bytes, size_t n)
{
	buf_char(b, first);
	if (n <= 125) {
		buf_char(b, n);
	} else if (n <= 65535) {
		buf_char(b, 126);
		buf_char(b, n >> 8);
		buf_char(b, n & 255);
	} else {
		buf_char(b, 127);
		for (int i = 7; i >= 0; i--)
			buf_char(b, (uint64_t)n >> 8 * i & 255);
	}
	buf_add(b, bytes, n);
}

/* One line for each event: "op n code first-bytes". */
static int events(const void *bytes, size_t n, size_t step, struct buf *ret)
{
	struct ws_decoder d;
	struct ws_event e;
	int rc = 0;

	ws_decoder_init(&d);
	for (size_t at = 0; at < n && rc >= 0; at += step) {
		size_t left = n - at < step ? n - at : step;
		auto_free uint8_t *piece = xmalloc(left);
		const uint8_t *p = piece;

		memcpy(piece, (const uint8_t *)bytes + at, left);
		while ((rc = ws_decode(&d, &p, &left, &e)) > 0)
			buf_printf(ret, "%x %zu %u %.*s\n", e.op, e.n, e.code,
				e.n < 9 ? (int)e.n : 9, (const char *)e.data);
	}
	ws_decoder_fini(&d);
	return rc;
}

static int events_of(const void *bytes, size_t n)
{
	auto_buf log = BUF_INIT(1 << 20);

	return events(bytes, n, n ? n : 1, &log);
}

static void the_rfc_example_is_masked_as_printed_there(void **state)
{
	static const uint8_t want[] = { 0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51,
		0x58 };
	auto_buf b = BUF_INIT(64);

	encode(&b, WS_TEXT, "Hello", 5);
	assert_int_equal(b.len, sizeof want);
	assert_memory_equal(b.data, want, sizeof want);
}

static void the_rfc_example_of_a_handshake_agrees(void **state)
{
	char accept[29];

	upgrade_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void parts_are_masked_as_one_payload(void **state)
{
	auto_buf one = BUF_INIT(4096), many = BUF_INIT(4096);
	char bytes[300];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i * 7;
	encode(&one, WS_BINARY, bytes, sizeof bytes);
	for (size_t cut = 0; cut <= sizeof bytes; cut++) {
		struct iovec parts[3] = { { bytes, cut / 2 }, { bytes + cut / 2, cut - cut / 2 },
			{ bytes + cut, sizeof bytes - cut } };

		buf_reset(&many);
		ws_encode(&many, WS_BINARY, key, parts, 3);
		assert_int_equal(many.len, one.len);
		assert_memory_equal(many.data, one.data, one.len);
	}
}

static void lengths_take_their_shortest_form(void **state)
{
	static const struct {
		size_t n, head;
	} sizes[] = { { 0, 6 }, { 125, 6 }, { 126, 8 }, { 65535, 8 }, { 65536, 14 },
		{ 100000, 14 } };
	auto_free char *bytes = xcalloc(1, 100000);

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		auto_buf b = BUF_INIT(200000);

		encode(&b, WS_BINARY, bytes, sizes[i].n);
		assert_int_equal(b.len, sizes[i].head + sizes[i].n);
	}
}

static void a_full_buffer_takes_no_half_frame(void **state)
{
	auto_buf b = BUF_INIT(20);

	encode(&b, WS_BINARY, "0123456789", 10);
	assert_int_equal(b.len, 16);
	encode(&b, WS_BINARY, "0123456789", 10);
	assert_int_equal(b.len, 16);
	assert_int_equal(buf_check(&b), -EMSGSIZE);
}

static void any_split_gives_the_same_events(void **state)
{
	auto_buf in = BUF_INIT(1 << 20), whole = BUF_INIT(4096);
	auto_free char *big = xmalloc(70000);

	memset(big, 'b', 70000);
	serve(&in, 0x82, "\1one", 4);
	serve(&in, 0x02, "\1", 1);
	serve(&in, 0x89, "ping", 4);
	serve(&in, 0x00, "two", 3);
	serve(&in, 0x00, "", 0);
	serve(&in, 0x8a, "", 0);
	serve(&in, 0x80, "three", 5);
	serve(&in, 0x82, "", 0);
	serve(&in, 0x82, big, 200);
	serve(&in, 0x82, big, 70000);
	serve(&in, 0x88,
		"\x03\xe8"
		"bye",
		5);
	assert_int_equal(events(in.data, in.len, in.len, &whole), 0);
	assert_string_equal(buf_text(&whole),
		"2 4 0 \1one\n9 4 0 ping\na 0 0 \n2 9 0 \1twothree\n2 0 0 \n"
		"2 200 0 bbbbbbbbb\n2 70000 0 bbbbbbbbb\n8 3 1000 bye\n");
	for (size_t step = 1; step < 300; step++) {
		auto_buf again = BUF_INIT(4096);

		assert_int_equal(events(in.data, in.len, step, &again), 0);
		assert_string_equal(buf_text(&again), buf_text(&whole));
	}
}

static void a_message_cut_short_is_no_event(void **state)
{
	auto_buf in = BUF_INIT(4096);

	serve(&in, 0x82, "payload of more than one byte", 29);
	for (size_t n = 0; n < in.len; n++) {
		auto_buf log = BUF_INIT(4096);

		assert_int_equal(events(in.data, n, 7, &log), 0);
		assert_int_equal(log.len, 0);
	}
}

static void what_the_rfc_forbids_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{ "\xc2\x00", 2 }, /* reserved bit */
		{ "\xa2\x00", 2 },
		{ "\x92\x00", 2 },
		{ "\x83\x00", 2 }, /* reserved operations */
		{ "\x8b\x00", 2 },
		{ "\x82\x80\x00\x00\x00\x00", 6 }, /* masked by a server */
		{ "\x09\x00", 2 },                 /* a control frame in pieces */
		{ "\x89\x7e\x00\x7e", 4 },         /* or too long */
		{ "\x80\x00", 2 },                 /* continues nothing */
		{ "\x02\x00\x82\x00", 4 },         /* begins within another */
		{ "\x82\x7e\x00\x7d", 4 },         /* longer form than needed */
		{ "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10 },
		{ "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10 }, /* negative length */
		{ "\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01", 10 }, /* over the ceiling */
		{ "\x88\x01\x03", 3 },                              /* half a close code */
		{ "\x88\x02\x03\xed", 4 },                          /* 1005 is not for the wire */
		{ "\x88\x02\x00\x01", 4 },
		{ "\x88\x02\xff\xff", 4 },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(events_of(bad[i].bytes, bad[i].n), -EBADMSG);
}

static void fragments_count_to_the_ceiling_together(void **state)
{
	auto_buf in = BUF_INIT(4 << 20);
	auto_free char *half = xcalloc(1, WS_MESSAGE_MAX / 2 + 1);

	serve(&in, 0x02, half, WS_MESSAGE_MAX / 2);
	serve(&in, 0x80, half, WS_MESSAGE_MAX / 2);
	assert_int_equal(events_of(in.data, in.len), 0);
	buf_reset(&in);
	serve(&in, 0x02, half, WS_MESSAGE_MAX / 2);
	serve(&in, 0x80, half, WS_MESSAGE_MAX / 2 + 1);
	assert_int_equal(events_of(in.data, in.len), -EBADMSG);
}

static void once_broken_stays_broken(void **state)
{
	const uint8_t bad[] = { 0x83, 0x00 }, good[] = { 0x82, 0x00 };
	struct ws_decoder d;
	struct ws_event e;
	const uint8_t *p = bad;
	size_t n = sizeof bad;

	ws_decoder_init(&d);
	assert_int_equal(ws_decode(&d, &p, &n, &e), -EBADMSG);
	p = good;
	n = sizeof good;
	assert_int_equal(ws_decode(&d, &p, &n, &e), -EBADMSG);
	ws_decoder_fini(&d);
}

static void nothing_counts_behind_a_close(void **state)
{
	auto_buf log = BUF_INIT(4096);

	assert_int_equal(events("\x88\x00\x83\x00\xff\xff", 6, 6, &log), 0);
	assert_string_equal(buf_text(&log), "8 0 1005 \n");
}

static void flipped_bits_never_read_past_the_end(void **state)
{
	auto_buf in = BUF_INIT(4096);

	serve(&in, 0x02, "first", 5);
	serve(&in, 0x89, "p", 1);
	serve(&in, 0x80, "last", 4);
	serve(&in, 0x88, "\x03\xe8", 2);
	for (size_t bit = 0; bit < in.len * 8; bit++) {
		auto_buf log = BUF_INIT(1 << 20);
		int rc;

		in.data[bit / 8] ^= 1 << bit % 8;
		rc = events(in.data, in.len, 3, &log);
		assert_true(rc == 0 || rc == -EBADMSG);
		in.data[bit / 8] ^= 1 << bit % 8;
	}
}

/* --- the upgrade --- */

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define GOOD                                                                                       \
	"HTTP/1.1 101 Switching Protocols\r\n"                                                     \
	"upgrade: WebSocket\r\n"                                                                   \
	"Connection: keep-alive, Upgrade\r\n"                                                      \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"                                   \
	"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"

static int answer(const char *text, struct upgrade_answer *ret)
{
	return upgrade_answer(text, strlen(text), KEY, "v4.channel.k8s.io", ret);
}

/* GOOD with one piece replaced. */
static int answer_but(const char *from, const char *to)
{
	const char *at = strstr(GOOD, from);
	auto_free char *text = NULL;
	struct upgrade_answer a;

	assert_non_null(at);
	text = xprintf("%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
	return answer(text, &a);
}

static void an_upgrade_is_taken_as_soon_as_it_is_whole(void **state)
{
	struct upgrade_answer a;

	for (size_t n = 0; n < sizeof GOOD - 1; n++)
		assert_int_equal(upgrade_answer(GOOD, n, KEY, "v4.channel.k8s.io", &a), 0);
	assert_int_equal(answer(GOOD "\x82", &a), 1);
	assert_int_equal(a.status, 101);
	assert_int_equal(a.head_n, sizeof GOOD - 1);
	assert_string_equal(a.protocol, "v4.channel.k8s.io");
}

static void a_wrong_upgrade_is_refused(void **state)
{
	assert_int_equal(answer_but("s3pP", "s3pQ"), -EBADMSG);
	assert_int_equal(answer_but("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", ""), -EBADMSG);
	assert_int_equal(answer_but("WebSocket\r\nC", "h2c\r\nC"), -EBADMSG);
	assert_int_equal(answer_but("keep-alive, Upgrade", "keep-alive"), -EBADMSG);
	assert_int_equal(answer_but("v4.channel", "v5.channel"), -EBADMSG);
	assert_int_equal(answer_but("Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n", ""), -EBADMSG);
	assert_int_equal(answer_but("\r\nupgrade",
				 "\r\nSec-WebSocket-Extensions: permessage-deflate\r\nupgrade"),
		-EBADMSG);
	assert_int_equal(answer_but("HTTP/1.1", "HTTP/2.0"), -EBADMSG);
	assert_int_equal(answer_but("upgrade:", "upgrade"), -EBADMSG);
}

static void interim_answers_are_passed_over(void **state)
{
	struct upgrade_answer a;

	assert_int_equal(answer("HTTP/1.1 100 Continue\r\n\r\n", &a), 0);
	assert_int_equal(answer("HTTP/1.1 100 Continue\r\n\r\n" GOOD, &a), 1);
	assert_int_equal(a.status, 101);
}

static void a_head_has_a_ceiling(void **state)
{
	auto_buf b = BUF_INIT(1 << 20);
	struct upgrade_answer a;

	buf_str(&b, "HTTP/1.1 200 OK\r\nX: ");
	while (b.len < UPGRADE_HEAD_MAX)
		buf_char(&b, 'x');
	assert_int_equal(upgrade_answer(b.data, b.len, KEY, "p", &a), -EMSGSIZE);
	buf_str(&b, "\r\n\r\n");
	assert_int_equal(upgrade_answer(b.data, b.len, KEY, "p", &a), -EMSGSIZE);
}

static int body(const char *text, bool ended, struct buf *ret)
{
	struct upgrade_answer a;

	assert_int_equal(answer(text, &a), 1);
	return upgrade_body(&a, text + a.head_n, strlen(text) - a.head_n, ended, ret);
}

static void the_body_of_a_refusal_is_read_in_each_form(void **state)
{
	auto_buf b = BUF_INIT(64);

#define REFUSED "HTTP/1.1 403 Forbidden\r\n"
	assert_int_equal(body(REFUSED "Content-Length: 5\r\n\r\nhell", false, &b), 0);
	assert_int_equal(body(REFUSED "Content-Length: 5\r\n\r\nhello more", false, &b), 1);
	assert_string_equal(buf_text(&b), "hello");
	assert_int_equal(body(REFUSED "Content-Length: 0\r\n\r\n", false, &b), 1);
	assert_int_equal(b.len, 0);
	assert_int_equal(body(REFUSED "\r\nhello", false, &b), 0);
	assert_int_equal(body(REFUSED "\r\nhello", true, &b), 1);
	assert_string_equal(buf_text(&b), "hello");
	assert_int_equal(body(REFUSED "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n",
				 false, &b),
		0);
	assert_int_equal(
		body(REFUSED "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n",
			false, &b),
		1);
	assert_string_equal(buf_text(&b), "hello");
	assert_int_equal(
		body(REFUSED "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", false, &b), -EBADMSG);
	assert_int_equal(body(REFUSED "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", false, &b),
		-EBADMSG);
	/* More than the ceiling is cut, not refused: it is only shown. */
	assert_int_equal(body(REFUSED "\r\n01234567890123456789012345678901234567890123456789012345"
				      "67890123456789",
				 false, &b),
		1);
	assert_int_equal(b.len, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfc_example_is_masked_as_printed_there),
		cmocka_unit_test(the_rfc_example_of_a_handshake_agrees),
		cmocka_unit_test(parts_are_masked_as_one_payload),
		cmocka_unit_test(lengths_take_their_shortest_form),
		cmocka_unit_test(a_full_buffer_takes_no_half_frame),
		cmocka_unit_test(any_split_gives_the_same_events),
		cmocka_unit_test(a_message_cut_short_is_no_event),
		cmocka_unit_test(what_the_rfc_forbids_is_refused),
		cmocka_unit_test(fragments_count_to_the_ceiling_together),
		cmocka_unit_test(once_broken_stays_broken),
		cmocka_unit_test(nothing_counts_behind_a_close),
		cmocka_unit_test(flipped_bits_never_read_past_the_end),
		cmocka_unit_test(an_upgrade_is_taken_as_soon_as_it_is_whole),
		cmocka_unit_test(a_wrong_upgrade_is_refused),
		cmocka_unit_test(interim_answers_are_passed_over),
		cmocka_unit_test(a_head_has_a_ceiling),
		cmocka_unit_test(the_body_of_a_refusal_is_read_in_each_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
