#include "tests/unit/kubefix.h"

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/kube/cred.h"
#include "common/kube/http.h"
#include "common/kube/json.h"
#include "common/kube/target.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define HTTPS "server: 'https://k.test:6443', certificate-authority: ca.crt, tls-server-name: n"
#define API   "client.authentication.k8s.io/"
#define V1(more)                                                                                   \
	"exec: {apiVersion: " API "v1, interactiveMode: IfAvailable, command: ./plugin" more "}"
#define HEAD "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" API "v1\",\"status\":"

static struct kube_target *open_user(const char *user, bool interactive)
{
	auto_free char *config = fix_path("config");
	struct kube_flags flags = { .kubeconfig = config, .interactive = interactive };
	struct kube_target *t = NULL;
	struct err err = { "" };
	int rc;

	fix_config("config", HTTPS, user);
	rc = kube_target_load(&flags, &t, &err);
	if (rc < 0)
		fail_msg("%s", err_text(&err, rc));
	return t;
}

/* A plugin of the name "plugin": prints text and counts its runs. */
static void plugin_prints(const char *text)
{
	auto_free char *script = NULL;

	fix_write("answer", text);
	script = xprintf("#!/bin/sh\necho x >> %s/runs\ncat %s/answer\n", fix_dir, fix_dir);
	fix_write("plugin", script);
}

static size_t runs(void)
{
	auto_free char *path = fix_path("runs"), *text = NULL;

	if (access(path, F_OK) < 0)
		return 0;
	text = fix_read("runs");
	return strlen(text) / 2;
}

static void forget_runs(void)
{
	auto_free char *path = fix_path("runs");

	unlink(path);
}

static char *get(struct kube_target *t, unsigned rejected, unsigned *ret_generation)
{
	struct cred_now now = { 0 };
	struct err err = { "" };
	int rc = cred_get(t->cred, rejected, deadline_after(10000), NULL, &now, &err);
	char *text;

	if (rc < 0)
		fail_msg("%s", err_text(&err, rc));
	text = xprintf(
		"%s%s", now.authorization ? now.authorization : "-", now.cert_pem ? " +cert" : "");
	if (ret_generation)
		*ret_generation = now.generation;
	cred_now_fini(&now);
	return text;
}

static void expect(struct kube_target *t, unsigned rejected, const char *what, unsigned generation)
{
	unsigned got = 0;
	auto_free char *text = get(t, rejected, &got);

	assert_string_equal(text, what);
	assert_int_equal(got, generation);
}

static void refuse_within(
	struct kube_target *t, unsigned rejected, int timeout_ms, int code, const char *says)
{
	struct cred_now now = { 0 };
	struct err err = { "" };
	int rc = cred_get(t->cred, rejected, deadline_after(timeout_ms), NULL, &now, &err);

	if (rc != code)
		fail_msg("%s instead of %s: %s", errno_name(rc), errno_name(code),
			err_text(&err, rc));
	if (!strstr(err.text, says))
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
	if (strstr(err.text, MARKER))
		fail_msg("a secret is in \"%s\"", err.text);
	assert_null(now.authorization);
}

static void refuse(struct kube_target *t, unsigned rejected, int code, const char *says)
{
	refuse_within(t, rejected, 10000, code, says);
}

/* --- without plugins ------------------------------------------------------- */

static void static_credentials_are_not_renewed(void **state)
{
	struct kube_target *t = open_user("token: " MARKER, false), *none = open_user("", false);

	assert_false(cred_renewable(t->cred));
	expect(t, 0, "Bearer " MARKER, 1);
	expect(t, 0, "Bearer " MARKER, 1);
	refuse(t, 1, -EACCES, "does not accept the credentials of user \"u\"");
	expect(none, 0, "-", 1);
	refuse(none, 1, -EACCES, "wants credentials and user \"u\"");
	kube_target_free(t);
	kube_target_free(none);
}

static void a_token_file_is_read_again_when_refused(void **state)
{
	struct kube_target *t;

	fix_write("tok", "one");
	t = open_user("tokenFile: tok", false);
	assert_true(cred_renewable(t->cred));
	expect(t, 0, "Bearer one", 1);
	fix_write("tok", "two");
	expect(t, 0, "Bearer one", 1); /* for a minute */
	expect(t, 1, "Bearer two", 2);
	expect(t, 1, "Bearer two", 2);
	refuse(t, 2, -EACCES, "does not accept");
	fix_write("tok", "three");
	refuse(t, 2, -EACCES, "does not accept"); /* once a generation */
	kube_target_free(t);
}

static void certificate_files_are_read_again_when_they_change(void **state)
{
	auto_free char *ec_crt = fix_read("ec.crt"), *ec_key = fix_read("ec.key"),
		       *ed_crt = fix_read("ed.crt"), *ed_key = fix_read("ed.key");
	struct kube_target *t;

	fix_write("c.crt", ec_crt);
	fix_write("c.key", ec_key);
	t = open_user("client-certificate: c.crt, client-key: c.key", false);
	expect(t, 0, "- +cert", 1);
	fix_write("c.crt", ed_crt);
	expect(t, 0, "- +cert", 1); /* half rotated: the old pair serves on */
	fix_write("c.key", ed_key);
	expect(t, 0, "- +cert", 2);
	expect(t, 0, "- +cert", 2);
	kube_target_free(t);
}

/* --- plugins --------------------------------------------------------------- */

static void a_plugin_is_asked_once_and_again_when_refused(void **state)
{
	struct kube_target *t = open_user(V1(""), false);

	forget_runs();
	plugin_prints(HEAD "{\"token\":\"one\"}}");
	expect(t, 0, "Bearer one", 1);
	expect(t, 0, "Bearer one", 1);
	assert_int_equal(runs(), 1);
	plugin_prints(HEAD "{\"token\":\"two\"}}");
	expect(t, 1, "Bearer two", 2);
	expect(t, 1, "Bearer two", 2);
	assert_int_equal(runs(), 2);
	refuse(t, 2, -EACCES, "does not accept");
	refuse(t, 2, -EACCES, "does not accept");
	assert_int_equal(runs(), 3);
	kube_target_free(t);
}

static void a_failed_renewal_is_not_repeated_with_every_request(void **state)
{
	struct kube_target *t = open_user(V1(""), false);
	auto_free char *script = fix_fill("#!/bin/sh\necho x >>^^/runs\nexit 3\n");

	forget_runs();
	plugin_prints(HEAD "{\"token\":\"one\"}}");
	expect(t, 0, "Bearer one", 1);
	fix_write("plugin", script);
	refuse(t, 1, -EACCES, "exit code 3");
	refuse(t, 1, -EACCES, "does not accept");
	expect(t, 0, "Bearer one", 1);
	assert_int_equal(runs(), 2);
	kube_target_free(t);
}

static void plugin_expiring_in(int seconds)
{
	char when[32];
	auto_free char *text = NULL;

	rfc3339_print(clock_wall_ms() + seconds * 1000, when);
	text = xprintf(HEAD "{\"token\":\"" MARKER "\",\"expirationTimestamp\":\"%s\"}}", when);
	plugin_prints(text);
}

static void a_plugin_is_asked_again_before_expiry(void **state)
{
	struct kube_target *t = open_user(V1(""), false);

	forget_runs();
	plugin_expiring_in(3600);
	expect(t, 0, "Bearer " MARKER, 1);
	expect(t, 0, "Bearer " MARKER, 1);
	assert_int_equal(runs(), 1);
	kube_target_free(t);
	/* a short life is used to its half, not thrown away by the leeway */
	t = open_user(V1(""), false);
	plugin_expiring_in(30);
	expect(t, 0, "Bearer " MARKER, 1);
	expect(t, 0, "Bearer " MARKER, 1);
	assert_int_equal(runs(), 2);
	kube_target_free(t);
	t = open_user(V1(""), false);
	plugin_expiring_in(-10);
	refuse(t, 0, -EACCES, "had expired at");
	kube_target_free(t);
}

static void a_plugin_may_give_a_certificate(void **state)
{
	auto_free char *crt = fix_read("ec.crt"), *key = fix_read("ec.key"), *text = NULL;
	struct kube_target *t = open_user(V1(""), false);
	cJSON *root = json_parse(HEAD "{\"token\":\"t\"}}", strlen(HEAD "{\"token\":\"t\"}}"));

	json_set_str(root, "status.clientCertificateData", crt);
	json_set_str(root, "status.clientKeyData", key);
	text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	plugin_prints(text);
	expect(t, 0, "Bearer t +cert", 1);
	kube_target_free(t);
}

static void a_plugin_hears_what_it_should(void **state)
{
	struct kube_target *t = NULL;
	cJSON *info;
	auto_free char *said = NULL, *args = NULL, *env = NULL, *fds = NULL, *expected = NULL;

	{
		auto_free char *config =
			fix_fill("current-context: c\ncontexts: [{name: c, context: {cluster: k, "
				 "user: u}}]\n"
				 "clusters: [{name: k, cluster: {" HTTPS
				 ", proxy-url: 'http://p:1', extensions: ["
				 "{name: other, extension: 1}, {name: " API
				 "exec, extension: {audience: 7, on: true}}]}}]\n"
				 "users: [{name: u, user: {" V1(
					 ", provideClusterInfo: true, args: [a, 'b c', 7], env: ["
					 "{name: X, value: y}, {name: HOME, value: h}]") "}}]\n");
		auto_free char *path = fix_path("config");
		struct kube_flags flags = { .kubeconfig = path };

		fix_write("config", config);
		assert_int_equal(kube_target_load(&flags, &t, NULL), 0);
	}
	{
		auto_free char *script = fix_fill("#!/bin/sh\nprintf %s \"$KUBERNETES_EXEC_INFO\" "
						  ">^^/info\nprintf '<%s>' \"$@\" >^^/args\n"
						  "printf '%s %s' \"$X\" \"$HOME\" >^^/env\nls "
						  "/proc/$$/fd | tr -d '\\n' >^^/fds\n"
						  "printf '" HEAD "{\"token\":\"t\"}}'\n");

		fix_write("plugin", script);
	}
	assert_int_equal(dup2(2, 333), 333); /* without CLOEXEC, as a careless library has one */
	expect(t, 0, "Bearer t", 1);
	close(333);
	said = fix_read("info");
	args = fix_read("args");
	env = fix_read("env");
	fds = fix_read("fds");
	info = json_parse(said, strlen(said));
	expected = fix_fill("^ca.crt^");
	assert_string_equal(args, "<a><b c><7>");
	assert_string_equal(env, "y h");
	assert_null(strstr(fds, "333"));
	assert_string_equal(json_str(info, "kind", ""), "ExecCredential");
	assert_string_equal(json_str(info, "apiVersion", ""), API "v1");
	assert_false(json_bool(info, "spec.interactive", true));
	assert_string_equal(json_str(info, "spec.cluster.server", ""), "https://k.test:6443");
	assert_string_equal(json_str(info, "spec.cluster.tls-server-name", ""), "n");
	assert_string_equal(
		json_str(info, "spec.cluster.certificate-authority-data", ""), expected);
	assert_string_equal(json_str(info, "spec.cluster.proxy-url", ""), "http://p:1");
	assert_true(json_num(info, "spec.cluster.config.audience", 0) == 7);
	assert_true(json_bool(info, "spec.cluster.config.on", false));
	cJSON_Delete(info);
	kube_target_free(t);
}

static void bad_answers_have_each_their_sentence(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} table[] = {
		{ "", -EBADMSG, "did not print an ExecCredential" },
		{ "login failed: " MARKER, -EBADMSG, "did not print an ExecCredential" },
		{ "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" API "v1beta1\",\"status\":{}}",
			-EBADMSG, "another apiVersion" },
		{ HEAD "null}", -EBADMSG, "without a status" },
		{ HEAD "{}}", -EBADMSG, "neither a token nor" },
		{ HEAD "{\"clientCertificateData\":\"" MARKER "\"}}", -EBADMSG, "without its key" },
		{ HEAD "{\"clientKeyData\":\"" MARKER "\"}}", -EBADMSG, "without its key" },
		{ HEAD "{\"clientCertificateData\":\"" MARKER "\",\"clientKeyData\":\"" MARKER
		       "\"}}",
			-EBADMSG, "holds no certificate" },
		{ HEAD "{\"token\":\"" MARKER "\\nX: y\"}}", -EBADMSG, "control character" },
		{ HEAD "{\"token\":\"" MARKER "\",\"expirationTimestamp\":\"soon\"}}", -EBADMSG,
			"not a time" },
		{ HEAD "{\"token\":\"" MARKER
		       "\",\"expirationTimestamp\":\"2001-01-01T00:00:00Z\"}}",
			-EACCES, "had expired at 2001-01-01" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct kube_target *t = open_user(V1(""), false);

		plugin_prints(table[i].text);
		refuse(t, 0, table[i].code, table[i].says);
		kube_target_free(t);
	}
}

static void bad_plugins_have_each_their_sentence(void **state)
{
	struct cred_now now = { 0 };
	struct kube_target *t = open_user(V1(""), false);

	fix_write("plugin", "#!/bin/sh\nexit 7\n");
	refuse(t, 0, -EACCES, "exit code 7");
	fix_write("plugin", "#!/bin/sh\nkill -9 $$\n");
	refuse(t, 0, -EACCES, "signal 9");
	fix_write("plugin", "#!/bin/sh\nexec cat /dev/zero\n");
	refuse(t, 0, -EMSGSIZE, "more than 1 MiB");
	fix_write("plugin", "\x01 no program");
	assert_true(cred_get(t->cred, 0, deadline_after(5000), NULL, &now, NULL) < 0);
	kube_target_free(t);
	t = open_user("exec: {apiVersion: " API "v1beta1, command: sbx-no-such-plugin, "
		      "installHint: \"get\\u001b[31m it\\r\\nat x\"}",
		false);
	refuse(t, 0, -ENOENT, "\"sbx-no-such-plugin\" is not installed: get[31m it at x");
	kube_target_free(t);
	t = open_user(
		"exec: {apiVersion: " API "v1, interactiveMode: Always, command: ./plugin}", false);
	refuse(t, 0, -EACCES, "needs a terminal");
	kube_target_free(t);
}

static void a_bare_name_is_looked_for_on_the_path_only(void **state)
{
	struct kube_target *t =
		open_user("exec: {apiVersion: " API "v1beta1, command: plugin}", false);
	auto_free char *path = xstrdup(getenv("PATH")), *cwd = getcwd(NULL, 0);
	auto_free char *with = xprintf(":.:%s:%s", fix_dir, path),
		       *without = xprintf(":.:%s", path);

	fix_write("plugin", "#!/bin/sh\nprintf '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" API
			    "v1beta1\",\"status\":{\"token\":\"t\"}}'\n");
	assert_int_equal(chdir(fix_dir), 0);
	setenv("PATH", without, 1);
	refuse(t, 0, -ENOENT, "is not installed");
	setenv("PATH", with, 1);
	expect(t, 0, "Bearer t", 1);
	setenv("PATH", path, 1);
	assert_int_equal(chdir(cwd), 0);
	kube_target_free(t);
}

/* Its own child, too, dies with it: the pipe that both hold then ends. */
static void a_hanging_plugin_is_killed_with_its_group(void **state)
{
	struct kube_target *t = open_user(V1(""), false);
	auto_free char *fifo = fix_path("fifo"),
		       *script = fix_fill("#!/bin/sh\nsleep 1000 3>^^/fifo & wait\n");
	int64_t before = clock_now_ms();
	char byte;
	int fd;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fix_write("plugin", script);
	refuse_within(t, 0, 300, -ETIMEDOUT, "did not end in time");
	assert_true(clock_now_ms() - before < 5000);
	assert_int_equal(io_read_some(fd, &byte, 1, deadline_after(5000)), 0);
	close(fd);
	unlink(fifo);
	kube_target_free(t);
}

/* What a plugin leaves running (a cache daemon) is not waited for. */
static void a_helper_left_behind_is_not_waited_for(void **state)
{
	struct kube_target *t = open_user(V1(""), false);
	auto_free char *pid = NULL;
	auto_free char *script = fix_fill(
		"#!/bin/sh\nsleep 30 &\necho $! >^^/pid\nprintf '" HEAD "{\"token\":\"t\"}}'\n");
	int64_t before = clock_now_ms();

	fix_write("plugin", script);
	expect(t, 0, "Bearer t", 1);
	assert_true(clock_now_ms() - before < 10000);
	pid = fix_read("pid");
	kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
	kube_target_free(t);
}

static void a_terminal_is_lent_only_when_allowed(void **state)
{
	static const char script[] = "#!/bin/sh\n[ -t 0 ] && w=yes || w=no\n"
				     "printf '" HEAD "{\"token\":\"%s\"}}' $w\n";
	int saved = dup(0), master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	struct cred_now now = { 0 };
	struct kube_target *t;

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	dup2(slave, 0);
	fix_write("plugin", script);
	t = open_user(V1(""), true);
	expect(t, 0, "Bearer yes", 1);
	kube_target_free(t);
	t = open_user(V1(""), false);
	expect(t, 0, "Bearer no", 1);
	kube_target_free(t);
	t = open_user(
		"exec: {apiVersion: " API "v1, interactiveMode: Never, command: ./plugin}", true);
	expect(t, 0, "Bearer no", 1);
	kube_target_free(t);
	t = open_user(
		"exec: {apiVersion: " API "v1, interactiveMode: Always, command: ./plugin}", true);
	expect(t, 0, "Bearer yes", 1);
	kube_target_free(t);
	/* a login in a browser may take its time */
	t = open_user(V1(""), true);
	assert_int_equal(cred_get(t->cred, 0, deadline_after(0), NULL, &now, NULL), 0);
	cred_now_fini(&now);
	kube_target_free(t);
	dup2(saved, 0);
	close(saved);
	close(slave);
	close(master);
}

/* --- many at once ---------------------------------------------------------- */

struct halting {
	struct kube_target *t;
	struct halt halt;
	int rc;
};

static void *ask_until_halted(void *arg)
{
	struct halting *h = arg;
	struct cred_now now = { 0 };

	h->rc = cred_get(h->t->cred, 0, deadline_after(60000), &h->halt, &now, NULL);
	return NULL;
}

/* Both who runs it and who waits for that. */
static void a_halt_ends_the_wait_for_a_hanging_plugin(void **state)
{
	struct kube_target *t = open_user(V1(""), false);
	auto_free char *fifo = fix_path("begun"),
		       *script = fix_fill("#!/bin/sh\necho x >^^/begun\nexec sleep 1000\n");
	bool stop = false;
	struct halting all[2];
	pthread_t threads[2];
	int64_t before = clock_now_ms();
	char byte;
	int fd;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	fix_write("plugin", script);
	for (size_t i = 0; i < 2; i++) {
		all[i] = (struct halting){ t, { .flag = { &stop }, .fd = { -1, -1 } }, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_until_halted, &all[i]), 0);
	}
	fd = open(fifo, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(all[i].rc, -EINTR);
	}
	assert_true(clock_now_ms() - before < 30000);
	unlink(fifo);
	kube_target_free(t);
}

static void *ask(void *arg)
{
	return get(arg, 0, NULL);
}

static void many_threads_share_one_run(void **state)
{
	struct kube_target *t = open_user(V1(""), false);
	pthread_t threads[8];

	forget_runs();
	plugin_prints(HEAD "{\"token\":\"one\"}}");
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, t), 0);
	for (size_t i = 0; i < 8; i++) {
		void *text;

		pthread_join(threads[i], &text);
		assert_string_equal(text, "Bearer one");
		free(text);
	}
	assert_int_equal(runs(), 1);
	kube_target_free(t);
}

/* The plugin waits on a FIFO for us; who waits for it meanwhile goes at his own deadline. */
static void a_waiter_obeys_his_own_deadline(void **state)
{
	struct kube_target *t = open_user(V1(""), false);
	auto_free char *started = fix_path("started"), *go = fix_path("go");
	auto_free char *script =
		fix_fill("#!/bin/sh\necho x >^^/started\nread x <^^/go\nprintf '" HEAD
			 "{\"token\":\"t\"}}'\n");
	pthread_t thread;
	void *text;
	char byte;
	int fd;

	assert_int_equal(mkfifo(started, 0600), 0);
	assert_int_equal(mkfifo(go, 0600), 0);
	fix_write("plugin", script);
	assert_int_equal(pthread_create(&thread, NULL, ask, t), 0);
	fd = open(started, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	refuse_within(t, 0, 50, -ETIMEDOUT, "did not come in time");
	fd = open(go, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "x\n", 2), 2);
	close(fd);
	pthread_join(thread, &text);
	assert_string_equal(text, "Bearer t");
	free(text);
	kube_target_free(t);
}

static void no_secret_is_traced(void **state)
{
	auto_free char *path = fix_path("trace"), *text = NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct kube_target *t =
		open_user(V1(", env: [{name: A, value: " MARKER "}], args: [" MARKER "]"), false);

	log_to_fd(fd);
	assert_int_equal(log_trace_set("all"), 0);
	plugin_prints(HEAD "{\"token\":\"" MARKER "\"}}");
	expect(t, 0, "Bearer " MARKER, 1);
	log_trace_set("");
	log_to_fd(2);
	close(fd);
	text = fix_read("trace");
	assert_non_null(strstr(text, "credential plugin"));
	assert_null(strstr(text, MARKER));
	kube_target_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(static_credentials_are_not_renewed),
		cmocka_unit_test(a_token_file_is_read_again_when_refused),
		cmocka_unit_test(certificate_files_are_read_again_when_they_change),
		cmocka_unit_test(a_plugin_is_asked_once_and_again_when_refused),
		cmocka_unit_test(a_failed_renewal_is_not_repeated_with_every_request),
		cmocka_unit_test(a_plugin_is_asked_again_before_expiry),
		cmocka_unit_test(a_plugin_may_give_a_certificate),
		cmocka_unit_test(a_plugin_hears_what_it_should),
		cmocka_unit_test(bad_answers_have_each_their_sentence),
		cmocka_unit_test(bad_plugins_have_each_their_sentence),
		cmocka_unit_test(a_bare_name_is_looked_for_on_the_path_only),
		cmocka_unit_test(a_hanging_plugin_is_killed_with_its_group),
		cmocka_unit_test(a_helper_left_behind_is_not_waited_for),
		cmocka_unit_test(a_terminal_is_lent_only_when_allowed),
		cmocka_unit_test(a_halt_ends_the_wait_for_a_hanging_plugin),
		cmocka_unit_test(many_threads_share_one_run),
		cmocka_unit_test(a_waiter_obeys_his_own_deadline),
		cmocka_unit_test(no_secret_is_traced),
	};

	return cmocka_run_group_tests(tests, fix_setup, fix_teardown);
}
