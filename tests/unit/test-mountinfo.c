#include "common/base/mountinfo.h"

#include "tests/lib/test.h"

#include <sys/sysmacros.h>

static const char mountinfo[] =
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	"90 22 0:50 / /home/ann/my\\040sbx rw,nosuid,nodev - fuse.sbx kind/dev rw,user_id=0\n"
	"91 22 0:51 / /mnt/other rw shared:2 master:3 - fuse.sshfs host: rw\n"
	"92 22 0:52 / /mnt/two rw shared:4 - fuse.sbx sbx-local/default rw\n"
	"broken line\n"
	"93 22 0:52 / /mnt/x rw -\n";

static void finds_our_mounts_among_others(void **state)
{
	auto_mounts m = { 0 };

	mounts_parse(mountinfo, "fuse.sbx", &m);
	assert_int_equal(m.count, 2);
	CHECK_TEXT(m.at[0].dir, "/home/ann/my sbx");
	CHECK_TEXT(m.at[0].source, "kind/dev");
	assert_true(mounts_has(&m, "/mnt/two"));
	assert_false(mounts_has(&m, "/mnt/other"));
	assert_false(mounts_has(&m, "/mnt"));
}

static void half_a_mount_list_is_no_crash(void **state)
{
	for (size_t n = 0; n < sizeof(mountinfo); n++) {
		auto_free char *part = xstrndup(mountinfo, n);
		auto_mounts m = { 0 };

		mounts_parse(part, "fuse.sbx", &m);
		assert_true(m.count <= 2);
	}
}

static void resolves_like_the_kernel(void **state)
{
	auto_free char *a = mount_resolve("/usr/../tmp/.");
	auto_free char *none = mount_resolve("/no/such/folder");

	CHECK_TEXT(a, "/tmp");
	assert_null(none);
}

static void whose_a_mount_is_comes_from_the_kernel(void **state)
{
	auto_mounts m = { 0 };

	mounts_parse("1 2 0:1 / /a rw - fuse.sbx sbxfs:c/n rw,user_id=1000,group_id=7\n"
		     "1 2 0:1 / /b rw shared:1 - fuse.sbx sbxfs:c/n rw\n"
		     "1 2 0:1 / /c rw - fuse.sbx sbxfs:c/n user_id=0\n",
		"fuse.sbx", &m);
	assert_int_equal(m.count, 3);
	assert_int_equal(m.at[0].uid, 1000);
	assert_int_equal(m.at[1].uid, -1);
	assert_int_equal(m.at[2].uid, 0);
}

static void one_file_system_may_be_mounted_often_and_be_covered(void **state)
{
	auto_mounts m = { 0 };

	mounts_parse("1 2 0:1 / /a rw - fuse.sbx x rw\n"
		     "1 2 0:300 / /b rw - fuse.sbx y rw\n"
		     "1 2 0:1 / /c rw - fuse.sbx x rw\n"
		     "1 2 0:7 / /a rw - tmpfs none rw\n"
		     "1 2 0:9 / /b rw - fuse.sbx z rw\n",
		"fuse.sbx", &m);
	assert_int_equal(m.count, 4);
	assert_true(mounts_at(&m, "/a")->covered);
	assert_int_equal(mounts_at(&m, "/b")->dev, makedev(0, 9));
	assert_false(mounts_at(&m, "/b")->covered);
	assert_null(mounts_at(&m, "/d"));
	assert_true(mounts_has_dev(&m, makedev(0, 300)));
	assert_false(mounts_has_dev(&m, makedev(0, 7)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_our_mounts_among_others),
		cmocka_unit_test(half_a_mount_list_is_no_crash),
		cmocka_unit_test(whose_a_mount_is_comes_from_the_kernel),
		cmocka_unit_test(one_file_system_may_be_mounted_often_and_be_covered),
		cmocka_unit_test(resolves_like_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
