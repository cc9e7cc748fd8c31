#include "plugin/forward.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/base64.h"
#include "common/kube/json.h"

#include <errno.h>
#include <sys/mman.h>

#define WRITE_TIMEOUT_MS 5000
#define CA_TEXT_MAX      (32 * 1024 * 1024)

static void text(struct args *a, const char *name, const char *value)
{
	if (value)
		args_printf(a, "--%s=%s", name, value);
}

static void add_identity(const struct kube_flags *f, struct args *a)
{
	text(a, "as", f->as);
	text(a, "as-uid", f->as_uid);
	for (size_t i = 0; i < f->as_group_count; i++)
		text(a, "as-group", f->as_groups[i]);
	for (size_t i = 0; i < f->as_user_extra_count; i++)
		text(a, "as-user-extra", f->as_user_extras[i]);
	text(a, "request-timeout", f->request_timeout);
	text(a, "namespace", f->ns);
	if (f->no_compression)
		args_add(a, "--disable-compression");
	if (f->verbosity)
		args_printf(a, "-v=%d", f->verbosity);
}

static void add_place(const struct kube_flags *f, struct args *a)
{
	text(a, "kubeconfig", f->kubeconfig);
	text(a, "context", f->context);
	text(a, "cluster", f->cluster);
	text(a, "user", f->user);
	text(a, "server", f->server);
	text(a, "client-certificate", f->client_certificate);
	text(a, "client-key", f->client_key);
	text(a, "certificate-authority", f->certificate_authority);
	text(a, "tls-server-name", f->tls_server_name);
	text(a, "cache-dir", f->cache_dir);
	if (f->insecure_set)
		args_printf(a, "--insecure-skip-tls-verify=%s", f->insecure ? "true" : "false");
}

/* --- a kubeconfig in memory ---------------------------------------------------- */

static cJSON *named(cJSON *root, const char *list, const char *kind)
{
	cJSON *one = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(root, list), one);
	cJSON_AddStringToObject(one, "name", "flags");
	return cJSON_AddObjectToObject(one, kind);
}

static void add_text(cJSON *object, const char *name, const char *value)
{
	if (value)
		cJSON_AddStringToObject(object, name, value);
}

static void add_cluster(cJSON *root, const struct kube_target *t)
{
	cJSON *c = named(root, "clusters", "cluster");

	add_text(c, "server", t->server);
	add_text(c, "tls-server-name", t->tls_server_name);
	add_text(c, "proxy-url", t->proxy_url);
	if (t->insecure)
		cJSON_AddTrueToObject(c, "insecure-skip-tls-verify");
	if (t->no_compression)
		cJSON_AddTrueToObject(c, "disable-compression");
	if (t->ca_pem) {
		auto_buf text = BUF_INIT(CA_TEXT_MAX);

		base64_encode(t->ca_pem, strlen(t->ca_pem), &text);
		cJSON_AddStringToObject(c, "certificate-authority-data", buf_text(&text));
	}
}

static char *config_text(const struct kube_flags *f, const struct kube_target *t)
{
	auto_json root = cJSON_CreateObject();
	cJSON *user, *context;

	cJSON_AddStringToObject(root, "apiVersion", "v1");
	cJSON_AddStringToObject(root, "kind", "Config");
	cJSON_AddStringToObject(root, "current-context", "flags");
	add_cluster(root, t);
	user = named(root, "users", "user");
	add_text(user, "token", f->token);
	add_text(user, "username", f->username);
	add_text(user, "password", f->password);
	add_text(user, "client-certificate", f->client_certificate);
	add_text(user, "client-key", f->client_key);
	context = named(root, "contexts", "context");
	cJSON_AddStringToObject(context, "cluster", "flags");
	cJSON_AddStringToObject(context, "user", "flags");
	cJSON_AddStringToObject(context, "namespace", t->ns);
	return cJSON_PrintUnformatted(root);
}

static int config_fd(const char *config)
{
	int fd = memfd_create("kubeconfig", 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = io_write_all(fd, config, strlen(config), deadline_after(WRITE_TIMEOUT_MS));
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int forward_flags(const struct kube_flags *f, const struct kube_target *t, struct args *ret,
	int *ret_fd, struct err *err)
{
	auto_free char *config = NULL;
	int fd;

	add_identity(f, ret);
	*ret_fd = -1;
	if (!f->token && !f->username && !f->password) {
		add_place(f, ret);
		return 0;
	}
	config = config_text(f, t);
	if (!config)
		abort();
	fd = config_fd(config);
	explicit_bzero(config, strlen(config));
	if (fd < 0)
		return err_set(err, fd, "cannot hand the credentials on: %s", strerror(-fd));
	args_printf(ret, "--kubeconfig=/proc/self/fd/%d", fd);
	*ret_fd = fd;
	return 0;
}
