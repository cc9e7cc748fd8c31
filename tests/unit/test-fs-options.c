#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "fs/options.h"
#include "tests/lib/test.h"

static int parse(struct options *o, struct err *err, const char *const *words)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char *argv[32];
	int argc = 0, rc;

	argv[argc++] = (char *)(uintptr_t) "sbxfs";
	for (; *words; words++)
		argv[argc++] = (char *)(uintptr_t)*words;
	rc = options_parse(o, argc, argv, &args, err);
	fuse_opt_free_args(&args);
	options_fini(o);
	o->trace = o->logfile = NULL;
	return rc;
}

#define PARSE(o, err, ...) parse(o, err, (const char *const[]){ __VA_ARGS__, NULL })

static void takes_every_form_of_an_option(void **state)
{
	struct options o;
	struct err err = { "" };

	assert_int_equal(PARSE(&o, &err, "-A", "-l", "a=b", "/mnt"), 0);
	assert_true(o.all_namespaces);
	assert_string_equal(o.selector, "a=b");
	assert_string_equal(o.mountpoint, "/mnt");
	assert_int_equal(PARSE(&o, &err, "/mnt", "--selector=x", "--deadline", "3s"), 0);
	assert_string_equal(o.selector, "x");
	assert_int_equal(o.deadline_ms, 3000);
	assert_int_equal(PARSE(&o, &err, "--pod=p", "-cside", "--pod", "q", "/mnt"), 0);
	assert_int_equal(o.pod_count, 2);
	assert_string_equal(o.containers[0], "side");
	assert_null(o.containers[1]);
}

static void takes_whose_files_are_shown_to_be(void **state)
{
	struct options o;
	struct err err = { "" };

	assert_int_equal(PARSE(&o, &err, "/m"), 0);
	assert_true(o.uid == -1 && o.gid == -1 && !o.xattr && !o.setid);
	assert_int_equal(PARSE(&o, &err, "-o", "uid=0,gid=4294967294,xattr,show_setid", "/m"), 0);
	assert_true(o.uid == 0 && o.gid == 4294967294 && o.xattr && o.setid);
	assert_int_equal(PARSE(&o, &err, "-o", "uid=4294967295", "/m"), -EINVAL);
	assert_int_equal(PARSE(&o, &err, "-o", "gid=-1", "/m"), -EINVAL);
	assert_int_equal(PARSE(&o, &err, "-o", "gid=root", "/m"), -EINVAL);
}

static void takes_kubectls_flags_and_fuses_options(void **state)
{
	struct options o;
	struct err err = { "" };

	assert_int_equal(PARSE(&o, &err, "-n", "dev", "--context=c", "-o",
				 "ro,allow_other,notify_fd=7,spool_max_mib=3,spool_full=drop,spool_"
				 "total_mib=9,runs_max=7",
				 "-o", "noatime", "/m"),
		0);
	assert_string_equal(o.kube.ns, "dev");
	assert_true(o.read_only && o.allow_other);
	assert_int_equal(o.notify_fd, 7);
	assert_int_equal(o.spool_max_mib, 3);
	assert_int_equal(o.spool_total_mib, 9);
	assert_int_equal(o.runs_max, 7);
	assert_true(o.spool_drop);
}

static void outputs_wait_at_64_mib_unless_told_otherwise(void **state)
{
	struct options o;
	struct err err = { "" };

	assert_int_equal(PARSE(&o, &err, "/m"), 0);
	assert_int_equal(o.spool_max_mib, 64);
	assert_int_equal(o.spool_total_mib, 1024);
	assert_int_equal(o.runs_max, 100);
	assert_false(o.spool_drop);
	assert_int_equal(
		PARSE(&o, &err, "-o",
			"spool_full=wait,spool_max_mib=1048576,spool_total_mib=1048576", "/m"),
		0);
	assert_false(o.spool_drop);
}

static void a_cluster_is_needed_unless_all_is_local(void **state)
{
	struct options o;
	struct err err = { "" };

	assert_int_equal(PARSE(&o, &err, "/m"), 0);
	assert_true(options_cluster(&o));
	assert_int_equal(PARSE(&o, &err, "--local", "a=/tmp", "/m"), 0);
	assert_false(options_cluster(&o));
	assert_int_equal(PARSE(&o, &err, "--local", "a", "--pod", "p", "/m"), 0);
	assert_true(options_cluster(&o));
}

static void refuses_with_a_sentence(void **state)
{
	static const char *const bad[][4] = {
		{ "--nonsense", "/m" },
		{ "/m", "/n" },
		{ "-c", "x", "/m" },
		{ "--local", "a/b", "/m" },
		{ "--local", "a=relative", "/m" },
		{ "--deadline", "soon", "/m" },
		{ "--agent", "static2", "/m" },
		{ "-o", "trace=nothing", "/m" },
		{ "-o", "spool_max_mib=0", "/m" },
		{ "-o", "spool_max_mib=", "/m" },
		{ "-o", "spool_max_mib=12x", "/m" },
		{ "-o", "spool_max_mib=-1", "/m" },
		{ "-o", "spool_max_mib=1048577", "/m" },
		{ "-o", "spool_max_mib=99999999999999999999", "/m" },
		{ "-o", "spool_max_mib=2000,spool_total_mib=1999", "/m" },
		{ "-o", "spool_total_mib=63", "/m" },
		{ "-o", "spool_total_mib=all", "/m" },
		{ "-o", "spool_full=block", "/m" },
		{ "-o", "max_read=4096", "/m" },
		{ "-o", "spool_full=", "/m" },
		{ "-o", "runs_max=0", "/m" },
		{ "-o", "runs_max=10001", "/m" },
		{ "/m", "-l" },
		{ NULL },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = { "" };
		struct options o;

		assert_int_equal(parse(&o, &err, bad[i]), -EINVAL);
		assert_true(*err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_form_of_an_option),
		cmocka_unit_test(takes_whose_files_are_shown_to_be),
		cmocka_unit_test(takes_kubectls_flags_and_fuses_options),
		cmocka_unit_test(outputs_wait_at_64_mib_unless_told_otherwise),
		cmocka_unit_test(a_cluster_is_needed_unless_all_is_local),
		cmocka_unit_test(refuses_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
