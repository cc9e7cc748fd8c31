/*
 * A copy out of a sandbox whose far end answers everything wrong (tests/lib/evil), as this program does it where only
 * agent.sh can be had: nothing is written beside the target, no device and no set-id file is made, it ends.
 */
#include "tests/lib/test.h"

#include "common/remote/pack/copy.h"
#include "plugin/farsys.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static char dir[] = "/tmp/test-plugin-evil-XXXXXX";

struct seen {
	atomic_uint fails, files;
	char why[400]; /* of the last failure; source's thread alone */
};

static void source_says(void *arg, uint8_t type, const uint8_t *data, size_t n)
{
	auto_buf keep = BUF_INIT(PACK_FRAME_MAX);
	struct seen *seen = arg;
	struct pack_trouble t;

	seen->files += type == PACK_FILE || type == PACK_BEGIN;
	if (type != PACK_FAIL || pack_trouble_take(data, n, &keep, &t) < 0)
		return;
	seen->fails++;
	snprintf(seen->why, sizeof(seen->why), "%s %s: %s", t.path, t.text,
		errno_name(-(int)t.code));
}

static void sink_says(void *arg, uint8_t type, const uint8_t *data, size_t n)
{
	struct seen *seen = arg;

	seen->fails += type == PACK_FAIL;
}

static void send_job(struct pack_pipe *p, const char *src)
{
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);
	struct pack_job job;

	pack_job_init(&job);
	job.flags = PACK_JOB_SOURCE;
	pack_list_add(&job.paths, src, strlen(src));
	/* its folders have no end */
	pack_list_add(&job.excludes, "d1", 2);
	pack_list_add(&job.excludes, "d2", 2);
	pack_job_put(&b, &job);
	CHECK_RC(pack_pipe_send(p, PACK_JOB, b.data, b.len), 0);
	pack_pipe_flush(p);
	pack_job_fini(&job);
}

static int receive(struct far_agent *f, const char *src, const char *dst, struct seen *seen)
{
	const struct pack_watch watch = { source_says, sink_says, seen };
	struct pack_side side = { .sys = &pack_sys_here, .watch = &watch };
	struct pack_job job;
	int fd = far_agent_fd(f), rc;

	pack_job_init(&job);
	pack_list_add(&job.paths, "got", 3);
	job.dst = xstrdup(dst);
	side.job = &job;
	CHECK_RC(pack_pipe_open(fd, fd, false, &side.pipe), 0);
	send_job(side.pipe, src);
	rc = pack_sink(&side);
	pack_pipe_close(side.pipe);
	pack_job_fini(&job);
	return rc;
}

static void shell(const char *fmt, const char *arg)
{
	auto_free char *name = xstrdup(arg);
	auto_buf line = BUF_INIT(4096);

	for (; *fmt; fmt++) {
		if (*fmt == '@')
			buf_str(&line, name);
		else
			buf_char(&line, *fmt);
	}
	assert_int_equal(system(buf_text(&line)), 0);
}

static char ways[64 * 1024]; /* evil's list */

static void read_ways(void)
{
	auto_free char *list = xprintf("python3 %s/tests/lib/evil --list", getenv("SBX_SRC"));
	FILE *f = popen(list, "r");

	ways[0] = '\n';
	assert_non_null(f);
	assert_true(fread(ways + 1, 1, sizeof(ways) - 2, f) > 0);
	pclose(f);
}

/* The number of the way of this sentence. */
static int number_of(const char *way)
{
	auto_free char *line = xprintf("\n%s\n", way);
	const char *found;
	int n = 0;

	if (!*ways)
		read_ways();
	found = strstr(ways, line);
	assert_non_null(found);
	for (const char *at = ways; at < found; at++)
		n += *at == '\n';
	return n;
}

/* All that there is below dir is the target, plain files and links in it, and what evil reads. */
static void check_nothing_else(void)
{
	shell("test -z \"$(find @ -mindepth 1 ! -path @/in ! -path '@/in/*' ! -name how)\"", dir);
	shell("test -z \"$(find @ ! -type f ! -type d ! -type l ! -type p)\"", dir);
	shell("test -z \"$(find @ -perm /6000 ! -path @)\"", dir);
	shell("test ! -e @/in/got/l1/passwd || test -h @/in/got/l1", dir);
}

static void copy_by(const char *way, bool fails)
{
	auto_free char *evil = xprintf("%s/tests/lib/evil", getenv("SBX_SRC"));
	auto_free char *in = xprintf("%s/in", dir);
	auto_free char *src = xprintf("/way/%d", number_of(way));
	const char *argv[] = { "python3", evil, NULL };
	struct session_spec spec = {
		.ns = "test", .pod = "evil", .local_argv = argv, .agent_sh = true
	};
	struct seen seen = { 0 };
	struct far_agent *f;
	struct err err = { "" };
	int rc;

	shell("rm -rf @/in && mkdir @/in && echo evil >@/how", dir);
	rc = far_agent_open(&spec, &f, &err);
	if (rc < 0)
		fail_msg("%s: %s", way, err.text);
	rc = receive(f, src, in, &seen);
	far_agent_close(f);
	check_nothing_else();
	if (fails && rc == 0 && !seen.fails)
		fail_msg("%s: a success of %u files", way, seen.files);
	if (!fails && (rc < 0 || seen.fails || !seen.files))
		fail_msg("%s: %d, %u failures (%s), %u files", way, rc, seen.fails, seen.why,
			seen.files);
}

static void whatever_is_wrong_is_an_error_and_nothing_is_outside(void **state)
{
	static const char *const these[] = { "names that lead out", "a name that is empty",
		"names with a NUL", "names longer than any", "fewer records than counted",
		"half a record", "a piece longer than any", "a length that is negative",
		"more valid bytes than came", "sizes of 2^63", "sizes below zero",
		"a type that is none", "an errno that is none", "a link with a NUL",
		"death at each request", "noise" };

	for (size_t i = 0; i < sizeof(these) / sizeof(*these); i++)
		copy_by(these[i], true);
}

static void what_is_only_odd_is_copied(void **state)
{
	static const char *const these[] = { "the same name a thousand times", "set-id and devices",
		"links that lead out", "links in a circle", "names that draw on a terminal",
		"a handle that nobody asked for", /* small files are not opened */
		"inode numbers of zero", "times past all calendars",
		"names that differ in case alone" };

	for (size_t i = 0; i < sizeof(these) / sizeof(*these); i++)
		copy_by(these[i], false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_wrong_is_an_error_and_nothing_is_outside),
		cmocka_unit_test(what_is_only_odd_is_copied),
	};
	auto_free char *how = NULL;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		return 1;
	how = xprintf("%s/how", dir);
	setenv("EVIL", how, 1);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	shell("rm -rf @", dir);
	return rc;
}
