/*
 * An exec stream over SPDY: its frames, and a server that speaks it, does not, or means ill.
 */
#include "common/kube/spdy.h"

#include "common/base/io.h"
#include "common/base/wire.h"
#include "common/kube/upgrade.h"
#include "tests/lib/scene.h"

#include <setjmp.h>
#include <cmocka.h>
#include <sys/socket.h>

#define ANSWER(streams)                                                                            \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"         \
	"X-Stream-Protocol-Version: " streams "\r\n\r\n"

static const struct exec_spec spec_spdy = { .ns = "dev",
	.pod = "web",
	.argv = (const char *const[]){ "sh", NULL },
	.protocol = EXEC_SPDY };

/* --- what a server says ----------------------------------------------------------------- */

static void put_data(struct buf *b, uint32_t id, const char *text, size_t n)
{
	wire_u32(b, id);
	wire_u32(b, (uint32_t)n);
	buf_add(b, text, n);
}

static void put_control(struct buf *b, uint16_t type, uint32_t first, size_t n)
{
	static const char none[64];

	wire_u32(b, 0x80030000u | type);
	wire_u32(b, (uint32_t)n);
	wire_u32(b, first);
	buf_add(b, none, n - 4);
}

/* A reply to a stream, settings, a window, output, a ping, an error, the end. */
static void put_all(struct buf *b)
{
	put_control(b, 2, 5, 20);
	put_control(b, 4, 0, 12);
	put_control(b, 9, 3, 8);
	put_data(b, 5, "some output", 11);
	put_data(b, 5, "", 0);
	put_control(b, 6, 2, 4);
	put_control(b, 6, 1, 4); /* to a ping of ours */
	put_data(b, 7, "oh", 2);
	put_data(b, 1, SUCCESS, strlen(SUCCESS));
	put_control(b, 3, 5, 8);
	put_control(b, 7, 0, 8);
}

static int feed(const uint8_t *bytes, size_t n, size_t step, struct buf *ret)
{
	struct spdy_decoder d = { 0 };
	struct spdy_event e;
	int rc = 0;

	for (size_t at = 0; at < n && rc >= 0; at += step) {
		const uint8_t *p = bytes + at;
		size_t left = n - at < step ? n - at : step;

		while ((rc = spdy_decode(&d, &p, &left, &e)) > 0) {
			if (e.kind == SPDY_PING)
				buf_printf(ret, "[ping %u]", e.id);
			else if (e.kind == SPDY_CLOSE)
				buf_str(ret, "[close]");
			else
				buf_add(ret, e.message.data, e.message.n);
		}
		assert_true(rc < 0 || left == 0);
	}
	return rc;
}

static void however_it_is_split_the_same_is_heard(void **state)
{
	auto_buf all = BUF_INIT(4096);

	put_all(&all);
	for (size_t step = 1; step <= all.len; step++) {
		auto_buf heard = BUF_INIT(4096);

		assert_int_equal(feed((uint8_t *)all.data, all.len, step, &heard), 0);
		assert_string_equal(buf_text(&heard), "some output[ping 2]oh" SUCCESS "[close]");
	}
}

static void cut_or_changed_it_gives_no_more_than_was_sent(void **state)
{
	auto_buf all = BUF_INIT(4096);

	put_all(&all);
	for (size_t n = 0; n < all.len; n++) {
		auto_buf heard = BUF_INIT(4096);

		assert_int_equal(feed((uint8_t *)all.data, n, 7, &heard), 0);
		assert_null(strstr(buf_text(&heard), "[close]"));
	}
	for (size_t bit = 0; bit < all.len * 8; bit++) {
		auto_buf heard = BUF_INIT(8192);

		all.data[bit / 8] ^= 1 << bit % 8;
		feed((uint8_t *)all.data, all.len, 5, &heard);
		assert_true(heard.len <= all.len * 2);
		all.data[bit / 8] ^= 1 << bit % 8;
	}
}

static void what_is_not_ours_is_refused(void **state)
{
	static const uint8_t bad[][8] = {
		{ 0, 0, 0, 3, 0, 0, 0, 1 },          /* data for what we write */
		{ 0, 0, 0, 2, 0, 0, 0, 1 },          /* a stream of the server's */
		{ 0x80, 2, 0, 6, 0, 0, 0, 4 },       /* another version */
		{ 0x80, 3, 0, 4, 0, 1, 0, 1 },       /* a control frame over its ceiling */
		{ 'H', 'T', 'T', 'P', '/', '1', 0 }, /* no frame at all */
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct spdy_decoder d = { 0 };
		struct spdy_event e;
		const uint8_t *p = bad[i];
		size_t n = 8;

		assert_int_equal(spdy_decode(&d, &p, &n, &e), -EBADMSG);
		p = (const uint8_t *)"\0\0\0\5\0\0\0\1x";
		n = 9;
		assert_int_equal(spdy_decode(&d, &p, &n, &e), -EBADMSG);
	}
}

static void the_upgrade_is_checked(void **state)
{
	static const char *const bad[] = {
		ANSWER("v3.channel.k8s.io"),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
		"Upgrade\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n"
		"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
	};
	const char *good = ANSWER("v4.channel.k8s.io");
	struct upgrade_answer a;

	assert_int_equal(upgrade_answer(good, strlen(good), "", SPDY_PROTOCOL, &a), 1);
	assert_int_equal(a.status, 101);
	assert_string_equal(a.protocol, SPDY_PROTOCOL);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(
			upgrade_answer(bad[i], strlen(bad[i]), "", SPDY_PROTOCOL, &a), -EBADMSG);
}

/* --- a whole stream ------------------------------------------------------------------------ */

static bool recv_all(struct peer_conn *c, void *to, size_t n)
{
	return !n || recv(c->fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A frame's first four bytes, and its body; 0: the client has gone. */
static uint32_t recv_frame(struct peer_conn *c, struct buf *body)
{
	uint8_t head[8];
	uint32_t n;

	if (!recv_all(c, head, sizeof head))
		return 0;
	n = get32(head + 4) & 0xffffff;
	assert_true(n <= SPDY_DATA_MAX);
	buf_reset(body);
	if (!recv_all(c, buf_room(body, n + 1), n))
		return 0;
	buf_grew(body, n);
	return get32(head);
}

static void say(struct peer_conn *c, const struct buf *b)
{
	send(c->fd, b->data, b->len, MSG_NOSIGNAL);
}

/* The four streams, then what is said to stdin comes back in capitals, in two pieces, after a ping. */
static void echo_script(struct peer_conn *c)
{
	static const char *const types[] = { "error", "stdin", "stdout", "stderr" };
	auto_buf in = BUF_INIT(1 << 20);
	auto_buf out = BUF_INIT(1 << 20);

	assert_non_null(strstr(c->request, "\r\nUpgrade: SPDY/3.1\r\n"));
	assert_non_null(strstr(c->request, "\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n"));
	peer_reply(c, ANSWER("v4.channel.k8s.io"));
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(recv_frame(c, &in), 0x80030001);
		assert_int_equal(get32((uint8_t *)in.data), 2 * i + 1);
		assert_non_null(memmem(in.data, in.len, types[i], strlen(types[i])));
		put_control(&out, 2, 2 * i + 1, 12);
	}
	put_control(&out, 6, 4, 4);
	say(c, &out);
	for (bool ponged = false, heard = false; !ponged || !heard;) {
		uint32_t first = recv_frame(c, &in);

		ponged = ponged || first == 0x80030006;
		heard = heard || first == 3;
		if (first != 3)
			continue;
		for (size_t i = 0; i < in.len; i++)
			in.data[i] &= ~0x20;
		buf_reset(&out);
		put_data(&out, 5, in.data, 2);
		put_data(&out, 7, "hm", 2);
		put_data(&out, 5, in.data + 2, in.len - 2);
	}
	put_data(&out, 1, SUCCESS, strlen(SUCCESS));
	say(c, &out);
}

static void bytes_go_and_come_and_the_status_is_told(void **state)
{
	struct scene sc = scene_open(echo_script, NULL, &spec_spdy);
	struct exec_end end;
	char answer[6] = "";

	assert_int_equal(sc.rc, 0);
	assert_int_equal(io_write_all(exec_fd(sc.x), "hello", 5, deadline_after(WAIT_MS)), 0);
	assert_int_equal(io_read_all(exec_fd(sc.x), answer, 5, deadline_after(WAIT_MS)), 0);
	assert_string_equal(answer, "HELLO");
	end = end_of(&sc);
	assert_true(end.has_status && end.success);
	scene_close(&sc);
}

static void no_spdy_script(struct peer_conn *c)
{
	if (strstr(c->request, "SPDY/3.1")) {
		peer_reply(c, c->arg);
		return;
	}
	peer_upgrade(c, "v4.channel.k8s.io");
	say_status(c, SUCCESS);
}

static void where_it_is_refused_a_websocket_is_opened(void **state)
{
	static const char *const refusals[] = {
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
		"Upgrade\r\n\r\n",
		"nonsense\r\n\r\n",
		"",
	};

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		struct scene sc =
			scene_open(no_spdy_script, (void *)(uintptr_t)refusals[i], &spec_spdy);
		struct exec_end end = end_of(&sc);

		assert_true(end.success);
		scene_close(&sc);
	}
}

static void broken_script(struct peer_conn *c)
{
	peer_reply(c, ANSWER("v4.channel.k8s.io"));
	send(c->fd, "\0\0\0\2\0\0\0\5evil!", 13, MSG_NOSIGNAL);
	nobody_answers_script(c);
}

static void a_stream_that_was_not_opened_ends_it(void **state)
{
	struct scene sc = scene_open(broken_script, NULL, &spec_spdy);

	assert_int_equal(end_of(&sc).rc, -EBADMSG);
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(however_it_is_split_the_same_is_heard),
		cmocka_unit_test(cut_or_changed_it_gives_no_more_than_was_sent),
		cmocka_unit_test(what_is_not_ours_is_refused),
		cmocka_unit_test(the_upgrade_is_checked),
		cmocka_unit_test(bytes_go_and_come_and_the_status_is_told),
		cmocka_unit_test(where_it_is_refused_a_websocket_is_opened),
		cmocka_unit_test(a_stream_that_was_not_opened_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
