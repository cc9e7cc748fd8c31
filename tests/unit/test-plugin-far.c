/*
 * Whose a file is that a copy replaces: another's, where that cannot be kept, by both far ends. As root alone: the
 * copier is somebody else then.
 */
#include "plugin/farsys.h"

#include "common/base/io.h"
#include "common/remote/pack/copy.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define NOBODY 65534
#define LARGE  (PACK_SMALL + 5000)

struct scene {
	char dir[40];
	char *src, *dst;
	char *bytes;
};

static int gone(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void put(const char *dir, const char *name, const void *bytes, size_t n)
{
	auto_free char *path = xprintf("%s/%s", dir, name);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
}

/* Files of root's in a folder of nobody's, and what is to replace them. */
static int set_up(void **state)
{
	struct scene *sc = xcalloc(1, sizeof(*sc));

	snprintf(sc->dir, sizeof(sc->dir), "/tmp/sbx-far.XXXXXX");
	if (!mkdtemp(sc->dir) || chmod(sc->dir, 0755) < 0)
		return -1;
	sc->src = xprintf("%s/src", sc->dir);
	sc->dst = xprintf("%s/dst", sc->dir);
	sc->bytes = xcalloc(1, LARGE);
	memset(sc->bytes, 'n', LARGE);
	*state = sc;
	if (mkdir(sc->src, 0755) < 0 || mkdir(sc->dst, 0777) < 0 ||
		(!geteuid() && chown(sc->dst, NOBODY, NOBODY) < 0))
		return -1;
	put(sc->src, "small", sc->bytes, 10);
	put(sc->src, "large", sc->bytes, LARGE);
	put(sc->dst, "small", "old", 3);
	put(sc->dst, "large", "old", 3);
	return 0;
}

static int tear_down(void **state)
{
	struct scene *sc = *state;

	nftw(sc->dir, gone, 20, FTW_DEPTH | FTW_PHYS);
	free(sc->src);
	free(sc->dst);
	free(sc->bytes);
	free(sc);
	return 0;
}

static void count_fail(void *arg, uint8_t type, const uint8_t *data, size_t n)
{
	unsigned *fails = arg;

	*fails += type == PACK_FAIL;
}

static int copy_over(const struct scene *sc, int fd)
{
	auto_free char *small = xprintf("%s/small", sc->src), *large = xprintf("%s/large", sc->src);
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);
	unsigned fails = 0;
	const struct pack_watch watch = { count_fail, count_fail, &fails };
	struct pack_job job[2];
	struct pack_side side = { .sys = &pack_sys_here, .job = &job[0], .watch = &watch };
	int rc;

	for (int i = 0; i < 2; i++) {
		pack_job_init(&job[i]);
		job[i].flags = i ? 0 : PACK_JOB_SOURCE;
		pack_list_add(&job[i].paths, i ? "small" : small, strlen(i ? "small" : small));
		pack_list_add(&job[i].paths, i ? "large" : large, strlen(i ? "large" : large));
	}
	job[1].dst = xstrdup(sc->dst);
	rc = pack_pipe_open(fd, fd, false, &side.pipe);
	pack_job_put(&b, &job[1]);
	if (rc == 0)
		rc = pack_pipe_send(side.pipe, PACK_JOB, b.data, b.len);
	if (rc == 0)
		rc = pack_source(&side);
	pack_pipe_close(side.pipe);
	pack_job_fini(&job[0]);
	pack_job_fini(&job[1]);
	return rc < 0 ? rc : (int)fails;
}

static void *serve(void *arg)
{
	int *fd = arg;

	pack_serve(*fd, *fd, true, &pack_sys_here, NULL, 2);
	shutdown(*fd, SHUT_RDWR);
	return NULL;
}

static int copy_to_own_files(const struct scene *sc)
{
	pthread_t thread;
	int fds[2], rc;

	if (io_pair(fds) < 0 || pthread_create(&thread, NULL, serve, &fds[1]))
		return -1;
	rc = copy_over(sc, fds[0]);
	close(fds[0]);
	pthread_join(thread, NULL);
	close(fds[1]);
	return rc;
}

static int copy_to_agent_sh(const struct scene *sc)
{
	const struct session_spec spec = { .ns = "test", .pod = "local", .agent_sh = true };
	struct far_agent *far;
	struct err err = { 0 };
	int rc = far_agent_open(&spec, &far, &err);

	if (rc < 0)
		return rc;
	rc = copy_over(sc, far_agent_fd(far));
	far_agent_close(far);
	return rc;
}

static void check_replaced(const struct scene *sc, const char *name, size_t n)
{
	auto_free char *path = xprintf("%s/%s", sc->dst, name);
	auto_buf b = BUF_INIT(2 * LARGE);
	struct stat st;

	CHECK_RC(io_read_file(path, &b), 0);
	assert_int_equal(b.len, n);
	assert_memory_equal(b.data, sc->bytes, n);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, NOBODY);
}

static void as_nobody(const struct scene *sc, int (*copy)(const struct scene *sc))
{
	int status, pid;

	if (geteuid())
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0 ||
			copy(sc) != 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	check_replaced(sc, "small", 10);
	check_replaced(sc, "large", LARGE);
}

static void anothers_file_is_replaced_though_its_owner_cannot_be_kept(void **state)
{
	as_nobody(*state, copy_to_own_files);
}

static void so_it_is_by_agent_sh(void **state)
{
	as_nobody(*state, copy_to_agent_sh);
}

static void give_away(const struct scene *sc, const char *name)
{
	auto_free char *path = xprintf("%s/%s", sc->dst, name);

	assert_int_equal(chown(path, NOBODY, 7), 0);
}

static void who_may_keeps_the_owner(void **state)
{
	struct scene *sc = *state;

	if (geteuid())
		skip(); /* it frees nothing */
	give_away(sc, "small");
	give_away(sc, "large");
	assert_int_equal(copy_to_own_files(sc), 0);
	check_replaced(sc, "small", 10);
	check_replaced(sc, "large", LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			anothers_file_is_replaced_though_its_owner_cannot_be_kept, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(so_it_is_by_agent_sh, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_may_keeps_the_owner, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
