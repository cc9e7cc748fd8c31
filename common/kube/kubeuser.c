#include "common/kube/kubeuser.h"
#include "common/base/path.h"
#include "common/kube/credexec.h"
#include "common/kube/json.h"

/* A flag's file, against the present folder; the caller's. */
static char *from_here(const char *path)
{
	auto_buf whole = BUF_INIT(64 * 1024);
	auto_free char *cwd = getcwd(NULL, 0);

	path_clean(&whole, cwd ? cwd : "/", path);
	return buf_steal(&whole);
}

/* The certificate or the key: a flag replaces both forms; both forms at once are refused, as
 * kubectl does. */
static int file_or_data(const struct kubeconfig_entry *user, const char *flag, const char *field,
	char **ret_file, char **ret_data, struct err *err)
{
	auto_free char *data_field = xprintf("%s-data", field);
	int rc;

	if (flag && *flag) {
		*ret_file = from_here(flag);
		return 0;
	}
	rc = kubeconfig_path(user, field, ret_file, err);
	if (rc == 0)
		rc = kubeconfig_data(user, data_field, ret_data, err);
	if (rc == 0 && *ret_file && *ret_data)
		return kubeconfig_wrong(user, err, -EINVAL,
			"both \"%s\" and \"%s\" are given; remove one", field, data_field);
	return rc;
}

static int certificate(const struct kubeconfig_entry *user, const struct kube_flags *flags,
	struct cred_spec *s, struct err *err)
{
	int rc = file_or_data(user, flags->client_certificate, "client-certificate", &s->cert_file,
		&s->cert_pem, err);

	if (rc < 0)
		return rc;
	return file_or_data(user, flags->client_key, "client-key", &s->key_file, &s->key_pem, err);
}

/* A flag of one kind (token, basic) puts the other kind of the kubeconfig out of force. */
static int from_flags(
	const struct kube_flags *flags, struct cred_spec *s, bool *ret_any, struct err *err)
{
	bool token = flags->token && *flags->token, name = flags->username && *flags->username;

	*ret_any = token || name;
	if (token && name)
		return err_set(
			err, -EINVAL, "--token and --username cannot both be given; drop one");
	if (token)
		s->token = xstrdup(flags->token);
	if (name) {
		s->username = xstrdup(flags->username);
		s->password = xstrdup(flags->password);
	}
	return 0;
}

static int from_user(const struct kubeconfig_entry *user, const struct kube_flags *flags,
	struct cred_spec *s, struct err *err)
{
	const char *token = NULL, *name = NULL, *password = NULL;
	int rc = kubeconfig_text(user, "token", &token, err);

	if (rc == 0)
		rc = kubeconfig_path(user, "tokenFile", &s->token_file, err);
	if (rc == 0)
		rc = kubeconfig_text(user, "username", &name, err);
	if (rc == 0)
		rc = kubeconfig_text(user, "password", &password, err);
	if (rc < 0)
		return rc;
	if (flags->password && *flags->password)
		password = flags->password;
	if ((token || s->token_file) && (name || password))
		return kubeconfig_wrong(user, err, -EINVAL,
			"both a token and username or password are given; remove one of the two");
	s->token = xstrdup(token);
	s->username = xstrdup(name ? name : password ? "" : NULL);
	s->password = xstrdup(password);
	return 0;
}

/* client-go skips plugins and providers when anything else is there. */
static int plugins(const struct kubeconfig_entry *user, const struct kube_flags *flags,
	const cJSON *cluster, struct cred_spec *s, struct err *err)
{
	const cJSON *exec = json_member(user->body, "exec"),
		    *old = json_member(user->body, "auth-provider");

	if (exec && old)
		return kubeconfig_wrong(user, err, -EINVAL,
			"both \"exec\" and \"auth-provider\" are given; remove one");
	if (s->token || s->token_file || s->username || s->cert_file || s->cert_pem)
		return 0;
	if (exec)
		return credexec_new(user, cluster, flags->interactive, &s->exec, err);
	return old ? authprovider_token(user, &s->token, &s->token_expires_wall_ms, err) : 0;
}

static int fill(const struct kubeconfig_entry *user, const struct kube_flags *flags,
	const cJSON *cluster, struct cred_spec *s, struct err *err)
{
	bool by_flag = false;
	int rc = from_flags(flags, s, &by_flag, err);

	if (rc == 0 && !by_flag)
		rc = from_user(user, flags, s, err);
	if (rc == 0)
		rc = certificate(user, flags, s, err);
	return rc < 0 ? rc : plugins(user, flags, cluster, s, err);
}

int kubeuser_cred(const struct kubeconfig_entry *user, const struct kube_flags *flags,
	const cJSON *cluster, struct cred **ret, struct err *err)
{
	char here[] = "/", nobody[] = "";
	struct kubeconfig_entry none = { KUBECONFIG_USER, nobody, NULL, "the command line", here };
	struct cred_spec s = { 0 };
	struct cred *c = NULL;
	struct err why = { "" };
	int rc = fill(user ? user : &none, flags, cluster, &s, &why), made;

	s.who = user ? xprintf("user \"%.100s\" in %s", user->name, user->file)
		     : xstrdup("the command line");
	made = cred_new(
		&s, &c, rc < 0 ? NULL : &why); /* takes what was filled, also when it is no good */
	if (rc < 0 || made < 0) {
		cred_free(c);
		return err_set(err, rc < 0 ? rc : made, "%s", why.text);
	}
	*ret = c;
	return 0;
}
