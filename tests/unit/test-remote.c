#include "tests/lib/test.h"
#include "tests/lib/peer.h"

#include "common/base/clock.h"
#include "common/remote/remote.h"

static struct remote *open_to(struct peer *p, const char *hello,
	void (*serve)(struct peer *p, const struct peer_line *line), void *arg)
{
	struct remote *r = NULL;
	struct err err = { "" };
	int fd = peer_open(p, hello, serve, arg);
	int rc = remote_open(fd, deadline_after(5000), &r, &err);

	if (rc < 0)
		fail_msg("remote_open: %s: %s", errno_name(rc), err.text);
	return r;
}

#define RECORD "81a4 1 42 1 0 0 5 8 1 2 3 0 0|.5|.25|/\n"

static void serve_well(struct peer *p, const struct peer_line *line)
{
	if (strcmp(line->op, "stat") == 0 && strcmp(line->args[0], "/none") == 0)
		peer_say(p, "! %s ENOENT it\\0040is\\0040not there\n", line->tag);
	else if (strcmp(line->op, "stat") == 0)
		peer_say(p, "d %s %zu\n%s= %s\n", line->tag, strlen(RECORD), RECORD, line->tag);
	else if (line->tag[0] != '0')
		peer_say(p, "= %s\n", line->tag);
}

static void tells_attributes(void **state)
{
	struct peer p;
	struct remote *r = open_to(&p, PEER_HELLO, serve_well, NULL);
	struct remote_request rq = { .op = OP_STAT, .path = "/etc/passwd" };
	struct remote_reply reply;

	CHECK_RC(remote_call(r, &rq, deadline_after(5000), &reply), 0);
	assert_true(reply.has_attr);
	assert_int_equal(reply.attr.ino, 42);
	assert_int_equal(reply.attr.mtime.tv_nsec, 500000000);
	remote_reply_fini(&reply);
	rq.path = "/none";
	CHECK_RC(remote_call(r, &rq, deadline_after(5000), &reply), -ENOENT);
	assert_string_equal(reply.err.text, "it is not there");
	remote_reply_fini(&reply);
	remote_close(r, 1000);
	peer_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_attributes),
	};

	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
