#include "tests/lib/test.h"

#include "common/remote/codec.h"
#include "common/remote/info.h"
#include "common/remote/record.h"

#include <limits.h>
#include <sys/stat.h>

/* --- TEXT --------------------------------------------------------------- */

static void text_carries_any_byte(void **state)
{
	auto_buf text = BUF_INIT(4096);
	auto_buf back = BUF_INIT(4096);
	char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	for (size_t n = 0; n <= sizeof(all); n++) {
		buf_reset(&text);
		buf_reset(&back);
		text_escape(&text, all + sizeof(all) - n, n);
		assert_true(text.len <= TEXT_BYTES(n));
		assert_null(strpbrk(text.data, " \t\n'\"$`*?[\r"));
		CHECK_RC(text_unescape(&back, text.data, text.len), 0);
		assert_int_equal(back.len, n);
		assert_memory_equal(buf_text(&back), all + sizeof(all) - n, n);
	}
}

static void text_of(const char *bytes, const char *expected)
{
	auto_buf text = BUF_INIT(4096);

	text_escape(&text, bytes, strlen(bytes));
	assert_string_equal(text.data, expected);
}

static void text_is_as_proto_h_says(void **state)
{
	text_of("", "-");
	text_of("-", "\\0055");
	text_of("-a-", "\\0055a-");
	text_of("/a b\n", "/a\\0040b\\0012");
	text_of("\\", "\\0134");
	text_of("AZaz09._/,:+=@%-", "AZaz09._/,:+=@%-");
	text_of("\xff~", "\\0377\\0176");
}

static void refuses_broken_text(void **state)
{
	static const char *const broken[] = { "", "-a", "a b", "\\", "\\0", "\\01", "\\012",
		"\\0400", "\\0778", "\\1234", "\\n", "a\\", "~", "\xff", "--" };

	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		auto_buf back = BUF_INIT(4096);

		CHECK_RC(text_unescape(&back, broken[i], strlen(broken[i])), -EBADMSG);
	}
}

/* --- requests ----------------------------------------------------------- */

static void encodes(const struct remote_request *rq, const char *expected)
{
	auto_buf b = BUF_INIT(request_bytes(rq));

	CHECK_RC(request_encode(&b, 7, rq, false), 0);
	assert_string_equal(b.data, expected);
}

#define RQ(...)                                                                                    \
	&(const struct remote_request)                                                             \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static void encodes_each_request(void **state)
{
	encodes(RQ(.op = OP_PING), "7 ping\n");
	encodes(RQ(.op = OP_BYE), "7 bye\n");
	encodes(RQ(.op = OP_STAT, .path = "/a b"), "7 stat /a\\0040b\n");
	encodes(RQ(.op = OP_LIST, .path = "/"), "7 list /\n");
	encodes(RQ(.op = OP_READLINK, .path = "/l"), "7 readlink /l\n");
	encodes(RQ(.op = OP_OPEN, .path = "/f",
			.flags = OPEN_READ | OPEN_WRITE | OPEN_CREATE | OPEN_EXCL, .mode = 0644),
		"7 open /f rwcx 644\n");
	encodes(RQ(.op = OP_FSTAT, .handle = 3), "7 fstat 3\n");
	encodes(RQ(.op = OP_READ, .handle = 3, .offset = 1ULL << 40, .size = 4096),
		"7 read 3 1099511627776 4096\n");
	encodes(RQ(.op = OP_WRITE, .handle = 3, .offset = 9, .data = "ab\nc", .n = 4),
		"7 write 3 9 4\nab\nc");
	encodes(RQ(.op = OP_FSYNC, .handle = 3), "7 fsync 3\n");
	encodes(RQ(.op = OP_CLOSE, .handle = 3), "7 close 3\n");
	encodes(RQ(.op = OP_FTRUNCATE, .handle = 3, .size = 5), "7 ftruncate 3 5\n");
	encodes(RQ(.op = OP_TRUNCATE, .path = "/f", .size = 5), "7 truncate /f 5\n");
	encodes(RQ(.op = OP_MKDIR, .path = "/d", .mode = 01777), "7 mkdir /d 1777\n");
	encodes(RQ(.op = OP_MKNOD, .path = "/p", .mode = S_IFIFO | 0600), "7 mknod /p 10600\n");
	encodes(RQ(.op = OP_SYMLINK, .path = "/l", .path2 = "../x"), "7 symlink ../x /l\n");
	encodes(RQ(.op = OP_LINK, .path = "/a", .path2 = "/b"), "7 link /a /b\n");
	encodes(RQ(.op = OP_RENAME, .path = "/a", .path2 = "/b"), "7 rename /a /b -\n");
	encodes(RQ(.op = OP_RENAME, .path = "/a", .path2 = "/b", .flags = RENAME_FLAG_EXCHANGE),
		"7 rename /a /b x\n");
	encodes(RQ(.op = OP_UNLINK, .path = "/a"), "7 unlink /a\n");
	encodes(RQ(.op = OP_RMDIR, .path = "/a"), "7 rmdir /a\n");
	encodes(RQ(.op = OP_CHMOD, .path = "/a", .mode = 04755), "7 chmod /a 4755\n");
	encodes(RQ(.op = OP_CHOWN, .path = "/a", .uid = REMOTE_ID_KEEP, .gid = 5),
		"7 chown /a - 5\n");
	encodes(RQ(.op = OP_UTIMENS, .path = "/a", .atime = { 0, UTIME_OMIT }, .mtime = { -5, 70 }),
		"7 utimens /a - -5.000000070\n");
	encodes(RQ(.op = OP_UTIMENS, .path = "/a", .atime = { 0, UTIME_NOW }, .mtime = { 5, 0 }),
		"7 utimens /a now 5.000000000\n");
	encodes(RQ(.op = OP_STATFS, .path = "/"), "7 statfs /\n");
	encodes(RQ(.op = OP_ENV, .data = "A=1\n", .n = 4), "7 env 4\nA=1\n");
}

static void encodes_bodies_as_text_when_asked(void **state)
{
	struct remote_request rq = { .op = OP_WRITE, .handle = 1, .data = "a\0b\n", .n = 4 };
	auto_buf b = BUF_INIT(request_bytes(&rq));

	CHECK_RC(request_encode(&b, 7, &rq, true), 0);
	assert_string_equal(b.data, "7 write 1 0 4\na\\0000b\\0012\n");
	rq.n = 0;
	buf_reset(&b);
	CHECK_RC(request_encode(&b, 7, &rq, true), 0);
	assert_string_equal(b.data, "7 write 1 0 0\n-\n");
}

static void refuses(const struct remote_request *rq, int expected)
{
	auto_buf b = BUF_INIT(request_bytes(rq));

	CHECK_RC(request_encode(&b, 7, rq, false), expected);
}

static void refuses_what_cannot_be_said(void **state)
{
	char longer[PATH_MAX + 1];

	memset(longer, '/', sizeof(longer));
	longer[PATH_MAX] = '\0';
	refuses(RQ(.op = OP_STAT), -EINVAL);
	refuses(RQ(.op = OP_STAT, .path = "etc"), -EINVAL);
	refuses(RQ(.op = OP_STAT, .path = longer), -ENAMETOOLONG);
	refuses(RQ(.op = OP_SYMLINK, .path = "/a", .path2 = longer), -ENAMETOOLONG);
	refuses(RQ(.op = OP_READ, .offset = UINT64_MAX), -EINVAL);
	refuses(RQ(.op = OP_OPEN, .path = "/", .flags = 64), -EINVAL);
	refuses(RQ(.op = OP_RENAME, .path = "/", .path2 = "/", .flags = 4), -EINVAL);
	refuses(RQ(.op = OP_UTIMENS, .path = "/", .atime = { 0, -1 }), -EINVAL);
	memset(longer + 1, '\1', PATH_MAX - 2);
	longer[PATH_MAX - 1] = '\0';
	encodes(RQ(.op = OP_PING), "7 ping\n");
	refuses(RQ(.op = OP_LINK, .path = longer, .path2 = longer), 0);
}

/* --- answers ------------------------------------------------------------ */

static int parse(const char *line, struct answer *a)
{
	return answer_parse(line, strlen(line), a);
}

static void reads_answers(void **state)
{
	struct answer a;
	struct err err;
	uint64_t n[2];

	CHECK_RC(parse("d 7 1048576", &a), 0);
	assert_int_equal(a.n, 1048576);
	CHECK_RC(parse("= 4294967295", &a), 0);
	assert_int_equal(a.tag, UINT32_MAX);
	CHECK_RC(answer_numbers(&a, n, 0), 0);
	CHECK_RC(answer_numbers(&a, n, 1), -EBADMSG);
	CHECK_RC(parse("= 1 5 9223372036854775807", &a), 0);
	CHECK_RC(answer_numbers(&a, n, 2), 0);
	assert_true(n[1] == INT64_MAX);
	CHECK_RC(answer_numbers(&a, n, 1), -EBADMSG);
	CHECK_RC(parse("! 3 ENOTEMPTY it\\0040is \\033[1m full", &a), 0);
	CHECK_RC(a.rc, -ENOTEMPTY);
	answer_sentence(&a, &err);
	assert_null(strchr(err.text, '\033'));
	CHECK_RC(parse("! 3 ENOENT -", &a), 0);
	answer_sentence(&a, &err);
	assert_string_equal(err.text, "");
}

static void peers_cannot_say_this_sides_errnos(void **state)
{
	static const char *const names[] = { "EPIPE", "EBADMSG", "ETIMEDOUT", "ENOTCONN", "ESTALE",
		"EMSGSIZE", "EWHAT", "0", "enoent",
		"EAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		auto_free char *line = xprintf("! 1 %s -", names[i]);
		struct answer a;

		CHECK_RC(parse(line, &a), 0);
		CHECK_RC(a.rc, -EIO);
	}
}

static void refuses_malformed_answers(void **state)
{
	static const char *const lines[] = { "", " ", "d", "d ", "d 1", "d 1 ", "d 1 1048577",
		"d 0 1", "d 1 1 1", "d 1 -1", "d 1 +1", "d 1 0x1", "d 4294967296 1", "d  1 1",
		" d 1 1", "x 1", "= 0", "=", "=1", "! 1", "! 1 EIO", "! 0 EIO -", "s 1",
		"s 1 2147483648", "i 1", "i 1 4294967296", "hello sbx 1 sh", "dd 1 1",
		"o 1 99999999999999999999999", "e 1 x" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct answer a;

		if (parse(lines[i], &a) != -EBADMSG)
			fail_msg("'%s' was taken", lines[i]);
	}
}

static void reads_run_ends(void **state)
{
	static const char *const bad[] = { "", "exited", "exited 0", "exited 0 1", "exited 256 0 0",
		"exited 0 0 0 0", "signaled 0 0 0", "signaled 65 0 0", "timeout 1 0 0",
		"lost 0 0 0", "exited -1 0 0", "exited 0 0 9223372036854775808" };
	struct run_end end;
	struct answer a;

	CHECK_RC(parse("= 1 signaled 15 3 4", &a), 0);
	CHECK_RC(answer_run_end(&a, &end), 0);
	assert_int_equal(end.state, RUN_SIGNALED);
	assert_int_equal(run_end_status(&end), 143);
	assert_int_equal(end.out, 3);
	assert_int_equal(end.err_bytes, 4);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		a.text = bad[i];
		a.text_n = strlen(bad[i]);
		CHECK_RC(answer_run_end(&a, &end), -EBADMSG);
	}
}

/* --- the stream of answers ---------------------------------------------- */

static int note_line(void *arg, const struct answer *a)
{
	answer_print(arg, a);
	return 0;
}

static int note_piece(void *arg, const struct answer *a, const void *bytes, size_t n)
{
	buf_add(arg, bytes, n);
	return 0;
}

/* All that was said, again; fed in parts of at most n bytes. */
static int feed_in_parts(const char *bytes, size_t len, size_t n, struct buf *ret)
{
	struct answer_sink sink = { note_line, note_piece, ret };
	auto_with(answers_fini) struct answers s;
	int rc = 0;

	answers_init(&s);
	for (size_t at = 0; at < len && rc == 0; at += n)
		rc = answers_feed(&s, bytes + at, len - at < n ? len - at : n, &sink);
	return rc;
}

static const char stream[] = "d 1 12\nab\n= 2\nd 3 4= 1 5\n! 2 ENOENT what\\0040now\no 3 1\nx"
			     "e 3 0\ns 4 77\ni 4 65536\n= 3 exited 0 1 0\n";

static void any_split_gives_the_same(void **state)
{
	for (size_t n = 1; n < sizeof(stream); n++) {
		auto_buf back = BUF_INIT(4096);

		CHECK_RC(feed_in_parts(stream, strlen(stream), n, &back), 0);
		assert_string_equal(buf_text(&back), stream);
	}
}

static void flipped_bytes_are_refused_or_harmless(void **state)
{
	for (size_t at = 0; at < strlen(stream); at++) {
		for (int bit = 0; bit < 8; bit++) {
			char copy[sizeof(stream)];
			auto_buf whole = BUF_INIT(1 << 20);
			auto_buf single = BUF_INIT(1 << 20);
			int rc;

			memcpy(copy, stream, sizeof(stream));
			copy[at] ^= (char)(1 << bit);
			rc = feed_in_parts(copy, strlen(stream), strlen(stream), &whole);
			CHECK_RC(feed_in_parts(copy, strlen(stream), 1, &single), rc);
			assert_string_equal(buf_text(&whole), buf_text(&single));
		}
	}
}

static void endless_lines_are_refused(void **state)
{
	auto_buf back = BUF_INIT(4096);
	char line[2 * PROTO_ANSWER_MAX];

	memset(line, 'x', sizeof(line));
	memcpy(line, "! 1 EIO ", 8);
	CHECK_RC(feed_in_parts(line, sizeof(line), 100, &back), -EBADMSG);
	line[sizeof(line) - 1] = '\n';
	CHECK_RC(feed_in_parts(line, sizeof(line), sizeof(line), &back), -EBADMSG);
}

/* --- records ------------------------------------------------------------ */

#define RECORD(name)                                                                               \
	"81a4 2049 42 1 0 4294967295 5 8 1 -2 3 1f ff|.5|2026-11-22 04:10:29.123456789 "           \
	"+0000|" name "/\n"

static int parse_record(const char *text, bool named, struct entry *e)
{
	return record_parse(text, strlen(text), named, e);
}

static void reads_records(void **state)
{
	struct entry e;

	CHECK_RC(parse_record(RECORD(""), false, &e), 0);
	assert_int_equal(e.attr.mode, S_IFREG | 0644);
	assert_int_equal(e.attr.dev, 2049);
	assert_int_equal(e.attr.gid, UINT32_MAX);
	assert_int_equal(e.attr.mtime.tv_sec, -2);
	assert_int_equal(e.attr.mtime.tv_nsec, 500000000);
	assert_int_equal(e.attr.ctime.tv_nsec, 123456789);
	assert_int_equal(e.attr.rdev_major, 0x1f);
	assert_null(e.name);
	CHECK_RC(parse_record(RECORD("a|b\nc"), true, &e), 0);
	assert_string_equal(e.name, "a|b\nc");
	free(e.name);
}

static void refuses_malformed_records(void **state)
{
	static const char *const bad[] = { "", "/\n", "|||/\n", RECORD("."), RECORD(".."),
		"1a4 1 1 1 0 0 5 8 1 2 3 0 0|||n/\n",                    /* no type */
		"f1a4 1 1 1 0 0 5 8 1 2 3 0 0|||n/\n",                   /* no known type */
		"181a4 1 1 1 0 0 5 8 1 2 3 0 0|||n/\n",                  /* bits above */
		"81a4 1 1 1 0 0 9223372036854775808 8 1 2 3 0 0|||n/\n", /* size */
		"81a4 1 1 1 0 0 -5 8 1 2 3 0 0|||n/\n",
		"81a4 1 1 1 4294967296 0 5 8 1 2 3 0 0|||n/\n",
		"81a4 1 1 1 0 0 5 8 9223372036854775808 2 3 0 0|||n/\n",
		"81a4 1 1 1 0 0 5 8 1 2 3 0|||n/\n", "81a4 1 1 1 0 0 5 8 1 2 3 0 0 0|||n/\n",
		"81a4  1 1 1 0 0 5 8 1 2 3 0 0|||n/\n",
		"81a4 1 1 1 0 0 5 8 1 2 3 0 0|.1234567890||n/\n",
		"81a4 1 1 1 0 0 5 8 1 2 3 0 0||n/\n", "81a4 1 1 1 0 0 5 8 1 2 3 0 0|||n",
		"81a4 1 1 1 0 0 5 8 1 2 3 0 0|||n/", "81a4 1 1 1 0 0 5 8 1 2 3 0 0|||/\n" };
	struct entry e;
	char name[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_RC(parse_record(bad[i], true, &e), -EBADMSG);
	CHECK_RC(parse_record(RECORD("n"), false, &e), -EBADMSG);
	memset(name, 'n', sizeof(name));
	snprintf(name, sizeof(name), "81a4 1 1 1 0 0 5 8 1 2 3 0 0|||");
	name[strlen(name)] = 'n';
	memcpy(name + sizeof(name) - 2, "/\n", 2);
	CHECK_RC(record_parse(name, sizeof(name), true, &e), -EBADMSG);
	CHECK_RC(record_parse(RECORD("a\0b"), sizeof(RECORD("a\0b")) - 1, true, &e), -EBADMSG);
}

static void strange_times_are_clamped(void **state)
{
	struct entry e;

	CHECK_RC(parse_record(
			 "41ed 1 1 1 0 0 5 8 9223372036854775807 -9223372036854775807 0 0 0|||/\n",
			 false, &e),
		0);
	assert_int_equal(e.attr.atime.tv_sec, 253402300799LL);
	assert_int_equal(e.attr.mtime.tv_sec, -62135596800LL);
}

static const char listing_text[] = RECORD("a") RECORD("b|\n") RECORD("a") RECORD("...");

static void listings_come_in_any_split(void **state)
{
	for (size_t n = 1; n < sizeof(listing_text); n++) {
		auto_with(listing_fini) struct listing l;
		int rc = 0;

		listing_init(&l, true);
		for (size_t at = 0; at < strlen(listing_text) && rc == 0; at += n) {
			size_t left = strlen(listing_text) - at;

			rc = listing_feed(&l, listing_text + at, left < n ? left : n);
		}
		CHECK_RC(rc, 0);
		CHECK_RC(listing_end(&l), 0);
		assert_int_equal(l.count, 4);
		assert_string_equal(l.entries[1].name, "b|\n");
	}
}

static void cut_listings_are_refused(void **state)
{
	static const char one[] = RECORD("name");

	for (size_t n = 1; n < strlen(one); n++) {
		auto_with(listing_fini) struct listing l;

		listing_init(&l, true);
		CHECK_RC(listing_feed(&l, one, n), 0);
		CHECK_RC(listing_end(&l), -EBADMSG);
	}
}

/* Found by the fuzzer: taken when it came whole, refused when it was split. */
static void long_records_are_refused_in_any_split(void **state)
{
	auto_buf text = BUF_INIT(4096);

	buf_printf(&text, "81a4 1 1 1 0 0 5 8 1 2 3 0 0|%1024s||n/\n", "");
	for (size_t n = 1; n <= text.len; n += text.len - 1) {
		auto_with(listing_fini) struct listing l;
		int rc = 0;

		listing_init(&l, true);
		for (size_t at = 0; at < text.len && rc == 0; at += n)
			rc = listing_feed(&l, text.data + at, n);
		CHECK_RC(rc, -EBADMSG);
	}
}

static void listings_have_a_ceiling(void **state)
{
	static const char one[] = "81a4 1 1 1 0 0 5 8 1 2 3 0 0|||n/\n";
	auto_with(listing_fini) struct listing l;
	auto_buf many = BUF_INIT(1 << 20);
	int rc = 0;

	listing_init(&l, true);
	for (int i = 0; i < 1000; i++)
		buf_str(&many, one);
	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = listing_feed(&l, many.data, many.len);
	CHECK_RC(rc, 0);
	assert_int_equal(l.count, LISTING_ENTRIES_MAX);
	CHECK_RC(listing_feed(&l, one, strlen(one)), -EMSGSIZE);
	listing_fini(&l);
	l.bytes = PROTO_LIST_MAX;
	CHECK_RC(listing_feed(&l, one, 1), -EMSGSIZE);
}

/* --- hello -------------------------------------------------------------- */

static int greet(const char *line, struct info *info)
{
	return info_parse(line, strlen(line), info, NULL);
}

static void reads_hellos(void **state)
{
	auto_with(info_fini) struct info info = { 0 };

	CHECK_RC(greet("hello sbx 1 sh max=131072 body=text calls=4 ops=stat,list,new,run "
		       "uid=1000 gid=50 "
		       "cwd=/a\\0040b why=no\\0040dd future=x",
			 &info),
		0);
	assert_string_equal(info.said.kind, "sh");
	assert_int_equal(info.said.max, 131072);
	assert_true(info.body_text);
	assert_int_equal(info.said.calls, 4);
	assert_true(info.said.ops[OP_STAT] && info.said.ops[OP_RUN] && !info.said.ops[OP_READ]);
	assert_int_equal(info.said.uid, 1000);
	assert_int_equal(info.said.gid, 50);
	assert_string_equal(info.said.cwd, "/a b");
	assert_string_equal(info.said.why, "no dd");
}

static void refuses_malformed_hellos(void **state)
{
	static const char *const bad[] = { "hello sbx ", "hello sbx x sh max=4096", "hello sbx 1",
		"hello sbx 1 perl max=4096", "hello sbx 1 sh", "hello sbx 1 sh max=4095",
		"hello sbx 1 sh max=x", "hello sbx 1 sh max=4096 calls=0",
		"hello sbx 1 sh max=4096 nokey", "hello sbx 1 sh max=4096 body=rot13",
		"hello sbx 1 sh max=4096 uid=4294967296", "hello sbx 1 sh max=4096 cwd=\\0000",
		"hello sbx 1 sh max=4096 ", "hello" };
	struct info info;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_RC(greet(bad[i], &info), -EBADMSG);
	CHECK_RC(greet("hello sbx 2 whatever", &info), -EPROTONOSUPPORT);
}

static void large_promises_are_cut(void **state)
{
	auto_with(info_fini) struct info info = { 0 };

	CHECK_RC(greet("hello sbx 1 static max=99999999999 calls=99999999", &info), 0);
	assert_int_equal(info.said.max, PROTO_PIECE_MAX);
	assert_int_equal(info.said.calls, INFO_CALLS_MAX);
	assert_string_equal(info.said.cwd, "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_carries_any_byte),
		cmocka_unit_test(text_is_as_proto_h_says),
		cmocka_unit_test(refuses_broken_text),
		cmocka_unit_test(encodes_each_request),
		cmocka_unit_test(encodes_bodies_as_text_when_asked),
		cmocka_unit_test(refuses_what_cannot_be_said),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(peers_cannot_say_this_sides_errnos),
		cmocka_unit_test(refuses_malformed_answers),
		cmocka_unit_test(reads_run_ends),
		cmocka_unit_test(any_split_gives_the_same),
		cmocka_unit_test(flipped_bytes_are_refused_or_harmless),
		cmocka_unit_test(endless_lines_are_refused),
		cmocka_unit_test(reads_records),
		cmocka_unit_test(refuses_malformed_records),
		cmocka_unit_test(strange_times_are_clamped),
		cmocka_unit_test(listings_come_in_any_split),
		cmocka_unit_test(cut_listings_are_refused),
		cmocka_unit_test(long_records_are_refused_in_any_split),
		cmocka_unit_test(listings_have_a_ceiling),
		cmocka_unit_test(reads_hellos),
		cmocka_unit_test(refuses_malformed_hellos),
		cmocka_unit_test(large_promises_are_cut),
	};

	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
