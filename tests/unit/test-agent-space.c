/*
 * Space in files, extended attributes, owners, devices and long paths, asked of each far end. What one
 * cannot do it refuses, so that the client's kernel does it some other way.
 */
#include "common/remote/proto.h"
#include "tests/lib/agent.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static void wants(struct agent *f, struct remote_request rq, int rc)
{
	CHECK_RC(agent_try(f, rq), agent_serves(f, rq.op) ? rc : -ENOSYS);
}

#define WANTS(rc, ...) wants(f, (struct remote_request){ __VA_ARGS__ }, rc)

static bool is_static(void)
{
	return strcmp(agent_tier(), "static") == 0;
}

static uint64_t open_file(struct agent *f, const char *path, uint32_t flags)
{
	struct remote_request rq = { .op = OP_OPEN, .path = path, .flags = flags, .mode = 0600 };
	struct remote_reply reply;
	uint64_t handle;

	CHECK_RC(agent_ask(f, rq, &reply), 0);
	handle = reply.handle;
	remote_reply_fini(&reply);
	return handle;
}

static void write_here(const char *path, const char *bytes, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), strlen(bytes));
	close(fd);
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static void allocates_and_punches(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "space");
	uint64_t h = open_file(f, path, OPEN_READ | OPEN_WRITE | OPEN_CREATE);
	struct remote_request rq = { .op = OP_FALLOCATE, .handle = h, .size = 8192 };
	bool holes = agent_try(f, rq) == 0; /* else this machine's file system has no such thing */
	char bytes[4] = "";
	int fd;

	wants(f, rq, holes ? 0 : -EOPNOTSUPP);
	if (!agent_serves(f, OP_FALLOCATE) || !holes)
		return;
	assert_int_equal(size_of(path), 8192);
	rq.size = 16384;
	rq.flags = FALLOC_KEEP;
	if (agent_try(f, rq) == -EOPNOTSUPP) /* busybox's tool */
		return;
	assert_int_equal(size_of(path), 8192);
	write_here(path, "data", 4096);
	WANTS(0, .op = OP_FALLOCATE, .handle = h, .flags = FALLOC_KEEP | FALLOC_PUNCH,
		.offset = 4096, .size = 4096);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, bytes, 4, 4096), 4);
	close(fd);
	assert_memory_equal(bytes, "\0\0\0\0", 4);
	WANTS(-EINVAL, .op = OP_FALLOCATE, .handle = h, .size = 0);
	WANTS(-EBADF, .op = OP_FALLOCATE, .handle = 999, .size = 1);
}

static int seek(struct agent *f, uint64_t h, uint64_t offset, bool hole, uint64_t *ret)
{
	struct remote_request rq = { .op = OP_SEEK, .handle = h, .offset = offset, .hole = hole };
	struct remote_reply reply;
	int rc = agent_ask(f, rq, &reply);

	*ret = reply.offset;
	remote_reply_fini(&reply);
	return rc;
}

static void finds_holes(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "holes");
	uint64_t at, h;

	write_here(path, "data", 4 * MIB);
	h = open_file(f, path, OPEN_READ);
	if (!agent_serves(f, OP_SEEK)) {
		assert_false(is_static());
		return;
	}
	CHECK_RC(seek(f, h, 0, true, &at), 0);
	assert_int_equal(at, 0);
	CHECK_RC(seek(f, h, 0, false, &at), 0);
	assert_int_equal(at, 4 * MIB);
	CHECK_RC(seek(f, h, 4 * MIB, true, &at), 0);
	assert_int_equal(at, 4 * MIB + 4);
	CHECK_RC(seek(f, h, 5 * MIB, false, &at), -ENXIO);
}

static int copy(struct agent *f, struct remote_request rq, uint64_t *ret)
{
	struct remote_reply reply;
	int rc;

	rq.op = OP_COPY;
	rc = agent_ask(f, rq, &reply);
	*ret = reply.n;
	assert_true(rc < 0 || reply.has_attr);
	remote_reply_fini(&reply);
	return rc;
}

#define COPY(ret, ...) copy(f, (struct remote_request){ __VA_ARGS__ }, ret)

static void copies_inside(void **state)
{
	struct agent *f = *state;
	const char *from = agent_in(f, "from"), *to = agent_in(f, "to");
	uint64_t a, b, n;
	char bytes[16] = "";
	int fd;

	write_here(from, "0123456789", 0);
	write_here(to, "abcdefghij", 0);
	a = open_file(f, from, OPEN_READ);
	b = open_file(f, to, OPEN_READ | OPEN_WRITE);
	if (!agent_serves(f, OP_COPY))
		return;
	CHECK_RC(COPY(&n, .handle = b, .offset = 2, .size = 3, .handle2 = a, .offset2 = 4), 0);
	assert_int_equal(n, 3);
	CHECK_RC(COPY(&n, .handle = b, .offset = 8, .size = 100, .handle2 = a, .offset2 = 7), 0);
	assert_int_equal(n, 3);
	CHECK_RC(COPY(&n, .handle = b, .offset = 0, .size = 100, .handle2 = a, .offset2 = 10), 0);
	assert_int_equal(n, 0);
	fd = open(to, O_RDONLY);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 11);
	close(fd);
	assert_string_equal(bytes, "ab456fgh789");
	CHECK_RC(COPY(&n, .handle = a, .size = 1, .handle2 = b), -EBADF);
	CHECK_RC(COPY(&n, .handle = b, .size = 1, .handle2 = 999), -EBADF);
}

static bool disk_has_xattr(const char *path)
{
	return setxattr(path, "user.probe", "x", 1, 0) == 0 && removexattr(path, "user.probe") == 0;
}

static void keeps_extended_attributes(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "attributes");
	struct remote_request rq = { .op = OP_GETXATTR, .path = path, .name = "user.a b" };
	struct remote_reply reply;

	write_here(path, "x", 0);
	assert_true(agent_serves(f, OP_GETXATTR) || !is_static());
	if (!agent_serves(f, OP_GETXATTR) || !disk_has_xattr(path))
		return;
	WANTS(0, .op = OP_SETXATTR, .path = path, .name = "user.a b", .data = "1\n\0", .n = 3);
	WANTS(-EEXIST, .op = OP_SETXATTR, .path = path, .name = "user.a b", .flags = XATTR_NEW,
		.data = "1", .n = 1);
	WANTS(-ENODATA, .op = OP_SETXATTR, .path = path, .name = "user.b", .flags = XATTR_THERE,
		.data = "1", .n = 1);
	rq.size = 2;
	WANTS(-ERANGE, .op = OP_GETXATTR, .path = path, .name = "user.a b", .size = 2);
	rq.size = PROTO_XATTR_MAX;
	CHECK_RC(agent_ask(f, rq, &reply), 0);
	assert_int_equal(reply.n, 3);
	assert_memory_equal(reply.data, "1\n\0", 3);
	remote_reply_fini(&reply);
	rq.op = OP_LISTXATTR;
	CHECK_RC(agent_ask(f, rq, &reply), 0);
	assert_int_equal(reply.n, strlen("user.a b") + 1);
	assert_string_equal(reply.data, "user.a b");
	remote_reply_fini(&reply);
	WANTS(0, .op = OP_REMOVEXATTR, .path = path, .name = "user.a b");
	WANTS(-ENODATA, .op = OP_REMOVEXATTR, .path = path, .name = "user.a b");
}

static void is_owned(const char *path, uid_t uid, gid_t gid)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
}

/* Where chown is to be had. */
static void gives_what_is_made_to_its_maker(void **state)
{
	struct agent *f = *state;
	const char *file = agent_in(f, "file"), *dir = agent_in(f, "dir"), *link = agent_in(f, "l");
	const char *set_gid = agent_in(f, "dir/x");
	uid_t uid = geteuid() == 0 ? 65534 : geteuid();
	gid_t gid = geteuid() == 0 ? 65533 : getegid();

	if (strcmp(agent_tier(), "reduced") == 0 || strcmp(agent_tier(), "ls") == 0)
		return; /* without chown */
	WANTS(0, .op = OP_OPEN, .path = file, .flags = OPEN_WRITE | OPEN_CREATE, .mode = 0644,
		.owned = true, .uid = uid, .gid = gid);
	is_owned(file, uid, gid);
	WANTS(0, .op = OP_OPEN, .path = file, .flags = OPEN_WRITE | OPEN_CREATE, .mode = 0644,
		.owned = true, .uid = geteuid(), .gid = getegid());
	is_owned(file, uid, gid);
	WANTS(0, .op = OP_MKDIR, .path = dir, .mode = 0755, .owned = true, .uid = uid, .gid = gid);
	is_owned(dir, uid, gid);
	WANTS(0, .op = OP_SYMLINK, .path = link, .path2 = "x", .owned = true, .uid = uid,
		.gid = gid);
	is_owned(link, uid, gid);
	assert_int_equal(chmod(dir, 02755), 0);
	WANTS(0, .op = OP_OPEN, .path = set_gid, .flags = OPEN_WRITE | OPEN_CREATE, .mode = 0644,
		.owned = true, .uid = REMOTE_ID_KEEP, .gid = getegid());
	is_owned(set_gid, geteuid(), gid);
}

static void makes_devices(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "null");
	struct stat st;

	if (!is_static() || geteuid() != 0)
		return;
	if (agent_try(f, (struct remote_request){ .op = OP_MKNOD,
				 .path = path,
				 .mode = S_IFCHR | 0600,
				 .rdev_major = 1,
				 .rdev_minor = 3 }) == -EPERM)
		return; /* a container without CAP_MKNOD */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_rdev, makedev(1, 3));
	WANTS(-EPERM, .op = OP_MKNOD, .path = agent_in(f, "d"), .mode = S_IFDIR | 0700);
}

/* Longer than the kernel takes in one call. */
static void goes_down_deep(void **state)
{
	struct agent *f = *state;
	auto_buf path = BUF_INIT(PROTO_PATH_MAX);
	char name[201];

	memset(name, 'n', sizeof(name) - 1);
	name[200] = '\0';
	if (!agent_serves(f, OP_MKDIR))
		return;
	buf_str(&path, agent_in(f, "deep"));
	WANTS(0, .op = OP_MKDIR, .path = buf_text(&path), .mode = 0755);
	while (path.len < (is_static() ? 6000 : 3600)) {
		buf_char(&path, '/');
		buf_str(&path, name);
		WANTS(0, .op = OP_MKDIR, .path = buf_text(&path), .mode = 0755);
	}
	WANTS(0, .op = OP_STAT, .path = buf_text(&path));
	WANTS(0, .op = OP_LIST, .path = buf_text(&path));
	if (!is_static())
		return;
	buf_str(&path, "/f");
	WANTS(0, .op = OP_OPEN, .path = buf_text(&path), .flags = OPEN_WRITE | OPEN_CREATE,
		.mode = 0600);
	WANTS(0, .op = OP_RENAME, .path = buf_text(&path), .path2 = agent_in(f, "up"));
	assert_int_equal(size_of(agent_in(f, "up")), 0);
	WANTS(-ENOENT, .op = OP_STAT, .path = buf_text(&path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(allocates_and_punches, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(finds_holes, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(copies_inside, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(keeps_extended_attributes, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			gives_what_is_made_to_its_maker, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(makes_devices, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(goes_down_deep, agent_start, agent_stop),
	};
	int rc = agent_prepare();

	if (rc)
		return rc;
	rc = cmocka_run_group_tests_name(agent_tier(), tests, NULL, NULL);
	agent_tidy();
	return rc;
}
