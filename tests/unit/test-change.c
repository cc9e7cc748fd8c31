/* What a far end tells of watched folders: its bytes, and who is told. */
#include "common/base/clock.h"
#include "common/remote/change.h"
#include "common/remote/codec.h"
#include "common/remote/record.h"
#include "tests/lib/peer.h"
#include "tests/lib/test.h"

#define RECORD "81a4 2049 11 1 0 0 5 8 1 2 3 0 0|.000000004|.000000005|.000000006|"

static int parse(uint64_t watch, const char *text, struct changes *ret)
{
	return changes_parse(watch, text, strlen(text), ret);
}

static void each_kind_is_read_in_order(void **state)
{
	auto_with(changes_fini) struct changes c = { 0 };

	CHECK_RC(parse(7, RECORD "a b/\n" RECORD "/\ngone x\ny/\ngone all/\nall/\nover/\n", &c), 0);
	assert_int_equal(c.count, 6);
	assert_int_equal(c.all[0].kind, CHANGE_THERE);
	CHECK_TEXT(c.all[0].entry.name, "a b");
	assert_int_equal(c.all[0].entry.attr.size, 5);
	assert_int_equal(c.all[0].entry.attr.ctime.tv_nsec, 5);
	assert_int_equal(c.all[1].kind, CHANGE_THERE);
	assert_null(c.all[1].entry.name);
	assert_int_equal(c.all[2].kind, CHANGE_GONE);
	CHECK_TEXT(c.all[2].entry.name, "x\ny");
	CHECK_TEXT(c.all[3].entry.name, "all");
	assert_int_equal(c.all[4].kind, CHANGE_ALL);
	assert_int_equal(c.all[5].kind, CHANGE_OVER);
}

static void refuses_what_is_no_change(void **state)
{
	static const char *const broken[] = { "x", "/", "/\n", "all", "all/", "all /\n", "all/\nx",
		"gone /\n", "gone ../\n", "gone ./\n", "gone a/b/\n", "gone a", "over",
		RECORD "../\n", RECORD "a/b/\n", RECORD "a/", "81a4 1/\n", "gone\n/\n", "lost/\n" };

	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct changes c = { 0 };

		CHECK_RC(parse(7, broken[i], &c), -EBADMSG);
		assert_null(c.all);
	}
}

static void of_all_folders_only_all_is_told(void **state)
{
	auto_with(changes_fini) struct changes c = { 0 };

	CHECK_RC(parse(0, "over/\n", &c), -EBADMSG);
	CHECK_RC(parse(0, "gone a/\n", &c), -EBADMSG);
	CHECK_RC(parse(0, RECORD "/\n", &c), -EBADMSG);
	CHECK_RC(parse(0, "all/\n", &c), 0);
	assert_int_equal(c.count, 1);
}

/* Cut anywhere and with any bit flipped: taken, then what is taken is sound, or refused. */
static void every_damage_is_found_or_harmless(void **state)
{
	static const char good[] = RECORD "name/\n" RECORD "/\ngone other/\nall/\nover/\n";

	for (size_t n = 0; n < sizeof(good); n++) {
		for (int bit = 0; bit < 8; bit++) {
			auto_with(changes_fini) struct changes c = { 0 };
			char bytes[sizeof(good)];

			memcpy(bytes, good, sizeof(good));
			bytes[n] ^= (char)(1 << bit);
			if (changes_parse(7, bytes, sizeof(good) - 1, &c) < 0)
				continue;
			for (size_t i = 0; i < c.count; i++)
				assert_true(
					!c.all[i].entry.name || !strchr(c.all[i].entry.name, '/'));
		}
		for (int all = 0; all < 2; all++) {
			auto_with(changes_fini) struct changes c = { 0 };
			bool whole = !n || (n > 1 && good[n - 2] == '/' && good[n - 1] == '\n');

			assert_int_equal(changes_parse(7, good, n, &c), whole ? 0 : -EBADMSG);
		}
	}
}

static void its_line_has_a_count_and_may_have_no_watch(void **state)
{
	static const char *const broken[] = { "c 1 0", "c 1", "c 1 1048577", "c 4294967296 5",
		"c -1 5", "c 1 5 5", "c" };
	struct answer a;

	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		CHECK_RC(answer_parse(broken[i], strlen(broken[i]), &a), -EBADMSG);
	CHECK_RC(answer_parse("c 0 5", 5, &a), 0);
	assert_int_equal(a.tag, 0);
	CHECK_RC(answer_parse("c 12 1048576", 12, &a), 0);
	assert_int_equal(a.tag, 12);
	assert_int_equal(a.n, 1048576);
}

/* --- over a stream --------------------------------------------------------------- */

struct seen {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct buf text;
};

static void note(void *arg, uint64_t watch, const struct change *changes, size_t count)
{
	struct seen *s = arg;

	scoped_lock(&s->lock);
	buf_printf(&s->text, "%ju:", (uintmax_t)watch);
	for (size_t i = 0; i < count; i++)
		change_print(&s->text, &changes[i]);
	pthread_cond_broadcast(&s->cond);
}

static void wait_for(struct seen *s, size_t n)
{
	pthread_mutex_lock(&s->lock);
	while (s->text.len < n) {
		struct timespec until = deadline_timespec(deadline_after(10000));

		assert_int_equal(pthread_cond_timedwait(&s->cond, &s->lock, &until), 0);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Tells of watch 3 in front of the answer to a ping, and of what it was asked. */
static void serve(struct peer *p, const struct peer_line *line)
{
	struct buf *asked = p->arg;

	if (strcmp(line->op, "unwatch") == 0)
		buf_printf(asked, "%s", line->args[0]);
	else if (strcmp(line->op, "list") == 0)
		peer_say(p, "= %s 0 3\n", line->tag);
	else if (strcmp(line->op, "stat") == 0)
		peer_say(p, "c 3 4\n../\n= %s\n", line->tag);
	else
		peer_say(p, "c 3 8\ngone x/\nc 0 5\nall/\n= %s\n", line->tag);
}

static const char watching[] =
	"hello sbx 1 static max=65536 body=raw calls=16 ops=stat,list,watch uid=0 gid=0 cwd=/\n";

static void a_stream_tells_between_its_answers(void **state)
{
	auto_with(remote_reply_fini) struct remote_reply reply = { 0 };
	auto_buf asked = BUF_INIT(100);
	struct seen s = { .lock = PTHREAD_MUTEX_INITIALIZER, .text = BUF_INIT(1000) };
	struct remote_request list = { .op = OP_LIST, .path = "/", .watch = true };
	struct remote_request ping = { .op = OP_PING }, stat = { .op = OP_STAT, .path = "/" };
	struct remote *r;
	struct peer p;
	int fd = peer_open(&p, watching, serve, &asked);

	clock_cond_init(&s.cond);
	CHECK_RC(remote_open(fd, deadline_after(10000), &r, NULL), 0);
	remote_on_change(r, note, &s);
	CHECK_RC(remote_call(r, &list, deadline_after(10000), &reply), 0);
	assert_int_equal(reply.watch, 3);
	CHECK_RC(remote_call(r, &ping, deadline_after(10000), &reply), 0);
	wait_for(&s, strlen("3:gone x/\n0:all/\n"));
	CHECK_TEXT(buf_text(&s.text), "3:gone x/\n0:all/\n");
	remote_unwatch(r, 3);
	CHECK_RC(remote_call(r, &ping, deadline_after(10000), &reply), 0);
	CHECK_TEXT(buf_text(&asked), "3");
	CHECK_RC(remote_call(r, &stat, deadline_after(10000), &reply), -EBADMSG);
	remote_close(r, 0);
	peer_close(&p);
	buf_fini(&s.text);
	pthread_cond_destroy(&s.cond);
}

static void who_cannot_tell_is_not_asked_to(void **state)
{
	auto_with(remote_reply_fini) struct remote_reply reply = { 0 };
	struct remote_request list = { .op = OP_LIST, .path = "/", .watch = true };
	auto_buf line = BUF_INIT(200);

	CHECK_RC(request_encode(&line, 1, &list, false), 0);
	CHECK_TEXT(buf_text(&line), "1 list / w\n");
	list.watch = false;
	buf_reset(&line);
	CHECK_RC(request_encode(&line, 1, &list, false), 0);
	CHECK_TEXT(buf_text(&line), "1 list /\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_read_in_order),
		cmocka_unit_test(refuses_what_is_no_change),
		cmocka_unit_test(of_all_folders_only_all_is_told),
		cmocka_unit_test(every_damage_is_found_or_harmless),
		cmocka_unit_test(its_line_has_a_count_and_may_have_no_watch),
		cmocka_unit_test(a_stream_tells_between_its_answers),
		cmocka_unit_test(who_cannot_tell_is_not_asked_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
