#include "tests/unit/kubefix.h"

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/kube/cred.h"
#include "common/kube/noproxy.h"
#include "common/kube/target.h"

#define HTTPS "server: 'https://k.test:6443'"

static void target_at_fini(struct kube_target **at)
{
	kube_target_free(*at);
}
#define auto_target auto_with(target_at_fini) struct kube_target

static int load(struct kube_flags *flags, struct kube_target **ret, struct err *err)
{
	auto_free char *sa = fix_path("sa");

	return kube_target_load_from(flags, sa, ret, err);
}

static struct kube_target *load_ok(struct kube_flags *flags)
{
	struct kube_target *t = NULL;
	struct err err = { "" };
	int rc = load(flags, &t, &err);

	if (rc < 0)
		fail_msg("%s", err_text(&err, rc));
	return t;
}

static void refuse(struct kube_flags *flags, int code, const char *says)
{
	struct kube_target *t = NULL;
	struct err err = { "" };
	int rc = load(flags, &t, &err);

	if (rc != code)
		fail_msg("%s instead of %s: %s", errno_name(rc), errno_name(code),
			err_text(&err, rc));
	if (!strstr(err.text, says))
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
	if (strstr(err.text, MARKER) || strstr(err.text, "TUFSS0VSU0VDUkVU"))
		fail_msg("a secret is in \"%s\"", err.text);
	assert_null(t);
}

/* What is presented, as text. */
static char *presented(struct kube_target *t)
{
	struct cred_now now = { 0 };
	struct err err = { "" };
	int rc = cred_get(t->cred, 0, deadline_after(5000), NULL, &now, &err);
	char *text;

	if (rc < 0)
		fail_msg("%s", err_text(&err, rc));
	text = xprintf(
		"%s%s", now.authorization ? now.authorization : "-", now.cert_pem ? " +cert" : "");
	cred_now_fini(&now);
	return text;
}

/* --- finding and merging --------------------------------------------------- */

static void reads_the_file_of_the_flag_alone(void **state)
{
	auto_free char *one = fix_path("one"), *two = fix_path("two");
	struct kube_flags flags = { .kubeconfig = one };
	auto_target *t = NULL;

	fix_config("one", HTTPS ", certificate-authority: ca.crt", "token: a");
	fix_config("two", "server: https://other.test", "token: b");
	setenv("KUBECONFIG", two, 1);
	t = load_ok(&flags);
	unsetenv("KUBECONFIG");
	assert_string_equal(t->server, "https://k.test:6443");
	assert_string_equal(t->host, "k.test");
	assert_int_equal(t->port, 6443);
	assert_true(t->tls);
	assert_string_equal(t->context, "c");
	assert_string_equal(t->ns, "dev");
	assert_non_null(strstr(t->ca_pem, "BEGIN CERTIFICATE"));
	assert_null(t->proxy_url);
	assert_null(t->impersonate);
	assert_false(t->insecure);
}

static void merges_a_list_entry_by_entry(void **state)
{
	auto_free char *list =
		xprintf(":%s/absent:%s/m1:%s/m2:%s/m1:", fix_dir, fix_dir, fix_dir, fix_dir);
	auto_free char *who = NULL, *other = NULL;
	struct kube_flags flags = { 0 }, second = { .context = "d" };
	auto_target *t = NULL, *u = NULL;

	fix_write("m1", "clusters: [{name: k, cluster: {server: 'https://one'}}]\n"
			"contexts: [{name: c, context: {cluster: k, user: u}}]\n");
	fix_write("m2",
		"current-context: c\n"
		"clusters: [{name: k, cluster: {server: 'https://two', tls-server-name: x}}]\n"
		"contexts: [{name: c, context: {cluster: none}}, {name: d, context: {cluster: k, "
		"user: v}}]\n"
		"users: [{name: u, user: {token: tok}}, {name: v, user: {username: a, password: "
		"0123}}]\n");
	setenv("KUBECONFIG", list, 1);
	t = load_ok(&flags);
	u = load_ok(&second);
	unsetenv("KUBECONFIG");
	assert_string_equal(t->server, "https://one");
	assert_null(t->tls_server_name);
	assert_string_equal(t->ns, "default");
	who = presented(t);
	assert_string_equal(who, "Bearer tok");
	other = presented(u);
	assert_string_equal(other, "Basic YTowMTIz");
}

static void falls_back_to_the_home_folder(void **state)
{
	struct kube_flags flags = { 0 };
	auto_free char *dir = fix_path(".kube");
	auto_target *t = NULL;

	mkdir(dir, 0700);
	fix_config(".kube/config", "server: 'https://home'", "");
	t = load_ok(&flags);
	assert_string_equal(t->server, "https://home");
	assert_int_equal(t->port, 443);
	fix_write(".kube/config", "");
	refuse(&flags, -EINVAL, "is empty");
	assert_int_equal(nftw(dir, fix_remove, 4, FTW_DEPTH), 0);
	refuse(&flags, -ENOENT, "no cluster is configured");
}

static void base64_environment_stands_between_flag_and_list(void **state)
{
	auto_free char *one = fix_path("one");
	auto_free char *b64 = NULL, *lines = NULL;
	struct kube_flags flags = { 0 }, named = { .kubeconfig = one };
	auto_target *t = NULL, *u = NULL;

	fix_config("one", "server: 'https://flag'", "");
	fix_config("b64", "server: 'https://b64'", "");
	b64 = fix_fill("^b64^");
	lines = xprintf("%.20s\n%s\n", b64, b64 + 20);
	setenv("KUBECONFIG", one, 1);
	setenv("KUBECONFIG_B64", lines, 1);
	t = load_ok(&flags);
	u = load_ok(&named);
	setenv("KUBECONFIG_B64", "TUFSS0VSU0VDUkVU!", 1);
	refuse(&flags, -EINVAL, "KUBECONFIG_B64 is not base 64");
	setenv("KUBECONFIG_B64", "TUFSS0VSU0VDUkVU", 1);
	refuse(&flags, -EINVAL, "KUBECONFIG_B64 is not a kubeconfig");
	unsetenv("KUBECONFIG_B64");
	unsetenv("KUBECONFIG");
	assert_string_equal(t->server, "https://b64");
	assert_string_equal(u->server, "https://flag");
}

static void uses_the_service_account_in_a_pod(void **state)
{
	auto_free char *sa = fix_path("sa"), *ca = fix_read("ca.crt"), *who = NULL;
	struct kube_flags flags = { 0 }, elsewhere = { .server = "https://other" };
	auto_target *t = NULL, *u = NULL, *v = NULL;

	mkdir(sa, 0700);
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	refuse(&flags, -ENOENT, "no cluster is configured");
	fix_write("sa/token", "satoken\n");
	fix_write("sa/namespace", "podns\n");
	fix_write("sa/ca.crt", ca);
	t = load_ok(&flags);
	assert_string_equal(t->server, "https://[fd00::1]:443");
	assert_string_equal(t->host, "fd00::1");
	assert_string_equal(t->ns, "podns");
	assert_string_equal(t->context, "");
	assert_non_null(t->ca_pem);
	who = presented(t);
	assert_string_equal(who, "Bearer satoken");
	setenv("POD_NAMESPACE", "other", 1);
	flags.ns = "mine";
	u = load_ok(&flags);
	assert_string_equal(u->ns, "mine");
	/* its token goes nowhere else */
	v = load_ok(&elsewhere);
	{
		auto_free char *nobody = presented(v);

		assert_string_equal(nobody, "-");
	}
	unsetenv("POD_NAMESPACE");
	unsetenv("KUBERNETES_SERVICE_HOST");
}

/* --- good entries ---------------------------------------------------------- */

static void takes_every_kind_of_user(void **state)
{
	static const char *const table[][2] = {
		{ "", "-" },
		{ "token: 12345", "Bearer 12345" },
		{ "tokenFile: tok", "Bearer filetoken" },
		{ "token: a, tokenFile: tok", "Bearer filetoken" },
		{ "token: a, tokenFile: absent", "Bearer a" },
		{ "username: a, password: b", "Basic YTpi" },
		{ "client-certificate: ec.crt, client-key: ec.key", "- +cert" },
		{ "client-certificate: ec.crt, client-key: ec.old", "- +cert" },
		{ "client-certificate: ed.crt, client-key: ed.key", "- +cert" },
		{ "client-certificate: rsa.crt, client-key: rsa.key", "- +cert" },
		{ "client-certificate: rsa.crt, client-key: rsa.old", "- +cert" },
		{ "client-certificate-data: ^ec.crt^, client-key-data: ^ec.key^, token: t",
			"Bearer t +cert" },
		{ "client-certificate: ec.crt, client-key-data: ^ec.key^", "- +cert" },
		{ "token: t, exec: {command: absent}", "Bearer t" },
		{ "auth-provider: {name: oidc, config: {id-token: x.eyJleHAiOjQxMDI0NDQ4MDB9.y}}",
			"Bearer x.eyJleHAiOjQxMDI0NDQ4MDB9.y" },
	};

	fix_write("tok", " filetoken \n");
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		auto_free char *one = fix_path("one"), *got = NULL;
		struct kube_flags flags = { .kubeconfig = one };
		auto_target *t = NULL;

		fix_config("one", HTTPS, table[i][0]);
		t = load_ok(&flags);
		got = presented(t);
		assert_string_equal(got, table[i][1]);
	}
}

static void takes_servers_apart(void **state)
{
	static const struct {
		const char *cluster, *server, *host;
		int port;
	} table[] = {
		{ "server: 'https://k/'", "https://k", "k", 443 },
		{ "server: 'HTTPS://k:1/a/b/?x=y#z'", "https://k:1/a/b", "k", 1 },
		{ "server: 'http://k'", "http://k", "k", 80 },
		{ "server: 'k:8080'", "http://k:8080", "k", 8080 },
		{ "server: 'k:8080', insecure-skip-tls-verify: yes", "https://k:8080", "k", 8080 },
		{ "server: 'k', certificate-authority: ca.crt", "https://k", "k", 443 },
		{ "server: 'https://[::1]:6443/p'", "https://[::1]:6443/p", "::1", 6443 },
		{ "server: 'https://[::1]'", "https://[::1]", "::1", 443 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		auto_free char *one = fix_path("one");
		struct kube_flags flags = { .kubeconfig = one };
		auto_target *t = NULL;

		fix_config("one", table[i].cluster, "");
		t = load_ok(&flags);
		assert_string_equal(t->server, table[i].server);
		assert_string_equal(t->host, table[i].host);
		assert_int_equal(t->port, table[i].port);
	}
}

static void plain_http_carries_no_credentials(void **state)
{
	auto_free char *one = fix_path("one"), *got = NULL;
	struct kube_flags flags = { .kubeconfig = one, .token = "x" };
	auto_target *t = NULL;

	fix_config("one", "server: 'http://k'", "token: a");
	t = load_ok(&flags);
	got = presented(t);
	assert_string_equal(got, "-");
}

static void reads_all_of_a_cluster(void **state)
{
	auto_free char *one = fix_path("one");
	struct kube_flags flags = { .kubeconfig = one };
	auto_target *t = NULL;

	fix_config("one",
		HTTPS ", certificate-authority-data: ^ca.crt^, tls-server-name: n.test, "
		      "proxy-url: 'socks5://u:p@px:1080', disable-compression: on",
		"");
	t = load_ok(&flags);
	assert_string_equal(t->tls_server_name, "n.test");
	assert_string_equal(t->proxy_url, "socks5://u:p@px:1080");
	assert_true(t->no_compression);
	assert_non_null(t->ca_pem);
}

static void impersonation_becomes_header_lines(void **state)
{
	auto_free char *one = fix_path("one");
	struct kube_flags flags = { .kubeconfig = one };
	auto_target *t = NULL, *u = NULL;

	fix_config("one", HTTPS,
		"as: jane, as-uid: 7, as-groups: [a, b], as-user-extra: {'x/y%': [v, w]}");
	t = load_ok(&flags);
	assert_string_equal(t->impersonate[0], "Impersonate-User: jane");
	assert_string_equal(t->impersonate[1], "Impersonate-Uid: 7");
	assert_string_equal(t->impersonate[2], "Impersonate-Group: a");
	assert_string_equal(t->impersonate[3], "Impersonate-Group: b");
	assert_string_equal(t->impersonate[4], "Impersonate-Extra-x%2Fy%25: v");
	assert_string_equal(t->impersonate[5], "Impersonate-Extra-x%2Fy%25: w");
	assert_null(t->impersonate[6]);
	flags.as = "joe";
	flags.as_groups[flags.as_group_count++] = "c";
	flags.as_user_extras[flags.as_user_extra_count++] = "k=v=w";
	u = load_ok(&flags);
	assert_string_equal(u->impersonate[0], "Impersonate-User: joe");
	assert_string_equal(u->impersonate[2], "Impersonate-Group: c");
	assert_string_equal(u->impersonate[3], "Impersonate-Extra-k: v=w");
	assert_null(u->impersonate[4]);
}

static void flags_win_over_the_file(void **state)
{
	auto_free char *one = fix_path("one"), *ca = fix_path("ca.crt"), *got = NULL, *other = NULL;
	auto_free char *crt = fix_path("ec.crt"), *key = fix_path("ec.key"), *third = NULL;
	struct kube_flags server = {
		.kubeconfig = one, .server = "https://s", .token = "flag", .ns = "n"
	};
	struct kube_flags trust = { .kubeconfig = one,
		.certificate_authority = ca,
		.username = "a",
		.password = "b",
		.request_timeout = "7" };
	struct kube_flags blind = { .kubeconfig = one,
		.insecure = true,
		.insecure_set = true,
		.tls_server_name = "f",
		.client_certificate = crt,
		.client_key = key,
		.request_timeout = "0" };
	auto_target *t = NULL, *u = NULL, *v = NULL;

	fix_config("one", HTTPS ", certificate-authority-data: ^ca.crt^, tls-server-name: x",
		"tokenFile: tok");
	t = load_ok(&server);
	assert_string_equal(t->server, "https://s");
	assert_string_equal(t->ns, "n");
	assert_null(t->tls_server_name);
	got = presented(t);
	assert_string_equal(got, "Bearer flag");
	u = load_ok(&trust);
	assert_string_equal(u->tls_server_name, "x");
	assert_int_equal(u->request_timeout_ms, 7000);
	other = presented(u);
	assert_string_equal(other, "Basic YTpi");
	v = load_ok(&blind);
	assert_null(v->ca_pem);
	assert_true(v->insecure);
	assert_string_equal(v->tls_server_name, "f");
	assert_int_equal(v->request_timeout_ms, 0);
	third = presented(v);
	assert_string_equal(third, "Bearer filetoken +cert");
}

/* --- bad input ------------------------------------------------------------- */

static void refuses_bad_entries_each_with_its_sentence(void **state)
{
	static const struct {
		const char *cluster, *user;
		int code;
		const char *says;
	} table[] = {
		{ HTTPS ", certificate-authority: ca.crt, certificate-authority-data: ^ca.crt^", "",
			-EINVAL, "both \"certificate-authority\" and" },
		{ HTTPS ", certificate-authority: absent", "", -ENOENT, "absent: No such file" },
		{ HTTPS ", certificate-authority: .", "", -EISDIR, "Is a directory" },
		{ HTTPS ", certificate-authority: bad.pem", "", -EINVAL,
			"cannot be read (number 1)" },
		{ HTTPS ", certificate-authority: text.pem", "", -EINVAL, "holds no certificate" },
		{ HTTPS ", certificate-authority: ca.key", "", -EINVAL, "holds no certificate" },
		{ HTTPS ", certificate-authority-data: 'TUFSS0VSU0VDUkVU=!'", "", -EINVAL,
			"is not base 64" },
		{ HTTPS ", certificate-authority-data: TUFSS0VSU0VDUkVU", "", -EINVAL,
			"holds no certificate" },
		{ HTTPS ", certificate-authority: ca.crt, insecure-skip-tls-verify: true", "",
			-EINVAL, "both a certificate-authority and \"insecure" },
		{ HTTPS ", insecure-skip-tls-verify: maybe", "", -EINVAL, "must be true or false" },
		{ HTTPS ", tls-server-name: \"a\\nb\"", "", -EINVAL, "not a host name" },
		{ "", "", -EINVAL, "cluster \"k\" in " },
		{ "server: [a]", "", -EINVAL, "\"server\" must be text" },
		{ "server: 'ftp://k'", "", -EINVAL, "must begin with https://" },
		{ "server: 'https://'", "", -EINVAL, "no valid host name" },
		{ "server: 'https://k:99999'", "", -EINVAL, "has a port" },
		{ "server: 'https://k:'", "", -EINVAL, "has a port" },
		{ "server: 'https://[::1'", "", -EINVAL, "no valid host name" },
		{ "server: 'https://u:" MARKER "@k'", "", -EINVAL, "has a user name in it" },
		{ "server: \"https://k\\r\\nX: y\"", "", -EINVAL, "no URL may hold" },
		{ HTTPS ", proxy-url: 'ftp://u:" MARKER "@px'", "", -EINVAL,
			"its proxy-url must begin with" },
		{ HTTPS ", proxy-url: 'http://u:" MARKER "@px:x'", "", -EINVAL,
			"its proxy-url has a port" },
		{ HTTPS ", proxy-url: 'socks4://px'", "", -EINVAL, "socks5://" },
		{ HTTPS,
			"client-certificate: ec.crt, client-certificate-data: ^ec.crt^, "
			"client-key: ec.key",
			-EINVAL, "both \"client-certificate\" and" },
		{ HTTPS, "client-certificate: ec.crt", -EINVAL, "without a client key" },
		{ HTTPS, "client-key: ec.key", -EINVAL, "without a client certificate" },
		{ HTTPS, "client-certificate: ec.crt, client-key: rsa.key", -EINVAL,
			"does not belong" },
		{ HTTPS, "client-certificate: ec.crt, client-key: ec.enc", -EINVAL,
			"is encrypted" },
		{ HTTPS, "client-certificate: ec.crt, client-key: text.pem", -EINVAL,
			"no private key" },
		{ HTTPS, "client-certificate: bad.pem, client-key: ec.key", -EINVAL,
			"cannot be read" },
		{ HTTPS, "client-certificate: ec.crt, client-key: absent", -ENOENT, "absent" },
		{ HTTPS, "client-key-data: '" MARKER "!', client-certificate: ec.crt", -EINVAL,
			"\"client-key-data\" is not base 64" },
		{ HTTPS, "token: " MARKER ", username: a", -EINVAL, "both a token and" },
		{ HTTPS, "token: \"" MARKER "\\nX: y\"", -EINVAL, "line break" },
		{ HTTPS, "tokenFile: absent", -ENOENT, "user \"u\" in " },
		{ HTTPS, "tokenFile: empty", -EINVAL, "is empty" },
		{ HTTPS, "tokenFile: two", -EINVAL, "more than one line" },
		{ HTTPS, "as: \"a\\r\\nb\"", -EINVAL, "cannot impersonate" },
		{ HTTPS, "as-groups: [a]", -EINVAL, "without a user" },
		{ HTTPS, "auth-provider: {name: gcp}", -EINVAL, "gke-gcloud-auth-plugin" },
		{ HTTPS, "auth-provider: {name: azure}", -EINVAL, "kubelogin" },
		{ HTTPS, "auth-provider: {name: oidc, config: {id-token: " MARKER "}}", -EINVAL,
			"no usable id-token" },
		{ HTTPS, "auth-provider: {name: oidc, config: {id-token: x.eyJleHAiOjF9.y}}",
			-EACCES, "has expired" },
		{ HTTPS, "auth-provider: {name: oidc}, exec: {}", -EINVAL, "both \"exec\" and" },
		{ HTTPS, "exec: text", -EINVAL, "must be a mapping" },
		{ HTTPS, "exec: {command: a}", -EINVAL, "exec.apiVersion" },
		{ HTTPS, "exec: {command: a, apiVersion: client.authentication.k8s.io/v1alpha1}",
			-EINVAL, "v1alpha1, which is gone" },
		{ HTTPS, "exec: {command: a, apiVersion: client.authentication.k8s.io/v1}", -EINVAL,
			"interactiveMode" },
		{ HTTPS, "exec: {apiVersion: client.authentication.k8s.io/v1beta1}", -EINVAL,
			"\"exec.command\" is missing" },
	};

	fix_write("empty", " \n");
	fix_write("two", MARKER "\n" MARKER "\n");
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		auto_free char *one = fix_path("one");
		struct kube_flags flags = { .kubeconfig = one };

		fix_config("one", table[i].cluster, table[i].user);
		refuse(&flags, table[i].code, table[i].says);
	}
}

static void refuses_bad_files_each_with_its_sentence(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} table[] = {
		{ "", "is empty" },
		{ "{ " MARKER, "not YAML" },
		{ MARKER, "no mapping at the top" },
		{ "- " MARKER, "no mapping at the top" },
		{ "token: *" MARKER, "names no anchor" },
		{ "a: &" MARKER " [*" MARKER "]", "inside its own anchor" },
		{ "kind: Pod\napiVersion: v1", "not a kubeconfig: kind \"Pod\"" },
		{ "clusters: 1", "\"clusters\" must be a list" },
		{ "users: [{user: {token: " MARKER "}}]", "has no \"name:\"" },
		{ "users: [{name: a, user: " MARKER "}]", "must have a \"name:\"" },
		{ "users: [{name: a}, {name: a}]", "\"a\" is there twice" },
		{ "contexts: [{name: a}, {name: b}]", "no context is chosen" },
		{ "current-context: x\ncontexts: [{name: a}, {name: b}]", "known: a, b" },
		{ "current-context: a\ncontexts: [{name: a}]", "names no cluster" },
		{ "current-context: a\ncontexts: [{name: a, context: {cluster: z}}]",
			"no cluster \"z\"" },
		{ "current-context: a\ncontexts: [{name: a, context: {cluster: k, user: z}}]\n"
		  "clusters: [{name: k, cluster: {server: k}}]",
			"no user \"z\"" },
		{ "current-context: a\ncontexts: [{name: a, context: {cluster: k, namespace: "
		  "\"A\\x1bB\"}}]\n"
		  "clusters: [{name: k, cluster: {server: k}}]",
			"\"A\\x1bB\" cannot be a namespace" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		auto_free char *one = fix_path("one");
		struct kube_flags flags = { .kubeconfig = one };

		fix_write("one", table[i].text);
		refuse(&flags, -EINVAL, table[i].says);
	}
}

static void refuses_files_it_cannot_read(void **state)
{
	auto_free char *one = fix_path("one"), *huge = fix_path("huge"),
		       *absent = fix_path("absent");
	auto_free char *list = xprintf("%s:%s", one, huge);
	struct kube_flags flags = { .kubeconfig = absent }, dir = { .kubeconfig = fix_dir },
			  large = { .kubeconfig = huge }, none = { 0 };

	refuse(&flags, -ENOENT, "absent: No such file");
	refuse(&dir, -EISDIR, "Is a directory");
	fix_write("huge", "");
	assert_int_equal(truncate(huge, 100 << 20), 0);
	refuse(&large, -EMSGSIZE, "larger than 16 MiB");
	/* a broken file in the list is an error even if another is good */
	fix_config("one", HTTPS, "");
	fix_write("huge", "[");
	setenv("KUBECONFIG", list, 1);
	refuse(&none, -EINVAL, "huge");
	unsetenv("KUBECONFIG");
}

static void refuses_flags_that_name_nothing(void **state)
{
	auto_free char *one = fix_path("one");
	static const struct {
		struct kube_flags flags;
		const char *says;
	} table[] = {
		{ { .context = "z" }, "no context \"z\", named by --context" },
		{ { .cluster = "z" }, "no cluster \"z\", named by --cluster" },
		{ { .user = "z" }, "no user \"z\", named by --user" },
		{ { .token = MARKER, .username = "a" }, "--token and --username" },
		{ { .token = MARKER "\n" }, "line break" },
		{ { .server = "https://a b" }, "--server holds" },
		{ { .ns = "../x" }, "cannot be a namespace" },
		{ { .as = "a\nb" }, "cannot impersonate" },
		{ { .as_uid = "1" }, "without a user" },
		{ { .request_timeout = "soon" }, "--request-timeout" },
	};

	fix_config("one", HTTPS, "token: " MARKER);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct kube_flags flags = table[i].flags;

		flags.kubeconfig = one;
		refuse(&flags, -EINVAL, table[i].says);
	}
}

static void no_proxy_is_read_as_go_does(void **state)
{
	static const struct {
		const char *list, *host;
		bool has;
	} table[] = {
		{ NULL, "a.test", false },
		{ "", "a.test", false },
		{ "*", "10.1.2.3", true },
		{ "b.test, A.test", "a.test", true },
		{ "a.test", "x.a.test", true },
		{ ".a.test", "x.a.test", true },
		{ "a.test", "xa.test", false },
		{ "x.a.test", "a.test", false },
		{ "10.1.2.3", "10.1.2.3", true },
		{ "10.1.2.0/23 a.test", "10.1.3.4", true },
		{ "10.1.2.0/23", "10.1.4.4", false },
		{ "10.0.0.0/8", "10.a.test", false },
		{ "0.0.0.0/0", "::1", false },
		{ "10.1.2.3/33", "10.1.2.3", false },
		{ "10.1.2.3/", "10.1.2.3", false },
		{ "2.3", "10.1.2.3", false },
		{ "fd00::/9", "fd7f::1", true },
		{ "fd00::/9", "fd80::1", false },
		{ ",,.", "a.test", false },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (noproxy_has(table[i].list, table[i].host) != table[i].has)
			fail_msg("\"%s\" and %s", table[i].list, table[i].host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_file_of_the_flag_alone),
		cmocka_unit_test(merges_a_list_entry_by_entry),
		cmocka_unit_test(falls_back_to_the_home_folder),
		cmocka_unit_test(base64_environment_stands_between_flag_and_list),
		cmocka_unit_test(uses_the_service_account_in_a_pod),
		cmocka_unit_test(takes_every_kind_of_user),
		cmocka_unit_test(takes_servers_apart),
		cmocka_unit_test(plain_http_carries_no_credentials),
		cmocka_unit_test(reads_all_of_a_cluster),
		cmocka_unit_test(impersonation_becomes_header_lines),
		cmocka_unit_test(flags_win_over_the_file),
		cmocka_unit_test(refuses_bad_entries_each_with_its_sentence),
		cmocka_unit_test(refuses_bad_files_each_with_its_sentence),
		cmocka_unit_test(refuses_files_it_cannot_read),
		cmocka_unit_test(refuses_flags_that_name_nothing),
		cmocka_unit_test(no_proxy_is_read_as_go_does),
	};

	return cmocka_run_group_tests(tests, fix_setup, fix_teardown);
}
