/* In a mount namespace of its own; what it mounts has nobody who answers. */
#include "fs/mountwatch.h"

#include "common/base/clock.h"
#include "common/base/mountinfo.h"
#include "fs/mount.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LONG_MS 20000

struct place {
	char top[64], one[80], two[80];
	int fuse, told[2];
	dev_t dev;
	atomic_bool used;
	struct mountwatch *watch;
};

static bool in_use(void *arg)
{
	struct place *p = arg;

	return atomic_load(&p->used);
}

static void gone(void *arg)
{
	struct place *p = arg;

	if (write(p->told[1], "x", 1) != 1)
		abort();
}

static bool is_told(struct place *p, int ms)
{
	struct pollfd fd = { .fd = p->told[0], .events = POLLIN };

	return poll(&fd, 1, ms) == 1;
}

static int set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	auto_free char *options = NULL;
	auto_mounts all = { 0 };

	*state = p;
	snprintf(p->top, sizeof(p->top), "/tmp/test-mountwatch.XXXXXX");
	assert_non_null(mkdtemp(p->top));
	assert_return_code(mount("none", p->top, "tmpfs", 0, NULL), errno);
	snprintf(p->one, sizeof(p->one), "%s/o ne", p->top);
	snprintf(p->two, sizeof(p->two), "%s/two", p->top);
	assert_return_code(mkdir(p->one, 0700), errno);
	assert_return_code(mkdir(p->two, 0700), errno);
	p->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	options = xprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", p->fuse);
	assert_return_code(mount("sbxfs:test", p->one, MOUNT_TYPE, 0, options), errno);
	assert_return_code(pipe2(p->told, O_CLOEXEC), errno);
	CHECK_RC(mounts_read(MOUNT_TYPE, &all, NULL), 0);
	assert_non_null(mounts_at(&all, p->one));
	p->dev = mounts_at(&all, p->one)->dev;
	CHECK_RC(mountwatch_open(p->dev, &(struct mountwatch_calls){ in_use, gone, p }, &p->watch),
		0);
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	mountwatch_close(p->watch);
	close(p->fuse);
	umount2(p->top, MNT_DETACH);
	rmdir(p->top);
	close(p->told[0]);
	close(p->told[1]);
	free(p);
	return 0;
}

static void tells_when_the_mount_is_gone(void **state)
{
	struct place *p = *state;

	assert_false(is_told(p, 0));
	assert_return_code(umount2(p->one, 0), errno);
	assert_true(is_told(p, LONG_MS));
}

/* A process in another namespace, which has a copy; it ends with the socket. */
static pid_t hold_a_copy(int *ret_fd)
{
	char c = 'x';
	int fds[2];
	pid_t pid;

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), errno);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		if (unshare(CLONE_NEWNS) < 0 || write(fds[1], &c, 1) != 1)
			_exit(1);
		_exit(read(fds[1], &c, 1) == 0 ? 0 : 1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	*ret_fd = fds[0];
	return pid;
}

static void a_copy_elsewhere_does_not_count(void **state)
{
	struct place *p = *state;
	int fd, status;
	pid_t pid = hold_a_copy(&fd);

	assert_return_code(umount2(p->one, 0), errno);
	assert_true(is_told(p, LONG_MS));
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void moved_bound_or_covered_it_is_there(void **state)
{
	struct place *p = *state;

	assert_return_code(mount(p->one, p->two, NULL, MS_MOVE, NULL), errno);
	assert_return_code(mount(p->two, p->one, NULL, MS_BIND, NULL), errno);
	assert_return_code(umount2(p->two, 0), errno);
	assert_return_code(mount("none", p->one, "tmpfs", 0, NULL), errno);
	assert_false(is_told(p, 1500)); /* nothing comes: that is what is tested */
	assert_return_code(umount2(p->one, 0), errno);
	assert_return_code(umount2(p->one, 0), errno);
	assert_true(is_told(p, LONG_MS));
}

static void who_has_files_open_is_waited_for(void **state)
{
	struct place *p = *state;

	atomic_store(&p->used, true);
	assert_return_code(umount2(p->one, MNT_DETACH), errno);
	assert_false(is_told(p, 1500));
	atomic_store(&p->used, false);
	assert_true(is_told(p, LONG_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_when_the_mount_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_copy_elsewhere_does_not_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			moved_bound_or_covered_it_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_has_files_open_is_waited_for, set_up, tear_down),
	};

	if (access("/dev/fuse", W_OK) < 0 || unshare(CLONE_NEWNS) < 0 ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("# this wants /dev/fuse and a mount namespace\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
