#include "common/base/buf.h"
#include "common/kube/target.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define ARGS(...) ((const char *[]){ "sbx", __VA_ARGS__, NULL })

/* Takes as many flags as there are; the index behind the last one taken, or a negative errno. */
static int take_all(struct kube_flags *flags, const char **argv, struct err *err)
{
	int argc = 0, i;

	while (argv[argc])
		argc++;
	for (i = 1; i < argc; i++) {
		int rc = kube_flags_take(flags, argc, (char **)argv, &i, err);

		if (rc < 0)
			return rc;
		if (rc == 0)
			return i;
	}
	return i;
}

static void takes_every_form_of_a_value(void **state)
{
	struct kube_flags f = { 0 };

	assert_int_equal(take_all(&f, ARGS("-n", "a"), NULL), 3);
	assert_string_equal(f.ns, "a");
	assert_int_equal(take_all(&f, ARGS("-nb"), NULL), 2);
	assert_string_equal(f.ns, "b");
	assert_int_equal(take_all(&f, ARGS("-n=c"), NULL), 2);
	assert_string_equal(f.ns, "c");
	assert_int_equal(take_all(&f, ARGS("--namespace", "d"), NULL), 3);
	assert_string_equal(f.ns, "d");
	assert_int_equal(take_all(&f, ARGS("--namespace=e"), NULL), 2);
	assert_string_equal(f.ns, "e");
	assert_int_equal(take_all(&f, ARGS("--token="), NULL), 2);
	assert_string_equal(f.token, "");
	assert_int_equal(take_all(&f, ARGS("-v", "4", "-s", "https://x"), NULL), 5);
	assert_int_equal(f.verbosity, 4);
	assert_string_equal(f.server, "https://x");
	assert_int_equal(take_all(&f, ARGS("-v6"), NULL), 2);
	assert_int_equal(f.verbosity, 6);
	assert_int_equal(take_all(&f, ARGS("--v=7"), NULL), 2);
	assert_int_equal(f.verbosity, 7);
	assert_int_equal(
		take_all(&f, ARGS("--context", "--cluster"), NULL), 3); /* as kubectl takes it */
	assert_string_equal(f.context, "--cluster");
}

static void takes_every_flag(void **state)
{
	static const char *const names[] = { "kubeconfig", "context", "cluster", "user",
		"namespace", "server", "token", "as", "as-uid", "as-group", "client-certificate",
		"client-key", "certificate-authority", "tls-server-name", "username", "password",
		"cache-dir" };
	struct kube_flags f = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		auto_free char *arg = xprintf("--%s=%s", names[i], names[i]);

		assert_int_equal(take_all(&f, ARGS(arg), NULL), 2);
		if (!strstr(kube_flags_help(), names[i]))
			fail_msg("help has no --%s", names[i]);
	}
	assert_int_equal(take_all(&f,
				 ARGS("--request-timeout=1m30s", "--as-user-extra=a=b",
					 "--disable-compression"),
				 NULL),
		4);
	assert_string_equal(f.request_timeout, "1m30s");
	assert_string_equal(f.as_user_extras[0], "a=b");
	assert_true(f.no_compression);
}

static void switches_take_a_value_only_behind_an_equals_sign(void **state)
{
	struct kube_flags f = { 0 };

	assert_int_equal(take_all(&f, ARGS("--insecure-skip-tls-verify", "false"), NULL), 2);
	assert_true(f.insecure && f.insecure_set);
	assert_int_equal(take_all(&f, ARGS("--insecure-skip-tls-verify=false"), NULL), 2);
	assert_false(f.insecure);
	assert_true(f.insecure_set);
}

static void lists_grow_to_their_room(void **state)
{
	struct kube_flags f = { 0 };
	struct err err = { "" };

	for (int i = 0; i < 32; i++)
		assert_int_equal(take_all(&f, ARGS("--as-group=a,b"), NULL), 2);
	assert_int_equal(f.as_group_count, 32);
	assert_string_equal(f.as_groups[31], "a,b");
	assert_int_equal(take_all(&f, ARGS("--as-group=x"), &err), -EINVAL);
	assert_non_null(strstr(err.text, "32 times"));
}

static void leaves_what_is_not_its_own(void **state)
{
	struct kube_flags f = { 0 };

	assert_int_equal(take_all(&f, ARGS("ls"), NULL), 1);
	assert_int_equal(take_all(&f, ARGS("-"), NULL), 1);
	assert_int_equal(take_all(&f, ARGS("--"), NULL), 1);
	assert_int_equal(take_all(&f, ARGS("-x"), NULL), 1);
	assert_int_equal(take_all(&f, ARGS("--name"), NULL), 1);
	assert_int_equal(take_all(&f, ARGS("--namespaces=x"), NULL), 1);
	assert_int_equal(take_all(&f, ARGS("--image", "x"), NULL), 1);
}

static void refuses_missing_and_bad_values(void **state)
{
	static const struct {
		const char *arg;
		const char *says;
	} table[] = {
		{ "-n", "-n needs a value" },
		{ "--context", "--context needs a value" },
		{ "--insecure-skip-tls-verify=maybe", "true or false" },
		{ "--request-timeout=soon", "500ms" },
		{ "--request-timeout=", "500ms" },
		{ "--as-user-extra=a", "KEY=VALUE" },
		{ "--as-user-extra==a", "KEY=VALUE" },
		{ "-v=x", "number" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct kube_flags f = { 0 };
		struct err err = { "" };

		assert_int_equal(take_all(&f, ARGS(table[i].arg), &err), -EINVAL);
		if (!strstr(err.text, table[i].says))
			fail_msg("\"%s\" does not say \"%s\"", err.text, table[i].says);
	}
}

static void help_fits_80_columns(void **state)
{
	for (const char *at = kube_flags_help(); *at; at += strcspn(at, "\n") + 1)
		assert_true(strcspn(at, "\n") <= 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_form_of_a_value),
		cmocka_unit_test(takes_every_flag),
		cmocka_unit_test(switches_take_a_value_only_behind_an_equals_sign),
		cmocka_unit_test(lists_grow_to_their_room),
		cmocka_unit_test(leaves_what_is_not_its_own),
		cmocka_unit_test(refuses_missing_and_bad_values),
		cmocka_unit_test(help_fits_80_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
