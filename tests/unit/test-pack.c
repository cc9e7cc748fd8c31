/*
 * The stream of cp and sync: its frames, a whole copy between two threads, and a far end that means ill.
 */
#include "common/remote/pack/copy.h"
#include "common/remote/pack/exclude.h"
#include "common/remote/pack/hash64.h"
#include "tests/lib/test.h"

#include "common/base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* --- a folder of our own -------------------------------------------------------------- */

static int gone(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static char *scratch(void)
{
	char *path = xprintf("%s/sbx-pack.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");

	assert_non_null(mkdtemp(path));
	return path;
}

static void unscratch(char *path)
{
	nftw(path, gone, 20, FTW_DEPTH | FTW_PHYS);
	free(path);
}

static void put_file(const char *dir, const char *name, const void *bytes, size_t n)
{
	auto_free char *path = xprintf("%s/%s", dir, name);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
}

static void check_file(const char *dir, const char *name, const void *bytes, size_t n)
{
	auto_free char *path = xprintf("%s/%s", dir, name);
	auto_buf b = BUF_INIT(64 * 1024 * 1024);

	CHECK_RC(io_read_file(path, &b), 0);
	assert_int_equal(b.len, n);
	assert_memory_equal(b.data, bytes, n);
}

static bool is_there(const char *dir, const char *name)
{
	auto_free char *path = xprintf("%s/%s", dir, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static size_t count_in(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* --- the format --------------------------------------------------------------------------- */

static void the_hash_is_what_its_specification_says(void **state)
{
	static const char text[] = "Nobody inspects the spammish repetition";

	assert_true(hash64("", 0, 0) == 0xEF46DB3751D8E999ULL);
	assert_true(hash64("a", 1, 0) == 0xD24EC4F1A98C6E5BULL);
	assert_true(hash64("abc", 3, 0) == 0x44BC2CF5AD770999ULL);
	assert_true(hash64(text, strlen(text), 0) == 0xFBCEA83C8A378BF1ULL);
	assert_true(hash64("abc", 3, 1) != hash64("abc", 3, 0));
}

static void names_that_lead_elsewhere_are_none(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/", "/etc" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(pack_name_ok(bad[i], strlen(bad[i])));
	assert_false(pack_name_ok("a\0b", 3));
	assert_true(pack_name_ok("...", 3));
	assert_true(pack_name_ok("\xff\n ", 3));
	assert_true(pack_path_ok("", 0));
	assert_true(pack_path_ok("a/b", 3));
	assert_false(pack_path_ok("a/../b", 6));
	assert_false(pack_path_ok("/a", 2));
	assert_false(pack_path_ok("a/", 2));
	assert_false(pack_path_ok("a//b", 4));
}

static size_t meta_bytes(uint8_t *to, const char *name)
{
	const struct pack_meta m = { .kind = PACK_FILE,
		.mode = 0640,
		.uid = 7,
		.gid = 8,
		.mtime = { -5, 999999999 },
		.size = 123,
		.name = name,
		.name_n = strlen(name) };

	return pack_meta_put(&m, to);
}

static void a_meta_is_read_as_it_was_written_and_at_no_other_length(void **state)
{
	uint8_t bytes[PACK_META_BYTES + PACK_NAME_MAX];
	size_t n = meta_bytes(bytes, "name");
	struct pack_meta m;
	struct reader r = reader_of(bytes, n);

	CHECK_RC(pack_meta_take(&r, PACK_FILE, &m), 0);
	assert_int_equal(m.mode, 0640);
	assert_int_equal(m.mtime.tv_sec, -5);
	assert_int_equal(m.mtime.tv_nsec, 999999999);
	assert_memory_equal(m.name, "name", 4);
	for (size_t i = 0; i < n; i++) {
		r = reader_of(bytes, i);
		CHECK_RC(pack_meta_take(&r, PACK_FILE, &m), -EBADMSG);
	}
	r = reader_of(bytes, n);
	CHECK_RC(pack_meta_take(&r, PACK_BEGIN, &m), -EBADMSG);
	n = meta_bytes(bytes, "..");
	r = reader_of(bytes, n);
	CHECK_RC(pack_meta_take(&r, PACK_FILE, &m), -EBADMSG);
}

static void a_job_is_read_as_it_was_written_and_at_no_other_length(void **state)
{
	struct pack_job job, got;
	auto_buf b = BUF_INIT(4096);

	pack_job_init(&job);
	job.flags = PACK_JOB_SOURCE | PACK_JOB_OWNER;
	pack_list_add(&job.paths, "/a", 2);
	pack_list_add(&job.paths, "b c", 3);
	pack_list_add(&job.excludes, "*.o", 3);
	job.dst = xstrdup("/dst");
	job.again = true;
	job.after = xstrdup("x/y");
	pack_job_put(&b, &job);
	pack_job_init(&got);
	CHECK_RC(pack_job_take((uint8_t *)b.data, b.len, &got), 0);
	assert_int_equal(got.paths.count, 2);
	CHECK_TEXT(got.paths.at[1], "b c");
	CHECK_TEXT(got.after, "x/y");
	pack_job_fini(&got);
	for (size_t i = 0; i < b.len; i++) {
		pack_job_init(&got);
		CHECK_RC(pack_job_take((uint8_t *)b.data, i, &got), -EBADMSG);
		pack_job_fini(&got);
	}
	pack_job_fini(&job);
}

static void every_flipped_bit_of_a_frame_is_seen(void **state)
{
	uint8_t frame[PACK_HEAD + 20] = { 0 };

	memset(frame + PACK_HEAD, 'x', 20);
	pack_head_put(frame, PACK_DATA_AT, frame + PACK_HEAD, 20, 7);
	assert_int_equal(pack_frame_whole(frame, sizeof(frame)), sizeof(frame));
	for (size_t n = 0; n < sizeof(frame); n++)
		assert_int_equal(pack_frame_whole(frame, n), 0);
	CHECK_RC(pack_head_check(frame, sizeof(frame), 7), 0);
	CHECK_RC(pack_head_check(frame, sizeof(frame), 8), -EBADMSG);
	for (size_t i = 4 * 8; i < sizeof(frame) * 8; i++) {
		frame[i / 8] ^= (uint8_t)(1 << i % 8);
		CHECK_RC(pack_head_check(frame, sizeof(frame), 7), -EBADMSG);
		frame[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void excludes_are_names_paths_and_folders(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool dir, out;
	} cases[] = {
		{ "*.o", "a/b.o", false, true },
		{ "*.o", "a/b.c", false, false },
		{ "node_modules/", "x/node_modules", true, true },
		{ "node_modules/", "x/node_modules", false, false },
		{ "build/out", "build/out", true, true },
		{ "build/out", "x/build/out", true, false },
		{ "/top", "top", false, true },
		{ "/top", "a/top", false, false },
		{ "a/*.c", "a/b/x.c", false, false },
		{ "a/**/x.c", "a/b/c/x.c", false, true },
		{ "**/t", "t", false, true },
		{ "[ab]", "c/a", false, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pack_list l = { 0 };

		pack_list_add(&l, cases[i].pattern, strlen(cases[i].pattern));
		if (pack_excluded(&l, cases[i].path, cases[i].dir) != cases[i].out)
			fail_msg("%s and %s", cases[i].pattern, cases[i].path);
		free(l.at[0]);
		free(l.at);
	}
}

static void the_name_of_a_path_is_as_cp_takes_it(void **state)
{
	static const char *const cases[][2] = { { "/a/b", "b" }, { "b/", "b" }, { "a/.", "." },
		{ "..", "." }, { "/", "." }, { "", "." }, { "x//", "x" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_free char *name = pack_job_name(cases[i][0]);

		CHECK_TEXT(name, cases[i][1]);
	}
}

/* --- a whole copy --------------------------------------------------------------------------- */

struct seen {
	pthread_mutex_t lock;
	int fails, notes;
	uint64_t data;
	bool jumped;
	char last[200];
};

static void source_says(void *arg, uint8_t type, const uint8_t *data, size_t n)
{
	struct seen *s = arg;
	scoped_lock(&s->lock);

	s->fails += type == PACK_FAIL;
	s->data += type == PACK_DATA_AT ? n - 8 : 0;
	s->jumped = s->jumped || type == PACK_JUMP;
}

static void sink_says(void *arg, uint8_t type, const uint8_t *data, size_t n)
{
	struct seen *s = arg;
	auto_buf keep = BUF_INIT(4096);
	struct pack_trouble t;
	scoped_lock(&s->lock);

	s->fails += type == PACK_FAIL;
	s->notes += type == PACK_NOTE;
	if ((type == PACK_FAIL || type == PACK_NOTE) && !pack_trouble_take(data, n, &keep, &t))
		snprintf(s->last, sizeof(s->last), "%s %s", t.text, t.path);
}

struct serving {
	int fd;
	int rc;
};

static void *serve(void *arg)
{
	struct serving *s = arg;

	s->rc = pack_serve(s->fd, s->fd, true, &pack_sys_here, NULL, 2);
	shutdown(s->fd, SHUT_RDWR);
	return NULL;
}

/* From src to dst but what is called so; a sink with threads stands in for the far end. */
static int copy_but(
	const char *but, const char *src, const char *dst, uint32_t flags, struct seen *seen)
{
	const struct pack_watch watch = { source_says, sink_says, seen };
	auto_free char *name = pack_job_name(src);
	struct pack_job job[2];
	struct pack_side side = { .sys = &pack_sys_here, .job = &job[0], .watch = &watch };
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);
	struct serving far;
	pthread_t thread;
	int fds[2], rc;

	*seen = (struct seen){ .lock = PTHREAD_MUTEX_INITIALIZER };
	for (int i = 0; i < 2; i++) {
		pack_job_init(&job[i]);
		job[i].flags = flags | (i ? 0 : PACK_JOB_SOURCE);
		pack_list_add(&job[i].paths, i ? name : src, strlen(i ? name : src));
		if (but)
			pack_list_add(&job[i].excludes, but, strlen(but));
	}
	job[1].dst = xstrdup(dst);
	CHECK_RC(io_pair(fds), 0);
	far = (struct serving){ fds[1], 0 };
	assert_int_equal(pthread_create(&thread, NULL, serve, &far), 0);
	CHECK_RC(pack_pipe_open(fds[0], fds[0], true, &side.pipe), 0);
	pack_job_put(&b, &job[1]);
	CHECK_RC(pack_pipe_send(side.pipe, PACK_JOB, b.data, b.len), 0);
	pack_pipe_flush(side.pipe);
	rc = pack_source(&side);
	pack_pipe_close(side.pipe);
	close(fds[0]);
	pthread_join(thread, NULL);
	close(fds[1]);
	pack_job_fini(&job[0]);
	pack_job_fini(&job[1]);
	return rc;
}

static int copy(const char *src, const char *dst, uint32_t flags, struct seen *seen)
{
	return copy_but(NULL, src, dst, flags, seen);
}

static void a_tree_arrives_as_it_is(void **state)
{
	char *src = scratch(), *dst = scratch();
	auto_free char *sub = xprintf("%s/sub", src), *link = xprintf("%s/link", src);
	auto_free char *odd = xprintf("%s/sub/\xff\n", src), *hard = xprintf("%s/sub/hard", src);
	auto_free char *to = xprintf("%s/new", dst);
	auto_free char *large = xmalloc(700000);
	struct stat a, b;
	struct seen seen;

	for (size_t i = 0; i < 700000; i++)
		large[i] = (char)(i * 31 + i / 977);
	assert_int_equal(mkdir(sub, 0750), 0);
	put_file(src, "empty", "", 0);
	put_file(src, "large", large, 700000);
	put_file(sub, "\xff\n", "odd", 3);
	assert_int_equal(symlink("../../nowhere", link), 0);
	assert_int_equal(linkat(AT_FDCWD, odd, AT_FDCWD, hard, 0), 0);
	CHECK_RC(copy(src, to, 0, &seen), 0);
	assert_int_equal(seen.fails, 0);
	check_file(to, "empty", "", 0);
	check_file(to, "large", large, 700000);
	check_file(to, "sub/\xff\n", "odd", 3);
	free(take_ptr(hard));
	hard = xprintf("%s/sub/hard", to);
	assert_int_equal(lstat(hard, &a), 0);
	assert_int_equal(a.st_nlink, 2);
	assert_int_equal(lstat(sub, &a), 0);
	free(take_ptr(sub));
	sub = xprintf("%s/sub", to);
	assert_int_equal(lstat(sub, &b), 0);
	assert_int_equal(a.st_mode, b.st_mode);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
	assert_int_equal(count_in(to), 4);
	unscratch(src);
	unscratch(dst);
}

static void a_part_of_the_same_file_is_not_sent_again(void **state)
{
	char *src = scratch(), *dst = scratch();
	auto_free char *from = xprintf("%s/f", src);
	auto_free char *bytes = xcalloc(1, 6000000);
	auto_free char *part = NULL;
	struct seen seen;

	for (size_t i = 0; i < 6000000; i++)
		bytes[i] = (char)(i % 251 + i / 65536);
	put_file(src, "f", bytes, 6000000);
	/* what an earlier one would have left: by copying to where its name is taken */
	for (int same = 1; same >= 0; same--) {
		struct stat st;
		uint64_t id[2], hash;

		assert_int_equal(stat(from, &st), 0);
		id[0] = (uint64_t)st.st_size;
		id[1] = (uint64_t)st.st_mtim.tv_sec;
		hash = hash64("f", 1, hash64(id, sizeof(id), 0));
		free(part);
		part = xprintf(".f.sbx-part-%016llx", (unsigned long long)hash);
		bytes[100] ^= !same;
		put_file(dst, part, bytes, 5000000);
		bytes[100] ^= !same;
		CHECK_RC(copy(from, dst, 0, &seen), 0);
		check_file(dst, "f", bytes, 6000000);
		assert_false(is_there(dst, part));
		assert_int_equal(seen.jumped, same);
	}
	unscratch(src);
	unscratch(dst);
}

static void a_second_sync_sends_nothing(void **state)
{
	char *src = scratch(), *dst = scratch();
	struct seen seen;
	const uint32_t sync = PACK_JOB_SYNC | PACK_JOB_TELL | PACK_JOB_DELETE;

	put_file(src, "a", "1", 1);
	put_file(src, "b", "2", 1);
	put_file(dst, "extra", "3", 1);
	CHECK_RC(copy(src, dst, sync | PACK_JOB_DRY, &seen), 0);
	assert_int_equal(seen.notes, 3);
	assert_true(is_there(dst, "extra"));
	assert_false(is_there(dst, "a"));
	CHECK_RC(copy(src, dst, sync, &seen), 0);
	assert_int_equal(seen.notes, 3);
	assert_false(is_there(dst, "extra"));
	check_file(dst, "a", "1", 1);
	CHECK_RC(copy(src, dst, sync, &seen), 0);
	assert_int_equal(seen.notes, 0);
	unscratch(src);
	unscratch(dst);
}

static void touch_at(const char *dir, const char *name, time_t sec, long nsec)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { sec, nsec } };
	auto_free char *path = xprintf("%s/%s", dir, name);

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void whole_seconds_decide_where_a_side_has_no_fraction(void **state)
{
	static const struct {
		struct timespec src, dst;
		unsigned steps;
	} cases[] = {
		{ { 1000, 5 }, { 1000, 0 }, 0 },
		{ { 1000, 0 }, { 1000, 5 }, 0 },
		{ { -1, 999999999 }, { -1, 0 }, 0 },
		{ { 1000, 5 }, { 1000, 6 }, 1 },
		{ { 1000, 0 }, { 1001, 0 }, 1 },
		{ { 1000, 999999999 }, { 1001, 0 }, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *src = scratch(), *dst = scratch();
		struct seen seen;

		put_file(src, "a", "1", 1);
		put_file(dst, "a", "2", 1);
		touch_at(src, "a", cases[i].src.tv_sec, cases[i].src.tv_nsec);
		touch_at(dst, "a", cases[i].dst.tv_sec, cases[i].dst.tv_nsec);
		CHECK_RC(copy(src, dst, PACK_JOB_SYNC | PACK_JOB_TELL, &seen), 0);
		assert_int_equal(seen.notes, cases[i].steps);
		check_file(dst, "a", cases[i].steps ? "1" : "2", 1);
		unscratch(src);
		unscratch(dst);
	}
}

/* --- a far end that means ill ----------------------------------------------------------------- */

/* What a hostile source says to a sink here; what the sink answers. */
struct script {
	struct buf bytes;
	uint64_t seq;
};

static void say(struct script *s, uint8_t type, const void *payload, size_t n)
{
	uint8_t head[PACK_HEAD];

	pack_head_put(head, type, payload, n, s->seq++);
	buf_add(&s->bytes, head, sizeof(head));
	buf_add(&s->bytes, payload, n);
}

static void say_meta(
	struct script *s, uint8_t type, const char *name, size_t name_n, const char *more)
{
	const struct pack_meta m = {
		.kind = type, .mode = 06777, .size = strlen(more), .name = name, .name_n = name_n
	};
	uint8_t bytes[PACK_META_BYTES + PACK_NAME_MAX + 200];
	size_t n = pack_meta_put(&m, bytes);

	memcpy(bytes + n, more, strlen(more));
	say(s, type, bytes, n + strlen(more));
}

static void begin(struct script *s)
{
	*s = (struct script){ .bytes = BUF_INIT(1 << 20) };
	say(s, PACK_ROOT, "\0\0\0\0", 4);
	say_meta(s, PACK_ENTER, "", 0, "");
}

static int sink_with(
	uint32_t flags, const void *bytes, size_t n, const char *dst, struct seen *seen)
{
	const struct pack_watch watch = { source_says, sink_says, seen };
	struct pack_job job;
	struct pack_side side = {
		.sys = &pack_sys_here, .job = &job, .watch = &watch, .workers = 2
	};
	int fds[2], rc;

	*seen = (struct seen){ .lock = PTHREAD_MUTEX_INITIALIZER };
	pack_job_init(&job);
	job.flags = flags;
	pack_list_add(&job.paths, "got", 3);
	job.dst = xstrdup(dst);
	CHECK_RC(io_pair(fds), 0);
	CHECK_RC(io_write_all(fds[1], bytes, n, INT64_MAX), 0);
	shutdown(fds[1], SHUT_WR);
	CHECK_RC(pack_pipe_open(fds[0], fds[0], true, &side.pipe), 0);
	rc = pack_sink(&side);
	pack_pipe_close(side.pipe);
	close(fds[0]);
	close(fds[1]);
	pack_job_fini(&job);
	return rc;
}

static int sink_of(const void *bytes, size_t n, const char *dst, struct seen *seen)
{
	return sink_with(0, bytes, n, dst, seen);
}

static void nothing_is_written_outside(void **state)
{
	static const struct {
		const char *name;
		size_t n;
	} bad[] = { { "..", 2 }, { ".", 1 }, { "a/b", 3 }, { "/etc/x", 6 }, { "x\0y", 3 },
		{ "", 0 } };
	char *dst = scratch();
	auto_free char *inside = xprintf("%s/in", dst);
	struct seen seen;

	assert_int_equal(mkdir(inside, 0755), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		static const uint8_t types[] = { PACK_FILE, PACK_ENTER, PACK_LINK, PACK_BEGIN,
			PACK_FIFO };

		for (size_t k = 0; k < sizeof(types); k++) {
			struct script s;

			begin(&s);
			say_meta(&s, types[k], bad[i].name, bad[i].n,
				types[k] == PACK_FILE || types[k] == PACK_LINK ? "evil" : "");
			CHECK_RC(sink_of(s.bytes.data, s.bytes.len, inside, &seen), -EBADMSG);
			buf_fini(&s.bytes);
			assert_int_equal(count_in(dst), 1);
		}
	}
	unscratch(dst);
}

static void a_link_of_the_stream_is_not_gone_through(void **state)
{
	char *dst = scratch(), *outside = scratch();
	struct script s;
	struct seen seen;

	begin(&s);
	say_meta(&s, PACK_LINK, "l", 1, outside);
	say_meta(&s, PACK_ENTER, "l", 1, "");
	say_meta(&s, PACK_FILE, "f", 1, "evil");
	say_meta(&s, PACK_BEGIN, "g", 1, "");
	say(&s, PACK_DATA_AT, "\0\0\0\0\0\0\0\0evil", 12);
	say(&s, PACK_END, "\0\0\0\0\0\0\0\4\1", 9);
	say(&s, PACK_LEAVE, "\1", 1);
	/* a file of that name replaces the link */
	say_meta(&s, PACK_FILE, "l", 1, "good");
	say(&s, PACK_LEAVE, "\1", 1);
	sink_of(s.bytes.data, s.bytes.len, dst, &seen);
	assert_int_equal(count_in(outside), 0);
	check_file(dst, "got/l", "good", 4);
	assert_true(seen.fails > 0);
	buf_fini(&s.bytes);
	unscratch(dst);
	unscratch(outside);
}

/* A sync by content hears "it is the same" of what it has asked about; whoever else hears it is deceived. */
static void nothing_outside_gets_another_mode(void **state)
{
	static const struct {
		uint32_t flags;
		int rc;
	} cases[] = { { 0, -EBADMSG }, { PACK_JOB_SYNC, -EBADMSG },
		{ PACK_JOB_SYNC | PACK_JOB_CHECKSUM, -EPIPE } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *dst = scratch(), *outside = scratch();
		auto_free char *key = xprintf("%s/key", outside);
		struct script s = { .bytes = BUF_INIT(1 << 20) };
		struct seen seen;
		struct stat st;

		put_file(outside, "key", "x", 1);
		assert_int_equal(chmod(key, 0600), 0);
		if (cases[i].flags)
			say(&s, PACK_LISTED, "", 0);
		say(&s, PACK_ROOT, "\0\0\0\0", 4);
		say_meta(&s, PACK_ENTER, "", 0, "");
		say_meta(&s, PACK_LINK, "l", 1, key);
		say_meta(&s, PACK_SAME, "l", 1, "");
		CHECK_RC(sink_with(cases[i].flags, s.bytes.data, s.bytes.len, dst, &seen),
			cases[i].rc);
		assert_int_equal(stat(key, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(seen.fails > 0, cases[i].rc == -EPIPE);
		buf_fini(&s.bytes);
		unscratch(dst);
		unscratch(outside);
	}
}

/* Of a folder that gives way to a file, what is excluded stays, and then so does the folder: that is said. */
static void what_is_excluded_is_in_the_way(void **state)
{
	char *src = scratch(), *dst = scratch();
	auto_free char *there = xprintf("%s/x", dst);
	const uint32_t sync = PACK_JOB_SYNC | PACK_JOB_DELETE;
	struct seen seen;

	put_file(src, "x", "1", 1);
	assert_int_equal(mkdir(there, 0755), 0);
	put_file(there, "keep.o", "2", 1);
	put_file(there, "other", "3", 1);
	CHECK_RC(copy_but("*.o", src, dst, sync, &seen), 0);
	assert_int_equal(seen.fails, 1);
	check_file(there, "keep.o", "2", 1);
	assert_false(is_there(there, "other"));
	unscratch(src);
	unscratch(dst);
}

/* Who copies a sandbox's /tmp/. into his home still has it for himself. */
static void a_folder_that_was_there_keeps_its_mode(void **state)
{
	char *dst = scratch();
	auto_free char *got = xprintf("%s/got", dst), *sub = xprintf("%s/got/sub", dst);
	auto_free char *made = xprintf("%s/got/made", dst);
	struct script s;
	struct seen seen;
	struct stat st;

	assert_int_equal(mkdir(got, 0700) || mkdir(sub, 0750), 0);
	begin(&s);
	say_meta(&s, PACK_ENTER, "made", 4, "");
	say(&s, PACK_LEAVE, "\1", 1);
	say_meta(&s, PACK_ENTER, "sub", 3, "");
	say(&s, PACK_LEAVE, "\1", 1);
	say(&s, PACK_LEAVE, "\1", 1);
	sink_of(s.bytes.data, s.bytes.len, dst, &seen);
	assert_true(stat(got, &st) == 0 && (st.st_mode & 07777) == 0700);
	assert_true(stat(sub, &st) == 0 && (st.st_mode & 07777) == 0750);
	assert_true(stat(made, &st) == 0 && (st.st_mode & 07777) == 0777);
	buf_fini(&s.bytes);
	unscratch(dst);
}

static void set_id_bits_are_dropped(void **state)
{
	char *dst = scratch();
	auto_free char *path = xprintf("%s/got/f", dst);
	struct script s;
	struct seen seen;
	struct stat st;

	begin(&s);
	say_meta(&s, PACK_FILE, "f", 1, "x");
	sink_of(s.bytes.data, s.bytes.len, dst, &seen);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07000, 0);
	buf_fini(&s.bytes);
	unscratch(dst);
}

/* At whatever byte it ends, and whichever is changed: no error of memory, and never a half file. */
static void cut_off_and_changed_anywhere_it_leaves_no_half_file(void **state)
{
	struct script s;
	struct seen seen;

	begin(&s);
	say_meta(&s, PACK_FILE, "f", 1, "whole");
	say_meta(&s, PACK_BEGIN, "g", 1, "");
	say(&s, PACK_DATA_AT, "\0\0\0\0\0\0\0\0whole", 13);
	say(&s, PACK_END, "\0\0\0\0\0\0\0\5\1", 9);
	say(&s, PACK_LEAVE, "\1", 1);
	for (size_t n = 0; n < s.bytes.len; n += 1) {
		char *dst = scratch();
		auto_free char *got = xprintf("%s/got", dst);

		assert_true(sink_of(s.bytes.data, n, dst, &seen) < 0);
		if (is_there(dst, "got/f"))
			check_file(got, "f", "whole", 5);
		if (is_there(dst, "got/g"))
			check_file(got, "g", "whole", 5);
		s.bytes.data[n] ^= 0x41;
		assert_true(sink_of(s.bytes.data, s.bytes.len, dst, &seen) < 0);
		s.bytes.data[n] ^= 0x41;
		if (is_there(dst, "got/g"))
			check_file(got, "g", "whole", 5);
		if (is_there(dst, "got"))
			assert_true(count_in(got) <= 2);
		unscratch(dst);
	}
	buf_fini(&s.bytes);
}

static void false_counts_are_no_success(void **state)
{
	struct script s;
	struct seen seen;

	for (int wrong = 0; wrong < 3; wrong++) {
		char *dst = scratch();
		auto_buf done = BUF_INIT(64);
		const struct pack_count c = { 3 + (wrong == 1), 1 + (wrong == 2), 0 };

		begin(&s);
		say_meta(&s, PACK_FILE, "f", 1, "x");
		say(&s, PACK_LEAVE, "\1", 1);
		pack_count_put(&done, &c);
		say(&s, PACK_DONE, done.data, done.len);
		CHECK_RC(sink_of(s.bytes.data, s.bytes.len, dst, &seen), wrong ? -EBADMSG : 0);
		buf_fini(&s.bytes);
		unscratch(dst);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_what_its_specification_says),
		cmocka_unit_test(names_that_lead_elsewhere_are_none),
		cmocka_unit_test(a_meta_is_read_as_it_was_written_and_at_no_other_length),
		cmocka_unit_test(a_job_is_read_as_it_was_written_and_at_no_other_length),
		cmocka_unit_test(every_flipped_bit_of_a_frame_is_seen),
		cmocka_unit_test(excludes_are_names_paths_and_folders),
		cmocka_unit_test(the_name_of_a_path_is_as_cp_takes_it),
		cmocka_unit_test(a_tree_arrives_as_it_is),
		cmocka_unit_test(a_part_of_the_same_file_is_not_sent_again),
		cmocka_unit_test(a_second_sync_sends_nothing),
		cmocka_unit_test(whole_seconds_decide_where_a_side_has_no_fraction),
		cmocka_unit_test(nothing_is_written_outside),
		cmocka_unit_test(a_link_of_the_stream_is_not_gone_through),
		cmocka_unit_test(nothing_outside_gets_another_mode),
		cmocka_unit_test(what_is_excluded_is_in_the_way),
		cmocka_unit_test(a_folder_that_was_there_keeps_its_mode),
		cmocka_unit_test(set_id_bits_are_dropped),
		cmocka_unit_test(cut_off_and_changed_anywhere_it_leaves_no_half_file),
		cmocka_unit_test(false_counts_are_no_success),
	};

	umask(0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
