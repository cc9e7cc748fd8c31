#include "common/kube/portchannel.h"
#include "tests/lib/test.h"

/* What a server says of port 8080 (0x1f90), in order: a length and so many bytes. */
static const uint8_t said[] = "\3\0\x90\x1f"
			      "\3\1\x90\x1f"
			      "\1\0"
			      "\6\0hello"
			      "\0"
			      "\5\1oops";

/*
 * Takes the messages in bytes; what came of each channel is added to text. -EBADMSG as it was said; a
 * message that is cut off is not taken.
 */
static int take_all(const uint8_t *bytes, size_t n, struct buf text[2])
{
	struct portchannel c;
	size_t at = 0;

	portchannel_init(&c, 8080);
	while (at < n && bytes[at] < n - at) {
		struct portchannel_message m = { 0 };
		int rc = portchannel_take(&c, bytes + at + 1, bytes[at], &m);

		if (rc < 0)
			return rc;
		if (rc) {
			assert_true(m.n > 0 && m.data > bytes && m.data + m.n <= bytes + n);
			buf_add(&text[m.error], m.data, m.n);
		}
		at += 1 + bytes[at];
	}
	return 0;
}

static void numbers_come_first_then_bytes(void **state)
{
	struct buf text[2] = { BUF_INIT(100), BUF_INIT(100) };

	CHECK_RC(take_all(said, sizeof(said) - 1, text), 0);
	CHECK_TEXT(buf_text(&text[0]), "hello");
	CHECK_TEXT(buf_text(&text[1]), "oops");
	buf_fini(&text[0]);
	buf_fini(&text[1]);
}

static void a_number_may_be_split_or_joined(void **state)
{
	static const uint8_t split[] = "\2\0\x90"
				       "\1\0"
				       "\4\0\x1f"
				       "ab";
	struct buf text[2] = { BUF_INIT(100), BUF_INIT(100) };

	CHECK_RC(take_all(split, sizeof(split) - 1, text), 0);
	CHECK_TEXT(buf_text(&text[0]), "ab");
	buf_fini(&text[0]);
}

static void another_port_or_channel_is_refused(void **state)
{
	static const char *const bad[] = { "\3\0\x1f\x90", "\3\1\x91\x1f", "\2\0x", "\1\2",
		"\4\3abc", "\2\xff\1" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct buf text[2] = { BUF_INIT(100), BUF_INIT(100) };

		CHECK_RC(take_all((const uint8_t *)bad[i], (size_t)bad[i][0] + 1, text), -EBADMSG);
	}
}

static void cut_or_flipped_it_gives_no_byte_that_did_not_come(void **state)
{
	for (size_t n = 0; n < sizeof(said); n++) {
		struct buf text[2] = { BUF_INIT(100), BUF_INIT(100) };

		take_all(said, n, text);
		buf_fini(&text[0]);
		buf_fini(&text[1]);
	}
	for (size_t i = 0; i < 8 * (sizeof(said) - 1); i++) {
		struct buf text[2] = { BUF_INIT(100), BUF_INIT(100) };
		uint8_t bytes[sizeof(said)];

		memcpy(bytes, said, sizeof(said));
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		take_all(bytes, sizeof(said) - 1, text);
		buf_fini(&text[0]);
		buf_fini(&text[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_come_first_then_bytes),
		cmocka_unit_test(a_number_may_be_split_or_joined),
		cmocka_unit_test(another_port_or_channel_is_refused),
		cmocka_unit_test(cut_or_flipped_it_gives_no_byte_that_did_not_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
