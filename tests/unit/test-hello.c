/* How the static agent comes into a sandbox: placed once, found again, and what else there may be. */
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/hello.h"
#include "common/remote/placing.h"
#include "common/remote/remote.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define LONG_MS 30000

/* What is done to the folders of the loader before it runs, in a mount namespace of its own. */
static const char all_fresh[] = "for d in /dev/shm /var/tmp /tmp /run; do "
				"mount -t tmpfs none $d || exit 77; done; cd /run;";

struct far {
	int fd, pid;
	struct hello hello;
	struct remote *r;
	int rc;
};

/* The loader by this shell, behind what prepares its folders; both stay there. */
static int spawn(struct far *f, const char *prepare, const char *shell)
{
	auto_buf script = BUF_INIT(8192);
	struct err err = { "" };
	const char *argv[] = { "unshare", "-m", "sh", "-c", NULL, "sh", NULL, NULL };

	/* By a descriptor: the program may lie in one of those folders. */
	buf_str(&script, "[ -z \"$SBX_AGENT_PROGRAM\" ] || exec 9<\"$SBX_AGENT_PROGRAM\";");
	buf_str(&script, all_fresh);
	buf_str(&script, prepare);
	buf_str(&script, "exec 9<&-; exec ");
	buf_str(&script, shell);
	buf_str(&script, " -c \"$1\"");
	argv[4] = buf_text(&script);
	argv[6] = hello_boot()[2];
	return hello_spawn(argv, &f->fd, &f->pid, &err);
}

static void start_with(struct far *f, const char *prepare, const char *shell)
{
	struct err err = { "" };

	assert_int_equal(spawn(f, prepare, shell), 0);
	f->rc = hello_place(f->fd, &f->hello, deadline_after(LONG_MS), &err);
	if (f->rc == 0)
		f->rc = remote_open(f->fd, deadline_after(LONG_MS), &f->r, &err);
	if (f->rc < 0)
		print_message("# %s\n", err.text);
}

static void start(struct far *f, const char *prepare)
{
	start_with(f, prepare, "sh");
}

static void stop(struct far *f)
{
	remote_close(f->r, 5000);
	kill(-f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
}

static void is_kind(struct far *f, const char *kind)
{
	struct remote_request rq = { .op = OP_STAT, .path = "/" };
	struct remote_reply reply;

	CHECK_RC(f->rc, 0);
	assert_string_equal(remote_info(f->r)->kind, kind);
	CHECK_RC(remote_call(f->r, &rq, deadline_after(LONG_MS), &reply), 0);
	remote_reply_fini(&reply);
}

/* How many names of folder, seen from the sandbox, begin as the agent's do; the mode of the last. */
static int found(struct far *f, const char *folder, uint32_t *ret_mode)
{
	struct remote_request rq = { .op = OP_LIST, .path = folder };
	struct remote_reply reply;
	int count = 0;

	CHECK_RC(remote_call(f->r, &rq, deadline_after(LONG_MS), &reply), 0);
	for (size_t i = 0; i < reply.entry_count; i++) {
		if (strncmp(reply.entries[i].name, ".sbx-agent-", 11) == 0) {
			*ret_mode = reply.entries[i].attr.mode;
			count++;
		}
	}
	remote_reply_fini(&reply);
	return count;
}

static void is_placed_in(struct far *f, const char *folder)
{
	static const char *const folders[] = { "/dev/shm", "/var/tmp", "/tmp", "/run" };
	uint32_t mode = 0;

	is_kind(f, "static");
	assert_string_equal(f->hello.why, "");
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		assert_int_equal(found(f, folders[i], &mode), strcmp(folders[i], folder) == 0);
	assert_int_equal(mode, S_IFREG | 0700);
}

static void is_placed_once_by_each_shell(void **state)
{
	static const char *const shells[] = { "dash", "bash", "busybox sh" };

	if (!*state)
		skip();
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		struct far f = { 0 };

		start_with(&f, "", shells[i]);
		is_placed_in(&f, "/var/tmp");
		assert_true(f.hello.sent > 10000);
		stop(&f);
	}
}

static void goes_where_it_can_be_written_and_executed(void **state)
{
	static const struct {
		const char *prepare, *folder;
	} cases[] = {
		{ "mount -o remount,noexec /var/tmp;", "/tmp" },
		{ "mount -o remount,ro /var/tmp; mount -o remount,noexec /tmp;", "/dev/shm" },
		/* full; its temporary name there does not stay */
		{ "mount -o remount,ro /var/tmp; mount -o remount,ro /tmp; umount /dev/shm; "
		  "mount -t tmpfs -o size=4k none /dev/shm;",
			"/run" },
	};

	if (!*state)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct far f = { 0 };

		start(&f, cases[i].prepare);
		is_placed_in(&f, cases[i].folder);
		stop(&f);
	}
}

/* By printf: as an image without such a dd. */
static void is_placed_without_dd(void **state)
{
	struct far f = { 0 };

	if (!*state)
		skip();
	start(&f, "mkdir b; for i in sh uname chmod rm; do ln -s $(command -v $i) b/; done;"
		  "PATH=/run/b;");
	is_placed_in(&f, "/var/tmp");
	stop(&f);
}

static void falls_back_to_a_shell(void **state)
{
	static const char *const cases[] = {
		"for d in /dev/shm /var/tmp /tmp /run; do mount -o remount,noexec $d; done;",
		"for d in /dev/shm /var/tmp /tmp /run; do mount -o remount,ro $d; done; cd /proc;",
		/* a full disk */
		"for d in /dev/shm /var/tmp /tmp /run; do mount -o remount,size=16k $d; done;",
		"mkdir b; for i in cat stat dd sh sleep rm uname; do ln -s $(command -v $i) b/; "
		"done; PATH=/run/b;",
		"mkdir b; for i in cat stat dd sh sleep rm chmod; do ln -s $(command -v $i) b/; "
		"done; PATH=/run/b;",
	};

	if (!*state)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct far f = { 0 };

		start(&f, cases[i]);
		is_kind(&f, "sh");
		assert_true(strlen(f.hello.why) > 10);
		stop(&f);
	}
}

/*
 * The name of what is placed, by having it placed. Then the folder is given this content and the
 * loader runs again: it must take or pass over what it finds.
 */
static void takes_only_what_is_its_own(void **state)
{
	static const struct {
		const char *prepare;
		bool placed; /* anew */
	} cases[] = {
		{ "cp $agent $f; chmod 700 $f;", false },
		{ "cp $agent $f; chmod 600 $f;", true },
		{ "cp $agent $f; chmod 700 $f; chown 65534 $f;", true },
		{ "cp $agent x; chmod 700 x; ln -s /run/x $f;", true },
		{ "mkdir $f;", true },
		{ "head -c 1000 $agent >$f; chmod 700 $f;", true },
		{ "printf '#!/bin/false\\n' >$f; chmod 700 $f;", true },
		{ ": >$f; chmod 700 $f;", true },
	};

	if (!*state || !getenv("SBX_AGENT_PROGRAM"))
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_buf prepare = BUF_INIT(4096);
		struct far f = { 0 };

		buf_printf(&prepare,
			"agent=/proc/self/fd/9 f=/var/tmp/$(echo '%s' | tr ' ]' '\\n\\n' | "
			"sed -n 's,.*/\\(.sbx-agent-[0-9a-f]*\\).*,\\1,p' | head -n 1);",
			strstr(hello_boot()[2], "/.sbx"));
		buf_str(&prepare, cases[i].prepare);
		start(&f, buf_text(&prepare));
		is_kind(&f, "static");
		assert_int_equal(f.hello.sent > 0, cases[i].placed);
		stop(&f);
	}
}

static void is_not_placed_when_only_wanted_if_there(void **state)
{
	struct far f = { .hello = { .only_there = true } };
	uint32_t mode;

	if (!*state)
		skip();
	start(&f, "");
	is_kind(&f, "sh");
	assert_int_equal(f.hello.sent, 0);
	assert_int_equal(found(&f, "/var/tmp", &mode), 0);
	stop(&f);
}

/* --- far ends that are not what they say ------------------------------------------------------ */

static int place_with(int fd, struct hello *h, int timeout_ms)
{
	struct err err = { "" };

	return hello_place(fd, h, deadline_after(timeout_ms), &err);
}

static void say(int fd, const char *text)
{
	CHECK_RC(io_write_all(fd, text, strlen(text), deadline_after(5000)), 0);
}

static void stops_at_one_that_wants_for_ever(void **state)
{
	struct hello h = { .only_there = false };
	int fds[2];

	CHECK_RC(io_pair(fds), 0);
	if (fork() == 0) {
		struct pollfd p = { .fd = fds[1], .events = POLLIN | POLLOUT };
		char text[4096];

		close(fds[0]);
		io_nonblock(fds[1]);
		while (poll(&p, 1, LONG_MS) == 1) {
			if ((p.revents & POLLIN) && read(fds[1], text, sizeof(text)) <= 0)
				break;
			if ((p.revents & POLLOUT) && write(fds[1], "sbx want x86_64\n", 16) < 0 &&
				errno != EAGAIN)
				break;
		}
		_exit(0);
	}
	close(fds[1]);
	/* The second want gets agent.sh, and that is the last: remote_open meets the rest as noise. */
	CHECK_RC(place_with(fds[0], &h, LONG_MS), 0);
	close(fds[0]);
	wait(NULL);
}

static void ends_with_its_deadline_its_peer_or_its_ceiling(void **state)
{
	struct hello h = { .only_there = false };
	static char noise[70000];
	int fds[2];

	CHECK_RC(io_pair(fds), 0);
	say(fds[1], "Welcome!\nhel");
	CHECK_RC(place_with(fds[0], &h, 50), -ETIMEDOUT);
	close(fds[1]);
	CHECK_RC(place_with(fds[0], &h, 5000), -EPIPE);
	close(fds[0]);
	CHECK_RC(io_pair(fds), 0);
	memset(noise, 'x', sizeof(noise) - 1);
	say(fds[1], noise);
	CHECK_RC(place_with(fds[0], &h, 5000), -EBADMSG);
	close(fds[0]);
	close(fds[1]);
}

/* In every split: nothing of the hello is taken, and all before it is. */
static void leaves_the_hello_where_it_is(void **state)
{
	static const char text[] = "noise\r\nhello\nhello sb\n xhello sbx 1\nhello sbx 1 sh\n";
	static const char left[] = "hello sbx 1 sh\n";

	for (size_t cut = 0; cut < strlen(text); cut++) {
		struct hello h = { .only_there = false };
		char got[32] = "";
		int fds[2];
		pid_t pid;

		CHECK_RC(io_pair(fds), 0);
		CHECK_RC(io_write_all(fds[1], text, cut, deadline_after(5000)), 0);
		pid = fork();
		if (pid == 0) {
			say(fds[1], text + cut);
			_exit(0);
		}
		CHECK_RC(place_with(fds[0], &h, 5000), 0);
		waitpid(pid, NULL, 0);
		CHECK_RC(io_read_all(fds[0], got, strlen(left), deadline_after(5000)), 0);
		assert_string_equal(got, left);
		close(fds[0]);
		close(fds[1]);
	}
}

/* A mount namespace can be made, and there is something to place on this machine. */
static int placing_setup(void **state)
{
	static char yes[] = "";
	struct utsname u;

	uname(&u);
	if (placing_has(u.machine, strlen(u.machine)) &&
		system("unshare -m mount -t tmpfs none /run 2>/dev/null") == 0)
		*state = yes;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stops_at_one_that_wants_for_ever),
		cmocka_unit_test(ends_with_its_deadline_its_peer_or_its_ceiling),
		cmocka_unit_test(leaves_the_hello_where_it_is),
		cmocka_unit_test(is_placed_once_by_each_shell),
		cmocka_unit_test(goes_where_it_can_be_written_and_executed),
		cmocka_unit_test(is_placed_without_dd),
		cmocka_unit_test(falls_back_to_a_shell),
		cmocka_unit_test(takes_only_what_is_its_own),
		cmocka_unit_test(is_not_placed_when_only_wanted_if_there),
	};

	return cmocka_run_group_tests(tests, placing_setup, NULL);
}
