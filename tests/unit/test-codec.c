#include "tests/lib/test.h"

#include "common/base/budget.h"
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
	encodes(RQ(.op = OP_OPEN, .path = "/f", .flags = OPEN_READ, .size = 65536),
		"7 open /f r 0 65536\n");
	encodes(RQ(.op = OP_PEEK, .path = "/f", .size = 4096), "7 peek /f 4096\n");
	encodes(RQ(.op = OP_FSTAT, .handle = 3), "7 fstat 3\n");
	encodes(RQ(.op = OP_READ, .handle = 3, .offset = 1ULL << 40, .size = 4096),
		"7 read 3 1099511627776 4096\n");
	encodes(RQ(.op = OP_WRITE, .handle = 3, .offset = 9, .data = "ab\nc", .n = 4),
		"7 write 3 9 4\nab\nc");
	encodes(RQ(.op = OP_FSYNC, .handle = 3), "7 fsync 3\n");
	encodes(RQ(.op = OP_CLOSE, .handle = 3), "7 close 3\n");
	encodes(RQ(.op = OP_MKDIR, .path = "/d", .mode = 01777), "7 mkdir /d 1777\n");
	encodes(RQ(.op = OP_MKNOD, .path = "/p", .mode = S_IFIFO | 0600), "7 mknod /p 10600\n");
	encodes(RQ(.op = OP_SYMLINK, .path = "/l", .path2 = "../x"), "7 symlink ../x /l\n");
	encodes(RQ(.op = OP_LINK, .path = "/a", .path2 = "/b"), "7 link /a /b\n");
	encodes(RQ(.op = OP_RENAME, .path = "/a", .path2 = "/b"), "7 rename /a /b -\n");
	encodes(RQ(.op = OP_RENAME, .path = "/a", .path2 = "/b", .flags = RENAME_FLAG_EXCHANGE),
		"7 rename /a /b x\n");
	encodes(RQ(.op = OP_UNLINK, .path = "/a"), "7 unlink /a\n");
	encodes(RQ(.op = OP_RMDIR, .path = "/a"), "7 rmdir /a\n");
	encodes(RQ(.op = OP_SET, .path = "/a", .atime = { 0, UTIME_OMIT }, .mtime = { -5, 70 },
			.sets = SET_MODE, .mode = 04755, .uid = REMOTE_ID_KEEP, .gid = 5),
		"7 set /a - 4755 - 5 - -5.000000070\n");
	encodes(RQ(.op = OP_OPEN, .path = "/f", .flags = OPEN_WRITE, .handle = PROTO_HANDLE_MIN),
		"7 open /f w 0 0 2147483648\n");
	encodes(RQ(.op = OP_FSET, .handle = 3, .sets = SET_SIZE, .size = 0, .mode = 1, .uid = 5,
			.gid = REMOTE_ID_KEEP, .atime = { 0, UTIME_NOW },
			.mtime = { 0, UTIME_OMIT }),
		"7 fset 3 0 - 5 - now -\n");
	encodes(RQ(.op = OP_SET, .path = "/f", .sets = SET_MODE, .size = 7, .mode = 0640,
			.uid = REMOTE_ID_KEEP, .gid = 0, .atime = { 0, UTIME_OMIT },
			.mtime = { 5, 1 }),
		"7 set /f - 640 - 0 - 5.000000001\n");
	encodes(RQ(.op = OP_STATFS, .path = "/"), "7 statfs /\n");
	encodes(RQ(.op = OP_FALLOCATE, .handle = 3, .flags = FALLOC_KEEP | FALLOC_PUNCH,
			.offset = 4096, .size = 8192),
		"7 fallocate 3 kp 4096 8192\n");
	encodes(RQ(.op = OP_SEEK, .handle = 3, .offset = 5), "7 seek 3 5 d\n");
	encodes(RQ(.op = OP_SEEK, .handle = 3, .hole = true), "7 seek 3 0 h\n");
	encodes(RQ(.op = OP_COPY, .handle = 3, .offset = 5, .size = 6, .handle2 = 4, .offset2 = 7),
		"7 copy 3 5 6 4 7\n");
	encodes(RQ(.op = OP_GETXATTR, .path = "/f", .name = "user.a b", .size = 9),
		"7 getxattr /f user.a\\0040b 9\n");
	encodes(RQ(.op = OP_LISTXATTR, .path = "/f", .size = 9), "7 listxattr /f 9\n");
	encodes(RQ(.op = OP_SETXATTR, .path = "/f", .name = "user.a", .flags = XATTR_THERE,
			.data = "x\ny", .n = 3),
		"7 setxattr /f user.a r 3\nx\ny");
	encodes(RQ(.op = OP_REMOVEXATTR, .path = "/f", .name = "user.a"),
		"7 removexattr /f user.a\n");
	encodes(RQ(.op = OP_ENV, .data = "A=1\n", .n = 4), "7 env 4\nA=1\n");
	encodes(RQ(.op = OP_PAST, .handle = 9, .stream = 2, .offset = 5, .data = "a\nb", .n = 3),
		"7 past 9 e 5 3\na\nb");
	encodes(RQ(.op = OP_RUNS), "7 runs\n");
	encodes(RQ(.op = OP_SCRIPT, .handle = PROTO_KEPT_ID_MAX), "7 script 999999999\n");
	encodes(RQ(.op = OP_SIGNAL, .handle = 1, .signal = "USR1"), "7 signal 1 USR1\n");
	encodes(RQ(.op = OP_FORGET, .handle = 1), "7 forget 1\n");
	encodes(RQ(.op = OP_WHERE, .handle = 3), "7 where 3\n");
}

static void says_whose_it_shall_be(void **state)
{
	encodes(RQ(.op = OP_OPEN, .path = "/f", .flags = OPEN_WRITE | OPEN_CREATE, .mode = 0644,
			.owned = true, .uid = 5, .gid = 6),
		"7 open /f wc 644 0 0 5 6\n");
	encodes(RQ(.op = OP_OPEN, .path = "/f", .flags = OPEN_WRITE | OPEN_CREATE, .mode = 0644,
			.handle = PROTO_HANDLE_MIN, .owned = true, .uid = REMOTE_ID_KEEP, .gid = 6),
		"7 open /f wc 644 0 2147483648 - 6\n");
	encodes(RQ(.op = OP_MKDIR, .path = "/d", .mode = 0755, .owned = true, .uid = 5, .gid = 6),
		"7 mkdir /d 755 5 6\n");
	encodes(RQ(.op = OP_SYMLINK, .path = "/l", .path2 = "x", .owned = true, .uid = 5, .gid = 6),
		"7 symlink x /l 5 6\n");
	encodes(RQ(.op = OP_MKNOD, .path = "/c", .mode = S_IFCHR | 0600, .rdev_major = 1,
			.rdev_minor = 3),
		"7 mknod /c 20600 - - 1 3\n");
	encodes(RQ(.op = OP_MKNOD, .path = "/p", .mode = S_IFIFO | 0600, .owned = true, .uid = 5,
			.gid = 6),
		"7 mknod /p 10600 5 6\n");
}

static void refuses(const struct remote_request *rq, int expected)
{
	auto_buf b = BUF_INIT(request_bytes(rq));

	CHECK_RC(request_encode(&b, 7, rq, false), expected);
}

static void refuses_ids_and_signals_that_cannot_be(void **state)
{
	refuses(RQ(.op = OP_FORGET), -EINVAL);
	refuses(RQ(.op = OP_SCRIPT, .handle = PROTO_KEPT_ID_MAX + 1), -EINVAL);
	refuses(RQ(.op = OP_PAST, .handle = 1, .stream = 0), -EINVAL);
	refuses(RQ(.op = OP_PAST, .handle = 1, .stream = 3), -EINVAL);
	refuses(RQ(.op = OP_PAST, .handle = 1, .stream = 1, .offset = 1ULL << 63), -EINVAL);
	refuses(RQ(.op = OP_SIGNAL, .handle = 1), -EINVAL);
	refuses(RQ(.op = OP_SIGNAL, .handle = 1, .signal = ""), -EINVAL);
	refuses(RQ(.op = OP_SIGNAL, .handle = 1, .signal = "TERM 1"), -EINVAL);
	refuses(RQ(.op = OP_SIGNAL, .handle = 1, .signal = "ABCDEFGHIJKLMNOP"), -EINVAL);
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

static void refuses_what_cannot_be_said(void **state)
{
	char longer[PROTO_PATH_MAX + 1];

	memset(longer, '/', sizeof(longer));
	longer[PROTO_PATH_MAX] = '\0';
	refuses(RQ(.op = OP_STAT), -EINVAL);
	refuses(RQ(.op = OP_STAT, .path = "etc"), -EINVAL);
	refuses(RQ(.op = OP_STAT, .path = longer), -ENAMETOOLONG);
	refuses(RQ(.op = OP_SYMLINK, .path = "/a", .path2 = longer), -ENAMETOOLONG);
	refuses(RQ(.op = OP_READ, .offset = UINT64_MAX), -EINVAL);
	refuses(RQ(.op = OP_OPEN, .path = "/", .flags = 64), -EINVAL);
	refuses(RQ(.op = OP_OPEN, .path = "/", .handle = PROTO_HANDLE_MIN - 1), -EINVAL);
	refuses(RQ(.op = OP_FSET, .sets = SET_SIZE, .size = UINT64_MAX), -EINVAL);
	refuses(RQ(.op = OP_SET, .path = "/", .atime = { 0, -1 }), -EINVAL);
	refuses(RQ(.op = OP_RENAME, .path = "/", .path2 = "/", .flags = 4), -EINVAL);
	refuses(RQ(.op = OP_FALLOCATE, .flags = 8), -EINVAL);
	refuses(RQ(.op = OP_FALLOCATE, .offset = UINT64_MAX), -EINVAL);
	refuses(RQ(.op = OP_COPY, .handle2 = UINT64_MAX), -EINVAL);
	refuses(RQ(.op = OP_GETXATTR, .path = "/"), -EINVAL);
	refuses(RQ(.op = OP_GETXATTR, .path = "/", .name = ""), -EINVAL);
	refuses(RQ(.op = OP_GETXATTR, .path = "/", .name = longer + PROTO_PATH_MAX - 256), -ERANGE);
	refuses(RQ(.op = OP_SETXATTR, .path = "/", .name = "user.a", .flags = 4), -EINVAL);
	memset(longer + 1, 1, PATH_MAX - 2);
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
		"s 1 2 0", "s 1 2 1000000000", "s 1 2 3 4", "s 1 2 ", "s 1 2 x", " d 1 1", "x 1",
		"= 0", "=", "=1", "! 1", "! 1 EIO", "! 0 EIO -", "s 1", "s 1 2147483648", "i 1",
		"i 1 4294967296", "hello sbx 1 sh", "dd 1 1", "o 1 99999999999999999999999",
		"e 1 x" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct answer a;

		if (parse(lines[i], &a) != -EBADMSG)
			fail_msg("'%s' was taken", lines[i]);
	}
}

static int parse_end(const char *text, bool kept, struct run_end *end)
{
	struct answer a = { .kind = '=', .tag = 1, .text = text, .text_n = strlen(text) };

	return answer_run_end(&a, kept, end);
}

static void reads_run_ends(void **state)
{
	struct run_end end;

	CHECK_RC(parse_end("signaled 15 3 4", false, &end), 0);
	assert_int_equal(end.state, RUN_SIGNALED);
	assert_int_equal(run_end_status(&end), 143);
	assert_int_equal(end.out, 3);
	assert_int_equal(end.err_bytes, 4);
	CHECK_RC(parse_end("timeout 124 3 4 5 6", true, &end), 0);
	assert_int_equal(run_end_status(&end), 124);
	assert_true(end.dropped[0] == 5 && end.dropped[1] == 6);
	CHECK_RC(parse_end("lost 0 3 4 5 6", true, &end), 0);
	assert_int_equal(run_end_status(&end), -1);
	for (int kept = 0; kept < 2; kept++) {
		CHECK_RC(parse_end("kept 9 3 4", kept, &end), 0);
		assert_int_equal(end.state, RUN_KEPT);
		assert_int_equal(end.kept_id, 9);
		assert_true(end.out == 3 && end.err_bytes == 4);
	}
}

static void refuses_malformed_run_ends(void **state)
{
	static const char *const bad[] = { "", "exited", "exited 0", "exited 0 1", "exited 256 0 0",
		"exited 0 0 0 0", "signaled 0 0 0", "signaled 65 0 0", "timeout 1 0 0",
		"lost 0 0 0", "exited -1 0 0", "exited 0 0 9223372036854775808", "running 0 0 0",
		"kept 0 0 0", "kept 1000000000 0 0", "kept 1 0", "kept 1 0 0 0", "kept" };
	static const char *const bad_kept[] = { "exited 0 0 0", "exited 0 0 0 0",
		"exited 0 0 0 0 -1", "exited 0 0 0 0 0 0", "lost 1 0 0 0 0", "running 0 0 0 0 0",
		"kept 1 0 0 0 0", "exited 0 0 0 0 9223372036854775808" };
	struct run_end end;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_RC(parse_end(bad[i], false, &end), -EBADMSG);
	for (size_t i = 0; i < sizeof(bad_kept) / sizeof(*bad_kept); i++)
		CHECK_RC(parse_end(bad_kept[i], true, &end), -EBADMSG);
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
			     "e 3 0\ns 4 77\ns 5 78 9\ni 4 65536\n= 3 exited 0 1 0\n";

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
	"+0000|.125|" name "/\n"

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
	assert_int_equal(e.attr.atime.tv_nsec, 125000000);
	assert_int_equal(e.attr.rdev_major, 0x1f);
	assert_null(e.name);
	CHECK_RC(parse_record(RECORD("a|b\nc"), true, &e), 0);
	assert_string_equal(e.name, "a|b\nc");
	free(e.name);
}

static void refuses_malformed_records(void **state)
{
	static const char *const bad[] = { "", "/\n", "||||/\n", RECORD("."), RECORD(".."),
		"1a4 1 1 1 0 0 5 8 1 2 3 0 0||||n/\n",                    /* no type */
		"f1a4 1 1 1 0 0 5 8 1 2 3 0 0||||n/\n",                   /* no known type */
		"181a4 1 1 1 0 0 5 8 1 2 3 0 0||||n/\n",                  /* bits above */
		"81a4 1 1 1 0 0 9223372036854775808 8 1 2 3 0 0||||n/\n", /* size */
		"81a4 1 1 1 0 0 -5 8 1 2 3 0 0||||n/\n",
		"81a4 1 1 1 4294967296 0 5 8 1 2 3 0 0||||n/\n",
		"81a4 1 1 1 0 0 5 8 9223372036854775808 2 3 0 0||||n/\n",
		"81a4 1 1 1 0 0 5 8 1 2 3 0||||n/\n", "81a4 1 1 1 0 0 5 8 1 2 3 0 0 0||||n/\n",
		"81a4  1 1 1 0 0 5 8 1 2 3 0 0||||n/\n",
		"81a4 1 1 1 0 0 5 8 1 2 3 0 0|.1234567890||n/\n",
		"81a4 1 1 1 0 0 5 8 1 2 3 0 0||n/\n", "81a4 1 1 1 0 0 5 8 1 2 3 0 0||||n",
		"81a4 1 1 1 0 0 5 8 1 2 3 0 0||||n/", "81a4 1 1 1 0 0 5 8 1 2 3 0 0||||/\n" };
	struct entry e;
	char name[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_RC(parse_record(bad[i], true, &e), -EBADMSG);
	CHECK_RC(parse_record(RECORD("n"), false, &e), -EBADMSG);
	memset(name, 'n', sizeof(name));
	snprintf(name, sizeof(name), "81a4 1 1 1 0 0 5 8 1 2 3 0 0||||");
	name[strlen(name)] = 'n';
	memcpy(name + sizeof(name) - 2, "/\n", 2);
	CHECK_RC(record_parse(name, sizeof(name), true, &e), -EBADMSG);
	CHECK_RC(record_parse(RECORD("a\0b"), sizeof(RECORD("a\0b")) - 1, true, &e), -EBADMSG);
}

static void strange_times_are_clamped(void **state)
{
	struct entry e;

	CHECK_RC(parse_record(
			 "41ed 1 1 1 0 0 5 8 9223372036854775807 -9223372036854775807 0 0 0||||/\n",
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

static void a_record_ends_where_its_bytes_begin(void **state)
{
	static const char text[] = RECORD("") "81a4/\n";
	size_t record = strlen(RECORD(""));

	for (size_t n = 1; n <= strlen(text); n++) {
		for (size_t cut = 1; cut <= strlen(text); cut++) {
			auto_with(listing_fini) struct listing l;
			size_t used = 0, taken = 0;
			int rc = 0;

			listing_init(&l, false);
			for (size_t at = 0; at < cut && rc == 0; at += n) {
				rc = listing_feed_one(
					&l, text + at, cut - at < n ? cut - at : n, &used);
				taken += used;
			}
			CHECK_RC(rc, 0);
			assert_int_equal(l.count, cut >= record);
			assert_int_equal(taken, cut < record ? cut : record);
		}
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
	static const char one[] = "81a4 1 1 1 0 0 5 8 1 2 3 0 0||||n/\n";
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

static void listings_share_a_budget(void **state)
{
	static const char one[] = "81a4 1 1 1 0 0 5 8 1 2 3 0 0||||n/\n";
	struct budget budget = { .most = 2048 };
	auto_with(listing_fini) struct listing a, b;
	int rc = 0;

	listing_init(&a, true);
	listing_init(&b, true);
	a.budget = b.budget = &budget;
	CHECK_RC(listing_feed(&b, one, strlen(one)), 0);
	while (rc == 0)
		rc = listing_feed(&a, one, strlen(one));
	CHECK_RC(rc, -ENOMEM);
	assert_true(a.count > 1 && a.count < 10);
	CHECK_RC(listing_feed(&b, one, strlen(one)), -ENOMEM);
	listing_fini(&a);
	CHECK_RC(listing_feed(&b, one, strlen(one)), 0);
	listing_fini(&b);
	assert_int_equal(atomic_load(&budget.used), 0);
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
		       "cwd=/a\\0040b why=no\\0040dd future=x kept=12 terminal=1",
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
	assert_int_equal(info.said.kept, 12);
	assert_true(info.said.terminals);
}

static void refuses_malformed_hellos(void **state)
{
	static const char *const bad[] = { "hello sbx ", "hello sbx x sh max=4096", "hello sbx 1",
		"hello sbx 1 perl max=4096", "hello sbx 1 sh", "hello sbx 1 sh max=4095",
		"hello sbx 1 sh max=x", "hello sbx 1 sh max=4096 calls=0",
		"hello sbx 1 sh max=4096 nokey", "hello sbx 1 sh max=4096 body=rot13",
		"hello sbx 1 sh max=4096 uid=4294967296", "hello sbx 1 sh max=4096 cwd=\\0000",
		"hello sbx 1 sh max=4096 ", "hello", "hello sbx 1 sh max=4096 kept=1000000000",
		"hello sbx 1 sh max=4096 kept=", "hello sbx 1 sh max=4096 terminal=yes" };
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
	assert_int_equal(info.said.kept, 0);
	assert_false(info.said.terminals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_carries_any_byte),
		cmocka_unit_test(text_is_as_proto_h_says),
		cmocka_unit_test(refuses_broken_text),
		cmocka_unit_test(encodes_each_request),
		cmocka_unit_test(says_whose_it_shall_be),
		cmocka_unit_test(refuses_ids_and_signals_that_cannot_be),
		cmocka_unit_test(encodes_bodies_as_text_when_asked),
		cmocka_unit_test(refuses_what_cannot_be_said),
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(peers_cannot_say_this_sides_errnos),
		cmocka_unit_test(refuses_malformed_answers),
		cmocka_unit_test(reads_run_ends),
		cmocka_unit_test(refuses_malformed_run_ends),
		cmocka_unit_test(any_split_gives_the_same),
		cmocka_unit_test(flipped_bytes_are_refused_or_harmless),
		cmocka_unit_test(endless_lines_are_refused),
		cmocka_unit_test(reads_records),
		cmocka_unit_test(refuses_malformed_records),
		cmocka_unit_test(strange_times_are_clamped),
		cmocka_unit_test(listings_come_in_any_split),
		cmocka_unit_test(cut_listings_are_refused),
		cmocka_unit_test(a_record_ends_where_its_bytes_begin),
		cmocka_unit_test(long_records_are_refused_in_any_split),
		cmocka_unit_test(listings_have_a_ceiling),
		cmocka_unit_test(listings_share_a_budget),
		cmocka_unit_test(reads_hellos),
		cmocka_unit_test(refuses_malformed_hellos),
		cmocka_unit_test(large_promises_are_cut),
	};

	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
