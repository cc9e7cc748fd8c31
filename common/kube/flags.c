/* kubectl's global flags (cli-runtime's config_flags.go), as a table. */
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/kube/target.h"

#include <stddef.h>

/* NOTHING: taken as kubectl takes it, without a meaning here */
enum form { TEXT, LIST, PAIRS, SWITCH, LEVEL, SPAN, NOTHING, NOTHING_SWITCH };

static const struct flag {
	const char *name;
	char letter;
	enum form form;
	size_t at, count_at; /* in struct kube_flags */
} table[] = {
#define TEXT_FLAG(name, letter, member)                                                            \
	{                                                                                          \
		name, letter, TEXT, offsetof(struct kube_flags, member), 0                         \
	}
	TEXT_FLAG("kubeconfig", 0, kubeconfig),
	TEXT_FLAG("context", 0, context),
	TEXT_FLAG("cluster", 0, cluster),
	TEXT_FLAG("user", 0, user),
	TEXT_FLAG("namespace", 'n', ns),
	TEXT_FLAG("server", 's', server),
	TEXT_FLAG("token", 0, token),
	TEXT_FLAG("as", 0, as),
	TEXT_FLAG("as-uid", 0, as_uid),
	{ "as-group", 0, LIST, offsetof(struct kube_flags, as_groups),
		offsetof(struct kube_flags, as_group_count) },
	{ "as-user-extra", 0, PAIRS, offsetof(struct kube_flags, as_user_extras),
		offsetof(struct kube_flags, as_user_extra_count) },
	TEXT_FLAG("client-certificate", 0, client_certificate),
	TEXT_FLAG("client-key", 0, client_key),
	TEXT_FLAG("certificate-authority", 0, certificate_authority),
	TEXT_FLAG("tls-server-name", 0, tls_server_name),
	TEXT_FLAG("username", 0, username),
	TEXT_FLAG("password", 0, password),
	TEXT_FLAG("cache-dir", 0, cache_dir),
	{ "request-timeout", 0, SPAN, offsetof(struct kube_flags, request_timeout), 0 },
	{ "insecure-skip-tls-verify", 0, SWITCH, offsetof(struct kube_flags, insecure),
		offsetof(struct kube_flags, insecure_set) },
	{ "disable-compression", 0, SWITCH, offsetof(struct kube_flags, no_compression), 0 },
	{ "v", 'v', LEVEL, offsetof(struct kube_flags, verbosity), 0 },
	{ "log-flush-frequency", 0, NOTHING, 0, 0 },
	{ "match-server-version", 0, NOTHING_SWITCH, 0, 0 },
	{ "profile", 0, NOTHING, 0, 0 },
	{ "profile-output", 0, NOTHING, 0, 0 },
	{ "vmodule", 0, NOTHING, 0, 0 },
	{ "warnings-as-errors", 0, NOTHING_SWITCH, 0, 0 },
};

static const char help[] =
	"  --kubeconfig FILE              the kubeconfig, instead of KUBECONFIG_B64,\n"
	"                                 KUBECONFIG or ~/.kube/config\n"
	"  --context NAME                 the context to use\n"
	"  --cluster NAME, --user NAME    instead of the context's\n"
	"  -n, --namespace NAME           the namespace, instead of the context's\n"
	"  -s, --server URL               the API server\n"
	"  --token TOKEN                  bearer token\n"
	"  --username NAME                basic authentication\n"
	"  --password PASSWORD\n"
	"  --client-certificate FILE      TLS client certificate, PEM\n"
	"  --client-key FILE              and its key\n"
	"  --certificate-authority FILE   trust these certificates only\n"
	"  --insecure-skip-tls-verify     do not check the server's certificate\n"
	"  --tls-server-name NAME         name to expect in it\n"
	"  --as USER                      act as this user\n"
	"  --as-uid UID                   with this uid\n"
	"  --as-group GROUP               in this group; repeatable\n"
	"  --as-user-extra KEY=VALUE      with this extra value; repeatable\n"
	"  --request-timeout TIME         for one request: seconds, or 500ms, 1m30s\n"
	"  --disable-compression          ask for uncompressed answers\n"
	"  --cache-dir DIR                accepted as kubectl does, not used\n"
	"  -v, --v LEVEL                  how much to say\n"
	"Accepted as well, without a meaning here: --log-flush-frequency, --vmodule,\n"
	"--match-server-version, --profile, --profile-output, --warnings-as-errors.\n";

const char *kube_flags_help(void)
{
	return help;
}

static const struct flag *by_name(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0)
			return &table[i];
	}
	return NULL;
}

static const struct flag *by_letter(char letter)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (table[i].letter && table[i].letter == letter)
			return &table[i];
	}
	return NULL;
}

/* One value a flag: kubectl does not split these at commas. */
static int store_list(
	const struct flag *f, struct kube_flags *flags, const char *value, struct err *err)
{
	const char **list = (const char **)((char *)flags + f->at);
	size_t *count = (size_t *)((char *)flags + f->count_at);
	const size_t room = sizeof(flags->as_groups) / sizeof(*flags->as_groups);

	if (f->form == PAIRS && (!strchr(value, '=') || value[0] == '='))
		return err_set(err, -EINVAL, "--%s needs KEY=VALUE", f->name);
	if (*count == room)
		return err_set(err, -EINVAL, "--%s may be given %zu times at most", f->name, room);
	list[(*count)++] = value;
	return 1;
}

/* Go's ParseBool. */
static int store_switch(
	const struct flag *f, struct kube_flags *flags, const char *value, struct err *err)
{
	static const char *const on[] = { "1", "t", "T", "true", "True", "TRUE" };
	static const char *const off[] = { "0", "f", "F", "false", "False", "FALSE" };
	int is = value ? -1 : 1;

	for (size_t i = 0; value && i < sizeof(on) / sizeof(*on); i++) {
		if (strcmp(value, on[i]) == 0)
			is = 1;
		else if (strcmp(value, off[i]) == 0)
			is = 0;
	}
	if (is < 0)
		return err_set(err, -EINVAL, "--%s takes true or false", f->name);
	if (f->form == NOTHING_SWITCH)
		return 1;
	*(bool *)((char *)flags + f->at) = is;
	if (f->count_at)
		*(bool *)((char *)flags + f->count_at) = true;
	return 1;
}

static int store_level(
	const struct flag *f, struct kube_flags *flags, const char *value, struct err *err)
{
	if (!*value || strspn(value, "0123456789") != strlen(value) || strlen(value) > 4)
		return err_set(err, -EINVAL, "-v needs a number, as in -v=4");
	*(int *)((char *)flags + f->at) = (int)strtol(value, NULL, 10);
	return 1;
}

static int store(const struct flag *f, struct kube_flags *flags, const char *value, struct err *err)
{
	int64_t ms;

	if (f->form == SWITCH || f->form == NOTHING_SWITCH)
		return store_switch(f, flags, value, err);
	if (f->form == NOTHING)
		return 1;
	if (f->form == LEVEL)
		return store_level(f, flags, value, err);
	if (f->form == LIST || f->form == PAIRS)
		return store_list(f, flags, value, err);
	if (f->form == SPAN && (!*value || duration_parse(value, &ms) < 0))
		return err_set(err, -EINVAL,
			"--%s needs a number of seconds or a duration such as 500ms, 30s or 1m30s",
			f->name);
	*(const char **)((char *)flags + f->at) = value;
	return 1;
}

static int take(const struct flag *f, const char *value, struct kube_flags *flags, int argc,
	char **argv, int *i, struct err *err)
{
	int rc;

	if (value || f->form == SWITCH || f->form == NOTHING_SWITCH)
		return store(f, flags, value, err);
	if (*i + 1 >= argc)
		return err_set(err, -EINVAL, "%s needs a value", argv[*i]);
	rc = store(f, flags, argv[*i + 1], err);
	if (rc == 1)
		++*i;
	return rc;
}

int kube_flags_take(struct kube_flags *flags, int argc, char **argv, int *i, struct err *err)
{
	const char *arg = argv[*i], *value = NULL;
	const struct flag *f = NULL;

	if (arg[0] != '-' || arg[1] == '\0')
		return 0;
	if (arg[1] == '-') {
		size_t n = strcspn(arg + 2, "=");

		f = by_name(arg + 2, n);
		value = arg[2 + n] == '=' ? arg + 3 + n : NULL;
	} else {
		f = by_letter(arg[1]);
		value = arg[2] == '=' ? arg + 3 : arg[2] ? arg + 2 : NULL;
	}
	return f ? take(f, value, flags, argc, argv, i, err) : 0;
}
