#include "fs/link.h"
#include "tests/lib/test.h"

static void shows(const char *dir, const char *target, const char *expected)
{
	auto_buf out = BUF_INIT(8192);

	assert_int_equal(link_contain(dir, target, &out), 0);
	assert_string_equal(buf_text(&out), expected);
}

static void harmless_targets_are_shown_as_they_are(void **state)
{
	shows("/", "a", "a");
	shows("/", "a//b/./c", "a//b/./c");
	shows("/a/b", "../c", "../c");
	shows("/a/b", "../../c", "../../c");
	shows("/a", "./x", "./x");
	shows("/a", "...", "...");
}

static void absolute_targets_start_at_the_sandboxs_root(void **state)
{
	shows("/", "/etc/passwd", "etc/passwd");
	shows("/a/b", "/etc/passwd", "../../etc/passwd");
	shows("/etc", "/etc/passwd", "passwd");
	shows("/etc/x", "/etc/passwd", "../passwd");
	shows("/", "/", ".");
	shows("/a", "/", "..");
	shows("/a", "/a", ".");
	shows("/ab", "/a", "../a");
	shows("/a", "/ab", "../ab");
}

static void climbing_targets_end_at_the_sandboxs_root(void **state)
{
	shows("/", "../../etc/passwd", "etc/passwd");
	shows("/a", "../../../etc/passwd", "../etc/passwd");
	shows("/", "..", ".");
	shows("/a/b", "../../../..", "../..");
	shows("/", "/../../../x", "x");
}

static void a_name_before_dots_is_folded_away(void **state)
{
	shows("/", "l/../../../../etc", "etc");
	shows("/a/b", "c/../d", "d");
	shows("/a", "l/l/l/l/../../../../../../x", "../x");
}

/* Whatever comes, no ".." stands behind a name, and no more of them than folders above. */
static void assert_contained(const char *text, size_t depth)
{
	bool named = false;

	assert_int_not_equal(*text, '/');
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0) {
			assert_false(named);
			assert_true(depth-- > 0);
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			named = true;
		}
		p += n + strspn(p + n, "/");
	}
}

static void nothing_leads_out(void **state)
{
	static const char *const parts[] = { "..", ".", "a", "/", "//", "..", "b" };
	static const char *const dirs[] = { "/", "/a", "/a/b", "/a/b/c" };

	for (unsigned seed = 0; seed < 50000; seed++) {
		auto_buf target = BUF_INIT(256), out = BUF_INIT(1024);
		unsigned x = seed;

		for (int i = 0; i < 7; i++, x /= 7) {
			buf_str(&target, parts[x % 7]);
			if (x % 3)
				buf_char(&target, '/');
		}
		assert_int_equal(link_contain(dirs[seed % 4], buf_text(&target), &out), 0);
		assert_contained(buf_text(&out), seed % 4);
	}
}

static void empty_and_endless_targets_are_refused(void **state)
{
	auto_buf out = BUF_INIT(8192);
	char longer[5000];

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(link_contain("/", "", &out), -EIO);
	assert_int_equal(link_contain("/", longer, &out), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(harmless_targets_are_shown_as_they_are),
		cmocka_unit_test(absolute_targets_start_at_the_sandboxs_root),
		cmocka_unit_test(climbing_targets_end_at_the_sandboxs_root),
		cmocka_unit_test(a_name_before_dots_is_folded_away),
		cmocka_unit_test(nothing_leads_out),
		cmocka_unit_test(empty_and_endless_targets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
