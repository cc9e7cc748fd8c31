/*
 * Whether two targets are the same user on the same server.
 */
#include "tests/unit/kubefix.h"

#include "common/kube/target.h"
#include "tests/lib/test.h"

#define SERVER "server: 'https://h:6443'"

struct print {
	char hex[65];
};

static struct print print_of(const struct kube_flags *flags)
{
	struct kube_target *t = NULL;
	struct err err = { "" };
	struct print ret;

	if (kube_target_load_from(flags, "/nonexistent", &t, &err) < 0)
		fail_msg("%s", err.text);
	kube_target_fingerprint(t, ret.hex);
	kube_target_free(t);
	return ret;
}

static struct print of(const char *cluster, const char *user)
{
	auto_free char *path = fix_path("config");
	struct kube_flags f = { .kubeconfig = path };

	fix_config("config", cluster, user);
	return print_of(&f);
}

static void is_hex_and_the_same_each_time(void **state)
{
	struct print a = of(SERVER, "token: " MARKER), b = of(SERVER, "token: " MARKER);

	assert_int_equal(strspn(a.hex, "0123456789abcdef"), 64);
	assert_int_equal(strlen(a.hex), 64);
	CHECK_TEXT(a.hex, b.hex);
}

static void tells_users_and_servers_apart(void **state)
{
	static const struct {
		const char *cluster, *user;
	} all[] = {
		{ SERVER, "token: a" },
		{ SERVER, "token: b" },
		{ SERVER, "tokenFile: ^^/text.pem" },
		{ SERVER, "username: a, password: p" },
		{ SERVER, "username: b, password: p" },
		{ SERVER, "client-certificate-data: ^ec.crt^, client-key-data: ^ec.key^" },
		{ SERVER, "client-certificate-data: ^ed.crt^, client-key-data: ^ed.key^" },
		{ SERVER, "client-certificate: ^^/ec.crt, client-key: ^^/ec.key" },
		{ SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1, command: a, "
			  "interactiveMode: Never}" },
		{ SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1, command: a, "
			  "interactiveMode: Never, args: [b]}" },
		{ SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1, command: a, "
			  "interactiveMode: Never, env: [{name: b, value: ''}]}" },
		{ SERVER, "token: a, as: other" },
		{ "server: 'https://h:6444'", "token: a" },
		{ SERVER ", tls-server-name: x", "token: a" },
		{ SERVER ", insecure-skip-tls-verify: true", "token: a" },
		{ SERVER ", certificate-authority-data: ^ca.crt^", "token: a" },
		{ SERVER ", proxy-url: 'http://p:1'", "token: a" },
		{ "server: 'http://h:6443'", "token: a" },
	};
	struct print seen[sizeof(all) / sizeof(*all)];

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		seen[i] = of(all[i].cluster, all[i].user);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(seen[i].hex, seen[j].hex))
				fail_msg("{%s, %s} is {%s, %s}", all[i].cluster, all[i].user,
					all[j].cluster, all[j].user);
	}
}

static void a_password_and_a_namespace_are_no_part_of_it(void **state)
{
	struct print a = of(SERVER, "username: a, password: p");
	struct print b = of(SERVER, "username: a, password: q");
	auto_free char *path = fix_path("config");
	struct kube_flags f = { .kubeconfig = path, .ns = "other" };
	struct print c = print_of(&f);

	CHECK_TEXT(a.hex, b.hex);
	CHECK_TEXT(a.hex, c.hex);
}

static void a_flag_counts_as_what_it_says(void **state)
{
	struct print a = of(SERVER, "token: b");
	auto_free char *path = fix_path("config");
	struct kube_flags f = { .kubeconfig = path, .token = "b" };
	struct print b;

	fix_config("config", SERVER, "token: a");
	b = print_of(&f);
	CHECK_TEXT(a.hex, b.hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_hex_and_the_same_each_time),
		cmocka_unit_test(tells_users_and_servers_apart),
		cmocka_unit_test(a_password_and_a_namespace_are_no_part_of_it),
		cmocka_unit_test(a_flag_counts_as_what_it_says),
	};

	return cmocka_run_group_tests_name("fingerprint", tests, fix_setup, fix_teardown);
}
