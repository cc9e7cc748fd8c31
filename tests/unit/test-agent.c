/* What every far end must do with files, asked of agent.sh through the client's own calls. */
#include "tests/lib/agent.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* An op that the image lacks the tools for is refused, and nothing else. */
static void wants(struct agent *f, struct remote_request rq, int rc)
{
	CHECK_RC(agent_try(f, rq), agent_serves(f, rq.op) ? rc : -ENOSYS);
}

#define WANTS(rc, ...) wants(f, (struct remote_request){ __VA_ARGS__ }, rc)

#define CUT_TO(h, n)                                                                               \
	.op = OP_FSET, .handle = h, .sets = SET_SIZE, .size = n, SET_NO_OWNER, SET_NO_TIMES

static bool is_tier(const char *name)
{
	return strcmp(agent_tier(), name) == 0;
}

static void make_dir(const char *path)
{
	assert_int_equal(mkdir(path, 0755), 0);
}

static uint64_t open_file(struct agent *f, const char *path, uint32_t flags, uint32_t mode)
{
	struct remote_request rq = { .op = OP_OPEN, .path = path, .flags = flags, .mode = mode };
	struct remote_reply reply;
	uint64_t handle;

	CHECK_RC(agent_ask(f, rq, &reply), 0);
	assert_true(reply.has_attr);
	handle = reply.handle;
	remote_reply_fini(&reply);
	return handle;
}

static void read_is(
	struct agent *f, uint64_t h, uint64_t offset, size_t wanted, const char *bytes, size_t n)
{
	struct remote_request rq = { .op = OP_READ, .handle = h, .offset = offset, .size = wanted };
	struct remote_reply reply;

	CHECK_RC(agent_ask(f, rq, &reply), 0);
	assert_int_equal(reply.n, n);
	if (n)
		assert_memory_equal(reply.data, bytes, n);
	remote_reply_fini(&reply);
}

/* In pieces as large as the agent takes. */
static void write_all(struct agent *f, uint64_t h, uint64_t offset, const char *bytes, size_t n)
{
	size_t max = remote_info(f->r)->max;

	for (size_t at = 0; at < n; at += max)
		WANTS(0, .op = OP_WRITE, .handle = h, .offset = offset + at, .data = bytes + at,
			.n = n - at < max ? n - at : max);
}

static void reads_all(struct agent *f, uint64_t h, uint64_t offset, const char *bytes, size_t n)
{
	size_t max = remote_info(f->r)->max;

	for (size_t at = 0; at < n; at += max) {
		size_t part = n - at < max ? n - at : max;

		read_is(f, h, offset + at, part, bytes + at, part);
	}
}

static void keeps_every_byte_of_a_file(void **state)
{
	static const size_t sizes[] = { 0, 1, 511, 512, 4095, 4096, 65536, 1048576 };
	static char bytes[1048576];
	struct agent *f = *state;

	fill(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t h = open_file(f, agent_in(f, "f"),
			OPEN_READ | OPEN_WRITE | OPEN_CREATE | OPEN_TRUNC, 0600);

		write_all(f, h, 0, bytes, sizes[i]);
		write_all(f, h, sizes[i], bytes, 1);
		reads_all(f, h, 0, bytes, sizes[i]);
		read_is(f, h, sizes[i], 1000, bytes, 1);
		read_is(f, h, sizes[i] + 5, 1000, bytes, 0);
		if (sizes[i] > 1000)
			read_is(f, h, 777, 130, bytes + 777, 130);
		WANTS(0, .op = OP_FSYNC, .handle = h);
		WANTS(0, .op = OP_CLOSE, .handle = h);
		WANTS(-EBADF, .op = OP_WRITE, .handle = h, .data = "x", .n = 1);
	}
}

static void writes_in_the_middle_and_past_the_end(void **state)
{
	struct agent *f = *state;
	uint64_t h = open_file(f, agent_in(f, "m"), OPEN_READ | OPEN_WRITE | OPEN_CREATE, 0600);
	int rc = is_tier("reduced") ? -EOPNOTSUPP : 0;

	write_all(f, h, 0, "a\0cdefgh", 8);
	write_all(f, h, 0, "A", 1);
	read_is(f, h, 0, 100, "A\0cdefgh", 8);
	WANTS(rc, .op = OP_WRITE, .handle = h, .offset = 2, .data = "CD", .n = 2);
	WANTS(rc, .op = OP_WRITE, .handle = h, .offset = 10, .data = "\0z", .n = 2);
	if (!rc)
		read_is(f, h, 0, 100, "A\0CDefgh\0\0\0z", 12);
	WANTS(rc, CUT_TO(h, 5));
	WANTS(rc, CUT_TO(h, 7));
	if (!rc)
		read_is(f, h, 0, 100, "A\0CDe\0\0", 7);
}

static void tells_what_the_kernel_makes_up(void **state)
{
	struct agent *f = *state;
	uint64_t h = open_file(f, "/proc/version", OPEN_READ, 0);
	char version[256];
	FILE *file = fopen("/proc/version", "r");
	size_t n = fread(version, 1, sizeof(version), file);

	fclose(file);
	read_is(f, h, 0, sizeof(version), version, n);
	read_is(f, h, 3, 5, version + 3, 5);
}

static void appends(void **state)
{
	struct agent *f = *state;
	uint64_t h = open_file(f, agent_in(f, "a"), OPEN_APPEND | OPEN_READ | OPEN_CREATE, 0600);
	struct remote_request wr = { .op = OP_WRITE, .handle = h, .data = "ab", .n = 2 };

	wants(f, wr, 0);
	wants(f, wr, 0);
	read_is(f, h, 0, 10, "abab", 4);
	WANTS(is_tier("reduced") ? -EOPNOTSUPP : 0, CUT_TO(h, 3));
	if (!is_tier("reduced"))
		read_is(f, h, 0, 10, "aba", 3);
}

static void holds_a_file_whose_name_has_gone(void **state)
{
	struct agent *f = *state;
	uint64_t h;
	struct remote_request wr = { .op = OP_WRITE, .data = "ab", .n = 2 };

	if (!agent_serves(f, OP_UNLINK))
		return;
	h = wr.handle =
		open_file(f, agent_in(f, "gone"), OPEN_WRITE | OPEN_READ | OPEN_CREATE, 0600);
	wants(f, wr, 0);
	WANTS(0, .op = OP_UNLINK, .path = agent_in(f, "gone"));
	wr.offset = 2;
	wants(f, wr, 0);
	read_is(f, h, 0, 10, "abab", 4);
	WANTS(0, .op = OP_CLOSE, .handle = h);
}

static void follows_a_rename(void **state)
{
	struct agent *f = *state;
	uint64_t h;
	struct remote_request wr = { .op = OP_WRITE, .data = "ab", .n = 2 };
	struct remote_request mv = {
		.op = OP_RENAME, .path = agent_in(f, "old"), .path2 = agent_in(f, "new")
	};

	if (!agent_serves(f, OP_RENAME))
		return;
	h = wr.handle =
		open_file(f, agent_in(f, "old"), OPEN_WRITE | OPEN_READ | OPEN_CREATE, 0640);
	wants(f, mv, 0);
	wants(f, wr, 0);
	read_is(f, h, 0, 10, "ab", 2);
	wants(f, mv, -ENOENT);
	mv.path = mv.path2;
	mv.path2 = agent_in(f, "dir");
	make_dir(mv.path2);
	wants(f, mv, -EISDIR);
	mv.flags = RENAME_FLAG_NOREPLACE;
	wants(f, mv, -EEXIST);
}

/* Each byte that a name can hold, and what a shell might take for its own. */
static void takes_any_name_for_a_name(void **state)
{
	static const char *const names[] = { "-n", "*", "[a]", " a ", "a\n", "\n", "$(touch x)",
		"`touch x`", "'", "\"", "\\", "\\0101", ".h", "..x", "\xff\xfe", "a;touch x", "|",
		"&" };
	struct agent *f = *state;
	char path[128];
	struct remote_request ls = { .op = OP_LIST, .path = path };
	struct remote_reply reply;
	size_t made = 0;

	snprintf(path, sizeof(path), "%s/n", f->dir);
	make_dir(ls.path);
	for (int c = 1; c < 256; c++) {
		char name[8] = { 'n', '/', 'b', (char)c, 'e' };

		if (c == '/')
			continue;
		if (agent_serves(f, OP_MKDIR))
			WANTS(0, .op = OP_MKDIR, .path = agent_in(f, name), .mode = 0700);
		else
			make_dir(agent_in(f, name));
		made++;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++, made++) {
		char name[64];

		snprintf(name, sizeof(name), "n/%s", names[i]);
		open_file(f, agent_in(f, name), OPEN_WRITE | OPEN_CREATE | OPEN_EXCL, 0644);
	}
	CHECK_RC(agent_ask(f, ls, &reply), 0);
	assert_int_equal(reply.entry_count, made);
	for (size_t i = 0; i < reply.entry_count; i++) {
		char name[300];

		snprintf(name, sizeof(name), "n/%s", reply.entries[i].name);
		assert_int_equal(access(agent_in(f, name), F_OK), 0);
	}
	remote_reply_fini(&reply);
	assert_int_equal(access(agent_in(f, "x"), F_OK), -1);
	assert_int_equal(access("x", F_OK), -1);
}

static void names_the_errno(void **state)
{
	struct agent *f = *state;
	const char *file = agent_in(f, "file"), *dir = agent_in(f, "full"),
		   *below = agent_in(f, "file/below");
	const char *none = agent_in(f, "none");

	open_file(f, file, OPEN_WRITE | OPEN_CREATE, 0644);
	make_dir(dir);
	WANTS(-EEXIST, .op = OP_MKDIR, .path = dir, .mode = 0755);
	open_file(f, agent_in(f, "full/x"), OPEN_WRITE | OPEN_CREATE, 0644);
	WANTS(-ENOTEMPTY, .op = OP_RMDIR, .path = dir);
	WANTS(-ENOTDIR, .op = OP_RMDIR, .path = file);
	WANTS(-EISDIR, .op = OP_UNLINK, .path = dir);
	WANTS(-ENOENT, .op = OP_UNLINK, .path = none);
	WANTS(-ENOENT, .op = OP_STAT, .path = none);
	WANTS(-ENOTDIR, .op = OP_STAT, .path = below);
	WANTS(-ENOENT, .op = OP_LIST, .path = none);
	WANTS(-ENOTDIR, .op = OP_LIST, .path = file);
	WANTS(-EINVAL, .op = OP_READLINK, .path = file);
	WANTS(-EISDIR, .op = OP_OPEN, .path = dir, .flags = OPEN_WRITE);
	WANTS(-ENOENT, .op = OP_OPEN, .path = none, .flags = OPEN_READ);
	WANTS(-EEXIST, .op = OP_OPEN, .path = file, .flags = OPEN_WRITE | OPEN_CREATE | OPEN_EXCL);
	WANTS(-ENOENT, .op = OP_SET, .path = none, .sets = SET_SIZE, .size = 5, SET_NO_OWNER,
		SET_NO_TIMES);
	WANTS(-EBADF, .op = OP_FSTAT, .handle = 999);
}

/* Also one without a name, and by its handle alone. */
static void tells_where_a_file_is(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "file");
	struct remote_request rq = { .op = OP_WHERE };
	struct remote_reply reply;
	uint64_t again;

	if (!agent_serves(f, OP_WHERE))
		return;
	rq.handle = open_file(f, path, OPEN_READ | OPEN_WRITE | OPEN_CREATE, 0644);
	write_all(f, rq.handle, 0, "12345", 5);
	WANTS(0, .op = OP_UNLINK, .path = path);
	CHECK_RC(agent_ask(f, rq, &reply), 0);
	assert_int_equal(strncmp(reply.data, "/proc/", 6), 0);
	again = open_file(f, reply.data, OPEN_READ | OPEN_WRITE, 0);
	remote_reply_fini(&reply);
	read_is(f, again, 0, 10, "12345", 5);
	write_all(f, again, 5, "6", 1);
	read_is(f, rq.handle, 0, 10, "123456", 6);
	WANTS(-EBADF, .op = OP_WHERE, .handle = 999);
}

static void changes_attributes(void **state)
{
	struct agent *f = *state;
	const char *link = agent_in(f, "link"), *file = agent_in(f, "file");
	struct remote_request mode = { .op = OP_SET,
		.path = file,
		.sets = SET_MODE,
		.mode = 01640,
		SET_NO_OWNER,
		SET_NO_TIMES };
	struct remote_request times = { .op = OP_SET,
		.path = file,
		SET_NO_OWNER,
		.mtime = { 1234567890, 500000000 },
		.atime = { 0, UTIME_OMIT } };
	struct remote_reply reply;

	if (is_tier("reduced"))
		return;
	open_file(f, file, OPEN_WRITE | OPEN_CREATE, 0755);
	CHECK_RC(agent_ask(f, mode, &reply), 0);
	assert_int_equal(reply.attr.mode, S_IFREG | 01640);
	remote_reply_fini(&reply);
	CHECK_RC(agent_ask(f, times, &reply), 0);
	assert_int_equal(reply.attr.mtime.tv_sec, 1234567890);
	if (!is_tier("busybox"))
		assert_int_equal(reply.attr.mtime.tv_nsec, 500000000);
	remote_reply_fini(&reply);
	WANTS(0, .op = OP_SYMLINK, .path = link, .path2 = "-to\n");
	CHECK_RC(agent_ask(f, (struct remote_request){ .op = OP_READLINK, .path = link }, &reply),
		0);
	assert_string_equal(reply.data, "-to\n");
	remote_reply_fini(&reply);
	WANTS(0, .op = OP_LINK, .path = file, .path2 = agent_in(f, "hard"));
	if (!agent_serves(f, OP_STATFS))
		return;
	CHECK_RC(agent_ask(f, (struct remote_request){ .op = OP_STATFS, .path = f->dir }, &reply),
		0);
	assert_int_equal(reply.statfs[6], 255);
	remote_reply_fini(&reply);
}

/* Against the kernel's own word; what a tier cannot know is left out. */
static void tells_the_attributes(void **state)
{
	static const char *const paths[] = { "/", "/dev/null", "/proc/self/fd", "/tmp",
		"/etc/passwd", "/proc/1/exe", "/proc/version" };
	struct agent *f = *state;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct remote_request rq = { .op = OP_STAT, .path = paths[i] };
		struct remote_reply reply;
		struct stat st;

		assert_int_equal(lstat(paths[i], &st), 0);
		CHECK_RC(agent_ask(f, rq, &reply), 0);
		assert_int_equal(reply.attr.mode & S_IFMT, st.st_mode & S_IFMT);
		if (S_ISREG(st.st_mode))
			assert_int_equal(reply.attr.size, st.st_size);
		if (!is_tier("reduced") && strncmp(paths[i], "/proc", 5) != 0) {
			assert_int_equal(reply.attr.mode, st.st_mode);
			assert_int_equal(reply.attr.uid, st.st_uid);
			assert_int_equal(reply.attr.ino, st.st_ino);
			assert_int_equal(reply.attr.mtime.tv_sec, st.st_mtim.tv_sec);
			assert_int_equal(reply.attr.rdev_minor, minor(st.st_rdev));
		}
		remote_reply_fini(&reply);
	}
}

static void takes_the_longest_name(void **state)
{
	struct agent *f = *state;
	char name[257] = "";
	uint64_t h;

	memset(name, 'n', 255);
	h = open_file(f, agent_in(f, name), OPEN_WRITE | OPEN_READ | OPEN_CREATE, 0600);
	write_all(f, h, 0, "x", 1);
	read_is(f, h, 0, 5, "x", 1);
	name[255] = 'n';
	WANTS(is_tier("reduced") ? -ENOENT
		: is_tier("ls")  ? -ENOENT
				 : -ENAMETOOLONG,
		.op = OP_STAT, .path = agent_in(f, name));
}

static void lists_a_large_folder(void **state)
{
	enum { COUNT = 1200 };
	struct agent *f = *state;
	struct remote_reply reply;
	bool seen[COUNT] = { false };

	for (int i = 0; i < COUNT; i++) {
		char name[32];
		FILE *file;

		snprintf(name, sizeof(name), ".%d \n", i);
		file = fopen(agent_in(f, name), "w");
		assert_non_null(file);
		fclose(file);
	}
	CHECK_RC(agent_ask(f, (struct remote_request){ .op = OP_LIST, .path = f->dir }, &reply), 0);
	assert_int_equal(reply.entry_count, COUNT);
	for (size_t i = 0; i < reply.entry_count; i++)
		seen[strtol(reply.entries[i].name + 1, NULL, 10)] = true;
	for (int i = 0; i < COUNT; i++)
		assert_true(seen[i]);
	remote_reply_fini(&reply);
}

/* A fifo is seen and made, never opened: that would wait for somebody. */
static void does_not_wait_at_a_fifo(void **state)
{
	struct agent *f = *state;
	struct remote_reply reply;
	const char *path = agent_in(f, "fifo");

	assert_int_equal(mkfifo(path, 0600), 0);
	CHECK_RC(agent_ask(f, (struct remote_request){ .op = OP_STAT, .path = path }, &reply), 0);
	assert_true(S_ISFIFO(reply.attr.mode));
	remote_reply_fini(&reply);
	WANTS(-ENXIO, .op = OP_OPEN, .path = path, .flags = OPEN_READ);
	WANTS(0, .op = OP_MKNOD, .path = agent_in(f, "made"), .mode = S_IFIFO | 0640);
	WANTS(-EEXIST, .op = OP_MKNOD, .path = agent_in(f, "made"), .mode = S_IFIFO | 0640);
}

static void says_that_the_disk_is_full_or_read_only(void **state)
{
	static char bytes[200000];
	struct agent *f = *state;
	const char *dir = agent_in(f, "disk");
	uint64_t h;
	int rc;

	make_dir(dir);
	if (mount("none", dir, "tmpfs", 0, "size=64k") < 0)
		return;
	h = open_file(f, agent_in(f, "disk/f"), OPEN_WRITE | OPEN_CREATE, 0600);
	rc = agent_try(f, (struct remote_request){
				  .op = OP_WRITE, .handle = h, .data = bytes, .n = sizeof(bytes) });
	WANTS(0, .op = OP_CLOSE, .handle = h); /* a file open for writing would keep it writable */
	mount("none", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL);
	errno = agent_try(
		f, (struct remote_request){
			   .op = OP_OPEN, .path = agent_in(f, "disk/f"), .flags = OPEN_WRITE });
	if (agent_serves(f, OP_MKDIR))
		CHECK_RC(agent_try(f, (struct remote_request){ .op = OP_MKDIR,
					      .path = agent_in(f, "disk/d"),
					      .mode = 0755 }),
			-EROFS);
	umount2(dir, MNT_DETACH);
	CHECK_RC(rc, -ENOSPC);
	CHECK_RC(errno, -EROFS);
}

/* Those that have no cheap way may leave it: then a read says it. */
static void first_bytes_come_with_open(void **state)
{
	static char bytes[100000];
	struct agent *f = *state;
	struct remote_request rq = {
		.op = OP_OPEN, .path = agent_in(f, "f"), .flags = OPEN_READ | OPEN_WRITE
	};
	bool must = is_tier("static") || is_tier("dash") || is_tier("bash") || is_tier("busybox");
	struct remote_reply y;

	fill(bytes, sizeof(bytes));
	rq.flags |= OPEN_CREATE;
	rq.mode = 0600;
	write_all(f, open_file(f, rq.path, rq.flags, 0600), 0, bytes, sizeof(bytes));
	for (size_t n = 1; n <= 65536; n = n * 16 - 1) {
		rq.size = n;
		CHECK_RC(agent_ask(f, rq, &y), 0);
		assert_true(!must || y.has_ahead);
		assert_int_equal(y.attr.size, sizeof(bytes));
		assert_int_equal(y.n, y.has_ahead ? n : 0);
		if (y.has_ahead)
			assert_memory_equal(y.data, bytes, n);
		read_is(f, y.handle, 99999, 5, bytes + 99999, 1);
		WANTS(0, .op = OP_CLOSE, .handle = y.handle);
		remote_reply_fini(&y);
	}
	/* One that ends before; none of what is only written; an empty one; one of the kernel's. */
	assert_int_equal(truncate(rq.path, 10), 0);
	CHECK_RC(agent_ask(f, rq, &y), 0);
	assert_int_equal(y.n, y.has_ahead ? 10 : 0);
	remote_reply_fini(&y);
	rq.flags = OPEN_WRITE;
	CHECK_RC(agent_ask(f, rq, &y), 0);
	assert_false(y.has_ahead);
	WANTS(-EBADF, .op = OP_READ, .handle = y.handle, .size = 1);
	remote_reply_fini(&y);
	assert_int_equal(truncate(rq.path, 0), 0);
	rq.flags = OPEN_READ;
	CHECK_RC(agent_ask(f, rq, &y), 0);
	assert_int_equal(y.n, 0);
	remote_reply_fini(&y);
	rq.path = "/proc/version";
	CHECK_RC(agent_ask(f, rq, &y), 0);
	assert_true(!y.has_ahead || y.n > 0);
	remote_reply_fini(&y);
}

static void peeks_at_files_alone(void **state)
{
	struct agent *f = *state;
	const char *file = agent_in(f, "f"), *link = agent_in(f, "l"), *fifo = agent_in(f, "p");
	struct remote_request rq = { .op = OP_PEEK, .path = file, .size = 4096 };
	struct remote_reply y;
	uint64_t h = open_file(f, file, OPEN_READ | OPEN_WRITE | OPEN_CREATE, 0600);

	write_all(f, h, 0, "a\0b/\n", 5);
	assert_int_equal(symlink("f", link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	WANTS(-ELOOP, .op = OP_PEEK, .path = link, .size = 10);
	WANTS(-EINVAL, .op = OP_PEEK, .path = fifo, .size = 10);
	WANTS(-EINVAL, .op = OP_PEEK, .path = f->dir, .size = 10);
	WANTS(-EINVAL, .op = OP_PEEK, .path = "/dev/null", .size = 10);
	WANTS(-ENOENT, .op = OP_PEEK, .path = agent_in(f, "none"), .size = 10);
	if (!agent_serves(f, OP_PEEK))
		return;
	CHECK_RC(agent_ask(f, rq, &y), 0);
	assert_int_equal(y.attr.size, 5);
	assert_int_equal(y.n, 5);
	assert_memory_equal(y.data, "a\0b/\n", 5);
	remote_reply_fini(&y);
	rq.size = 3;
	CHECK_RC(agent_ask(f, rq, &y), 0);
	assert_int_equal(y.n, 3);
	remote_reply_fini(&y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			keeps_every_byte_of_a_file, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			writes_in_the_middle_and_past_the_end, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			tells_what_the_kernel_makes_up, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(appends, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			first_bytes_come_with_open, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(peeks_at_files_alone, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			holds_a_file_whose_name_has_gone, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(follows_a_rename, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(takes_any_name_for_a_name, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(names_the_errno, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(tells_where_a_file_is, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(changes_attributes, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(tells_the_attributes, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(takes_the_longest_name, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(lists_a_large_folder, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(does_not_wait_at_a_fifo, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			says_that_the_disk_is_full_or_read_only, agent_start, agent_stop),
	};

	return agent_run_tests(tests);
}
