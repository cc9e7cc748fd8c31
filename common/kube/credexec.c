#include "common/kube/credexec.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/kube/capture.h"
#include "common/kube/impersonate.h"
#include "common/kube/json.h"
#include "common/kube/pem.h"
#include "common/kube/yaml.h"

#include <sys/wait.h>

#define GROUP "client.authentication.k8s.io/"

enum mode { NEVER, IF_AVAILABLE, ALWAYS };

struct credexec {
	char *version;  /* "client.authentication.k8s.io/v1" */
	char *command;  /* for sentences, as the kubeconfig says it */
	char **argv;    /* NULL-ended; [0] resolved against the kubeconfig's folder */
	char **env;     /* "NAME=value", NULL-ended */
	char *hint;     /* printable; or NULL */
	cJSON *cluster; /* or NULL */
	enum mode mode;
	bool may_interact;
};

static void strings_free(char **all)
{
	for (size_t i = 0; all && all[i]; i++) {
		explicit_bzero(all[i], strlen(all[i]));
		free(all[i]);
	}
	free(all);
}

void credexec_free(struct credexec *x)
{
	if (!x)
		return;
	free(x->version);
	free(x->command);
	strings_free(x->argv);
	strings_free(x->env);
	free(x->hint);
	cJSON_Delete(x->cluster);
	free(x);
}

static void credexec_at_fini(struct credexec **at)
{
	credexec_free(*at);
}

/* --- what the kubeconfig says ---------------------------------------------- */

/* Control characters would let a kubeconfig drive the terminal; newlines are part of many hints. */
static char *printable_hint(const char *text)
{
	auto_buf clean = BUF_INIT(4096), lines = BUF_INIT(2048);

	for (const char *at = text ? text : ""; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (c == '\n' || c == '\t')
			buf_char(&lines, ' ');
		else if (c >= ' ' && c != 0x7f)
			buf_char(&lines, *at);
	}
	log_escape(&clean, buf_text(&lines), lines.len);
	return clean.len ? buf_steal(&clean) : NULL;
}

static int read_version(
	struct credexec *x, const struct kubeconfig_entry *user, const cJSON *exec, struct err *err)
{
	const char *version = json_str(exec, "apiVersion", "");

	if (strcmp(version, GROUP "v1alpha1") == 0)
		return kubeconfig_wrong(user, err, -EINVAL,
			"its credential plugin uses " GROUP
			"v1alpha1, which is gone; update the plugin and use v1");
	if (strcmp(version, GROUP "v1") != 0 && strcmp(version, GROUP "v1beta1") != 0)
		return kubeconfig_wrong(user, err, -EINVAL,
			"\"exec.apiVersion\" must be " GROUP "v1 or " GROUP "v1beta1");
	x->version = xstrdup(version);
	return 0;
}

static int read_mode(
	struct credexec *x, const struct kubeconfig_entry *user, const cJSON *exec, struct err *err)
{
	static const char *const names[] = {
		[NEVER] = "Never", [IF_AVAILABLE] = "IfAvailable", [ALWAYS] = "Always"
	};
	const char *mode = json_str(exec, "interactiveMode", "");

	x->mode = IF_AVAILABLE;
	if (!*mode && strcmp(x->version, GROUP "v1beta1") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		x->mode = (enum mode)i;
		if (strcmp(mode, names[i]) == 0)
			return 0;
	}
	return kubeconfig_wrong(user, err, -EINVAL,
		"\"exec.interactiveMode\" must be Never, IfAvailable or Always");
}

static int read_argv(
	struct credexec *x, const struct kubeconfig_entry *user, const cJSON *exec, struct err *err)
{
	const char *command = yaml_text(json_member(exec, "command"));
	const cJSON *args = json_member(exec, "args"), *arg;
	auto_buf whole = BUF_INIT(64 * 1024);
	size_t n = 0;

	if (!command || !*command)
		return kubeconfig_wrong(user, err, -EINVAL, "\"exec.command\" is missing");
	x->command = xstrdup(command);
	if (strchr(command, '/'))
		path_clean(&whole, user->dir, command);
	else
		buf_str(&whole, command);
	x->argv = xcalloc((size_t)cJSON_GetArraySize(args) + 2, sizeof(*x->argv));
	x->argv[n++] = buf_steal(&whole);
	cJSON_ArrayForEach (arg, args) {
		if (!yaml_text(arg))
			return kubeconfig_wrong(
				user, err, -EINVAL, "\"exec.args\" must be a list of texts");
		x->argv[n++] = xstrdup(yaml_text(arg));
	}
	return 0;
}

static int read_env(
	struct credexec *x, const struct kubeconfig_entry *user, const cJSON *exec, struct err *err)
{
	const cJSON *list = json_member(exec, "env"), *item;
	size_t n = 0;

	x->env = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*x->env));
	cJSON_ArrayForEach (item, list) {
		const char *name = yaml_text(json_member(item, "name"));
		const char *value = yaml_text(json_member(item, "value"));

		if (!name || !*name || strchr(name, '='))
			return kubeconfig_wrong(user, err, -EINVAL,
				"\"exec.env\" must be a list of \"name\" and \"value\"");
		x->env[n++] = xprintf("%s=%s", name, value ? value : "");
	}
	return 0;
}

int credexec_new(const struct kubeconfig_entry *user, const cJSON *cluster, bool may_interact,
	struct credexec **ret, struct err *err)
{
	struct credexec *x auto_with(credexec_at_fini) = xcalloc(1, sizeof(*x));
	const cJSON *exec = json_member(user->body, "exec");
	int rc;

	if (!cJSON_IsObject(exec))
		return kubeconfig_wrong(user, err, -EINVAL, "\"exec\" must be a mapping");
	x->may_interact = may_interact;
	x->hint = printable_hint(json_str(exec, "installHint", NULL));
	if (json_bool(exec, "provideClusterInfo", false))
		x->cluster = cJSON_Duplicate(cluster, true);
	rc = read_version(x, user, exec, err);
	if (rc == 0)
		rc = read_mode(x, user, exec, err);
	if (rc == 0)
		rc = read_argv(x, user, exec, err);
	if (rc == 0)
		rc = read_env(x, user, exec, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(x);
	return 0;
}

void credexec_settings(const struct credexec *x, cred_setting *fn, void *arg)
{
	fn(arg, "exec-version", x->version);
	for (size_t i = 0; x->argv[i]; i++)
		fn(arg, "exec-word", x->argv[i]);
	for (size_t i = 0; x->env[i]; i++)
		fn(arg, "exec-env", x->env[i]);
}

/* --- one run --------------------------------------------------------------- */

static bool same_name(const char *one, const char *other)
{
	size_t n = strcspn(one, "=");

	return strncmp(one, other, n) == 0 && other[n] == '=';
}

/* Sets "NAME=value" (taken) in the place of one that was there. */
static void env_set(char **env, size_t *n, char *entry)
{
	for (size_t i = 0; i < *n; i++) {
		if (same_name(entry, env[i])) {
			free(env[i]);
			env[i] = entry;
			return;
		}
	}
	env[(*n)++] = entry;
}

static char *exec_info(const struct credexec *x, bool interactive)
{
	cJSON *info = cJSON_CreateObject();
	char *text, *entry;

	json_set_str(info, "kind", "ExecCredential");
	json_set_str(info, "apiVersion", x->version);
	json_set(info, "spec.interactive", cJSON_CreateBool(interactive));
	if (x->cluster)
		json_set(info, "spec.cluster", cJSON_Duplicate(x->cluster, true));
	text = cJSON_PrintUnformatted(info);
	entry = xprintf("KUBERNETES_EXEC_INFO=%s", text);
	cJSON_Delete(info);
	free(text);
	return entry;
}

static char **whole_env(const struct credexec *x, bool interactive)
{
	size_t ours = 0, theirs = 0, n = 0;
	char **env;

	while (environ[ours])
		ours++;
	while (x->env[theirs])
		theirs++;
	env = xcalloc(ours + theirs + 2, sizeof(*env));
	for (; n < ours; n++)
		env[n] = xstrdup(environ[n]);
	for (size_t i = 0; i < theirs; i++)
		env_set(env, &n, xstrdup(x->env[i]));
	env_set(env, &n, exec_info(x, interactive));
	return env;
}

static int bad_answer(const struct credexec *x, struct err *err, const char *what)
{
	return err_set(err, -EBADMSG,
		"credential plugin \"%.200s\" %s; run it by hand to see, or update it", x->command,
		what);
}

static int read_expiry(const struct credexec *x, const cJSON *root, int64_t *ret, struct err *err)
{
	const char *text = json_str(root, "status.expirationTimestamp", NULL);

	*ret = 0;
	if (text && rfc3339_parse(text, ret) < 0)
		return bad_answer(x, err, "printed an expirationTimestamp that is not a time");
	if (text && *ret <= clock_wall_ms())
		return err_set(err, -EACCES,
			"credential plugin \"%.200s\" gave credentials that had expired at %.40s; "
			"log in again with "
			"it, and check this machine's clock",
			x->command, text);
	return 0;
}

static int read_answer(
	const struct credexec *x, const cJSON *root, struct credexec_answer *a, struct err *err)
{
	const char *token = json_str(root, "status.token", ""),
		   *cert = json_str(root, "status.clientCertificateData", ""),
		   *key = json_str(root, "status.clientKeyData", "");
	int rc;

	if (strcmp(json_str(root, "kind", ""), "ExecCredential") != 0)
		return bad_answer(x, err, "did not print an ExecCredential as JSON");
	if (strcmp(json_str(root, "apiVersion", ""), x->version) != 0)
		return bad_answer(
			x, err, "answered in another apiVersion than the kubeconfig asks for");
	if (!json_at(root, "status"))
		return bad_answer(x, err, "printed an ExecCredential without a status");
	if (!*cert != !*key)
		return bad_answer(
			x, err, "gave a client certificate without its key, or the reverse");
	if (!*token && !*cert)
		return bad_answer(x, err, "gave neither a token nor a client certificate");
	if (!header_value_ok(token))
		return bad_answer(x, err,
			"gave a token with a line break or another control character in it");
	rc = *cert ? pem_check_pair(cert, key, err) : 0;
	if (rc < 0)
		return err_wrap(err, -EBADMSG, "credential plugin \"%.200s\"", x->command);
	rc = read_expiry(x, root, &a->expires_wall_ms, err);
	if (rc < 0)
		return rc;
	a->token = *token ? xstrdup(token) : NULL;
	a->cert_pem = *cert ? xstrdup(cert) : NULL;
	a->key_pem = *key ? xstrdup(key) : NULL;
	return 0;
}

static int run_failed(const struct credexec *x, int rc, struct err *err)
{
	if (rc == -EINTR)
		return err_set(err, rc, "interrupted");
	if (rc == -ETIMEDOUT)
		return err_set(err, rc,
			"credential plugin \"%.200s\" did not end in time and was stopped; "
			"run it by hand to see what it waits for",
			x->command);
	if (rc == -EMSGSIZE)
		return err_set(err, rc,
			"credential plugin \"%.200s\" printed more than %d MiB and was stopped",
			x->command, CREDEXEC_OUTPUT_MAX >> 20);
	return err_set(err, rc, "cannot run the credential plugin \"%.200s\": %s", x->command,
		strerror(-rc));
}

static int ended_badly(const struct credexec *x, int status, struct err *err)
{
	if (WIFSIGNALED(status))
		return err_set(err, -EACCES, "credential plugin \"%.200s\" was ended by signal %d",
			x->command, WTERMSIG(status));
	return err_set(err, -EACCES,
		"credential plugin \"%.200s\" failed with exit code %d; what it said stands above "
		"or in the log; "
		"logging in again with it may help",
		x->command, WEXITSTATUS(status));
}

/* Sensitive output: wiped, not only freed. */
static void output_fini(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_fini(b);
}

static int run(const struct credexec *x, const char *path, bool interactive, int64_t deadline_ms,
	const struct halt *halt, struct buf *out, struct err *err)
{
	char **env = whole_env(x, interactive);
	int status = 0, rc;

	trace(REST, "credential plugin %s runs", path);
	rc = capture_run(path, x->argv, env, interactive, interactive ? INT64_MAX : deadline_ms,
		halt, out, &status);
	strings_free(env);
	trace(REST, "credential plugin %s ended: %d, status %d", path, rc, status);
	if (rc < 0)
		return run_failed(x, rc, err);
	return status ? ended_badly(x, status, err) : 0;
}

int credexec_run(const struct credexec *x, int64_t deadline_ms, const struct halt *halt,
	struct credexec_answer *ret, struct err *err)
{
	struct buf out auto_with(output_fini) = BUF_INIT(CREDEXEC_OUTPUT_MAX);
	bool interactive = x->may_interact && x->mode != NEVER && isatty(STDIN_FILENO);
	auto_free char *path = capture_find(x->argv[0]);
	struct credexec_answer a = { 0 };
	cJSON *root;
	int rc;

	if (x->mode == ALWAYS && !interactive)
		return err_set(err, -EACCES,
			"credential plugin \"%.200s\" needs a terminal and there is none here; run "
			"this command in a "
			"terminal and in the foreground",
			x->command);
	if (!path)
		return err_set(err, -ENOENT, "credential plugin \"%.200s\" is not installed%s%s",
			x->command, x->hint ? ": " : "; the kubeconfig's user asks for it",
			x->hint ? x->hint : "");
	rc = run(x, path, interactive, deadline_ms, halt, &out, err);
	if (rc < 0)
		return rc;
	root = json_parse(buf_text(&out), out.len);
	rc = read_answer(x, root, &a, err);
	cJSON_Delete(root);
	if (rc == 0)
		*ret = a;
	return rc;
}

static void wipe(char **at)
{
	if (*at)
		explicit_bzero(*at, strlen(*at));
	free(*at);
	*at = NULL;
}

void credexec_answer_fini(struct credexec_answer *a)
{
	wipe(&a->token);
	wipe(&a->cert_pem);
	wipe(&a->key_pem);
}
