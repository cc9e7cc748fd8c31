#include "common/base/clock.h"
#include "common/base/base64.h"
#include "common/kube/json.h"
#include "common/kube/kubeuser.h"

/* The "exp" of a JSON web token, in ms; -EINVAL. The signature is the server's business. */
static int token_end(const char *token, int64_t *ret)
{
	auto_buf claims = BUF_INIT(64 * 1024);
	const char *at = strchr(token, '.');
	cJSON *root;
	double exp;

	if (!at || base64url_decode(at + 1, strcspn(at + 1, "."), &claims) < 0)
		return -EINVAL;
	root = json_parse(buf_text(&claims), claims.len);
	exp = json_num(root, "exp", 0);
	cJSON_Delete(root);
	if (exp < 1 || exp > 1e11)
		return -EINVAL;
	*ret = (int64_t)exp * 1000;
	return 0;
}

int authprovider_token(const struct kubeconfig_entry *user, char **ret,
	int64_t *ret_expires_wall_ms, struct err *err)
{
	static const struct {
		const char *name, *instead;
	} gone[] = { { "gcp", "gke-gcloud-auth-plugin" }, { "azure", "kubelogin (Azure)" } };
	const char *name = json_str(user->body, "auth-provider.name", "");
	const char *token = json_str(user->body, "auth-provider.config.id-token", "");
	int64_t end;

	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
		if (strcmp(name, gone[i].name) == 0)
			return kubeconfig_wrong(user, err, -EINVAL,
				"the auth-provider \"%s\" is gone from Kubernetes; change the user "
				"to the exec "
				"credential plugin %s",
				name, gone[i].instead);
	}
	if (strcmp(name, "oidc") != 0)
		return kubeconfig_wrong(user, err, -EINVAL,
			"the auth-provider \"%.60s\" is not known here; change the user to an exec "
			"credential plugin",
			name);
	if (!*token || token_end(token, &end) < 0)
		return kubeconfig_wrong(user, err, -EINVAL,
			"its auth-provider oidc holds no usable id-token; log in again, or change "
			"the user to an exec "
			"credential plugin (kubelogin)");
	if (end <= clock_wall_ms())
		return kubeconfig_wrong(user, err, -EACCES,
			"the id-token of its auth-provider oidc has expired and is not renewed "
			"here; log in again, or "
			"change the user to an exec credential plugin (kubelogin)");
	*ret = xstrdup(token);
	*ret_expires_wall_ms = end;
	return 0;
}
