#include "common/kube/target.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/base/base64.h"
#include "common/kube/impersonate.h"
#include "common/kube/incluster.h"
#include "common/kube/json.h"
#include "common/kube/kubeuser.h"
#include "common/kube/pem.h"
#include "common/kube/serverurl.h"

#include <limits.h>

struct loading {
	const struct kube_flags *flags;
	struct kubeconfig *config;
	bool in_cluster;
	const struct kubeconfig_entry *context, *cluster, *user; /* NULL: none */
	struct kube_target *t;
	struct err *err;
};

static bool given(const char *flag)
{
	return flag && *flag;
}

void kube_target_free(struct kube_target *t)
{
	if (!t)
		return;
	free(t->context);
	free(t->server);
	free(t->host);
	free(t->ns);
	free(t->ca_pem);
	free(t->ca_name);
	free(t->tls_server_name);
	if (t->proxy_url)
		explicit_bzero(t->proxy_url, strlen(t->proxy_url));
	free(t->proxy_url);
	impersonate_free(t->impersonate);
	cred_free(t->cred);
	free(t);
}

/* --- which context, cluster and user --------------------------------------- */

static int unknown(
	struct loading *l, enum kubeconfig_kind kind, const char *name, const char *asked_by)
{
	static const char *const words[] = { "cluster", "user", "context" };
	auto_buf known = BUF_INIT(4096);

	kubeconfig_names(l->config, kind, &known);
	return err_set(l->err, -EINVAL, "there is no %s \"%.100s\", named by %s, in %s; known: %s",
		words[kind], name, asked_by,
		*kubeconfig_files(l->config) ? kubeconfig_files(l->config) : "any kubeconfig",
		buf_text(&known));
}

static int no_context(struct loading *l)
{
	auto_buf known = BUF_INIT(4096);

	kubeconfig_names(l->config, KUBECONFIG_CONTEXT, &known);
	if (!kubeconfig_empty(l->config))
		return err_set(l->err, -EINVAL,
			"no context is chosen in %s; give --context NAME, or \"kubectl config "
			"use-context NAME\"; "
			"known: %s",
			kubeconfig_files(l->config), buf_text(&known));
	if (*kubeconfig_files(l->config))
		return err_set(l->err, -EINVAL,
			"the kubeconfig %s is empty; name another by --kubeconfig, or give "
			"--server",
			kubeconfig_files(l->config));
	return err_set(l->err, -ENOENT,
		"no cluster is configured: there is no kubeconfig (KUBECONFIG, ~/.kube/config) and "
		"this is no Pod; "
		"give --kubeconfig FILE or --server URL, or start a cluster with \"kubectl sbx "
		"local up\"");
}

static int choose_context(struct loading *l)
{
	const struct kube_flags *f = l->flags;
	const char *name = given(f->context) ? f->context : kubeconfig_current(l->config);

	if (!*name)
		return given(f->cluster) || given(f->server) ? 0 : no_context(l);
	l->context = kubeconfig_find(l->config, KUBECONFIG_CONTEXT, name);
	if (!l->context)
		return unknown(l, KUBECONFIG_CONTEXT, name,
			given(f->context) ? "--context" : "current-context");
	return 0;
}

/* The cluster or the user that a flag, else the context, names. */
static int choose(struct loading *l, enum kubeconfig_kind kind, const char *flag, const char *field,
	const struct kubeconfig_entry **ret)
{
	auto_free char *by = NULL;
	const char *name = NULL;
	int rc = 0;

	if (given(flag))
		name = flag;
	else if (l->context)
		rc = kubeconfig_text(l->context, field, &name, l->err);
	if (rc < 0 || !name)
		return rc;
	*ret = kubeconfig_find(l->config, kind, name);
	if (*ret)
		return 0;
	by = given(flag) ? xprintf("--%s", field)
			 : xprintf("the context \"%.100s\"", l->context->name);
	return unknown(l, kind, name, by);
}

static int choose_all(struct loading *l)
{
	int rc = choose_context(l);

	if (rc == 0)
		rc = choose(l, KUBECONFIG_CLUSTER, l->flags->cluster, "cluster", &l->cluster);
	if (rc == 0)
		rc = choose(l, KUBECONFIG_USER, l->flags->user, "user", &l->user);
	if (rc == 0 && !l->cluster && !given(l->flags->server))
		return kubeconfig_wrong(l->context, l->err, -EINVAL,
			"it names no cluster; give --cluster or --server");
	return rc;
}

/* --- the cluster ----------------------------------------------------------- */

static int ca_from_flag(struct loading *l)
{
	int rc = kubeconfig_read(l->flags->certificate_authority, &l->t->ca_pem, l->err);

	if (rc < 0)
		return err_wrap(l->err, rc, "--certificate-authority");
	l->t->ca_name = xstrdup("the file of --certificate-authority");
	return 0;
}

static int ca_from_cluster(struct loading *l)
{
	auto_free char *path = NULL;
	int rc = kubeconfig_path(l->cluster, "certificate-authority", &path, l->err);

	if (rc == 0)
		rc = kubeconfig_data(
			l->cluster, "certificate-authority-data", &l->t->ca_pem, l->err);
	if (rc < 0)
		return rc;
	if (path && l->t->ca_pem)
		return kubeconfig_wrong(l->cluster, l->err, -EINVAL,
			"both \"certificate-authority\" and \"certificate-authority-data\" are "
			"given; remove one");
	if (path)
		rc = kubeconfig_read(path, &l->t->ca_pem, l->err);
	if (rc < 0)
		return err_wrap(l->err, rc, "certificate-authority of cluster \"%.100s\" in %s",
			l->cluster->name, l->cluster->file);
	l->t->ca_name = xprintf("certificate-authority%s of cluster \"%.100s\" in %s",
		path ? "" : "-data", l->cluster->name, l->cluster->file);
	return 0;
}

/* --certificate-authority puts the cluster's own and "insecure" out of force; --insecure... the CA.
 */
static int load_trust(struct loading *l)
{
	const struct kube_flags *f = l->flags;
	bool insecure = false;
	int rc = 0;

	if (l->cluster && !f->insecure_set && !given(f->certificate_authority))
		rc = kubeconfig_bool(l->cluster, "insecure-skip-tls-verify", &insecure, l->err);
	if (rc < 0)
		return rc;
	if (f->insecure_set)
		insecure = f->insecure;
	if (insecure && given(f->certificate_authority))
		return err_set(l->err, -EINVAL,
			"--insecure-skip-tls-verify and --certificate-authority cannot both be "
			"given; drop one");
	l->t->insecure = insecure;
	if (given(f->certificate_authority))
		return ca_from_flag(l);
	if (!l->cluster || (f->insecure_set && f->insecure))
		return 0;
	rc = ca_from_cluster(l);
	if (rc == 0 && l->t->ca_pem && insecure)
		return kubeconfig_wrong(l->cluster, l->err, -EINVAL,
			"both a certificate-authority and \"insecure-skip-tls-verify: true\" are "
			"given; remove one");
	return rc;
}

/* Without a scheme https is meant only where something speaks of TLS, as in client-go. */
static bool speaks_of_tls(const struct loading *l)
{
	const cJSON *user = l->user ? l->user->body : NULL;

	return l->t->ca_pem || l->t->insecure || given(l->flags->client_certificate) ||
	       json_member(user, "client-certificate") ||
	       json_member(user, "client-certificate-data");
}

static int load_server(struct loading *l)
{
	const char *text = given(l->flags->server) ? l->flags->server : NULL;
	struct serverurl url = { 0 };
	struct err why = { "" };
	int rc = text ? 0 : kubeconfig_text(l->cluster, "server", &text, l->err);

	if (rc < 0)
		return rc;
	if (!text)
		return kubeconfig_wrong(l->cluster, l->err, -EINVAL, "it has no \"server\"");
	rc = serverurl_parse(text, speaks_of_tls(l), &url, &why);
	if (rc < 0 && given(l->flags->server))
		return err_set(l->err, rc, "--server %s", why.text);
	if (rc < 0)
		return kubeconfig_wrong(l->cluster, l->err, rc, "its server %s", why.text);
	l->t->server = take_ptr(url.url);
	l->t->host = take_ptr(url.host);
	l->t->port = url.port;
	l->t->tls = url.tls;
	return 0;
}

static int load_tls_server_name(struct loading *l)
{
	const char *name = given(l->flags->tls_server_name) ? l->flags->tls_server_name : NULL;
	int rc = 0;

	/* the cluster's belongs to the cluster's server */
	if (!name && l->cluster && !given(l->flags->server))
		rc = kubeconfig_text(l->cluster, "tls-server-name", &name, l->err);
	if (rc < 0)
		return rc;
	if (name && (strlen(name) > 253 ||
			    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-._:") != strlen(name)))
		return err_set(l->err, -EINVAL, "the tls-server-name is not a host name");
	l->t->tls_server_name = xstrdup(name);
	return 0;
}

static int load_proxy(struct loading *l)
{
	const char *text = NULL;
	struct err why = { "" };
	int rc = kubeconfig_text(l->cluster, "proxy-url", &text, l->err);

	if (rc < 0 || !text)
		return rc;
	rc = proxyurl_check(text, &why);
	if (rc < 0)
		return kubeconfig_wrong(l->cluster, l->err, rc, "its proxy-url %s", why.text);
	l->t->proxy_url = xstrdup(text);
	return 0;
}

static int load_cluster(struct loading *l)
{
	int rc = load_trust(l);

	if (rc == 0)
		rc = load_server(l);
	if (rc == 0)
		rc = load_tls_server_name(l);
	if (rc == 0 && l->cluster)
		rc = load_proxy(l);
	if (rc == 0 && l->cluster)
		rc = kubeconfig_bool(
			l->cluster, "disable-compression", &l->t->no_compression, l->err);
	l->t->no_compression |= l->flags->no_compression;
	return rc;
}

/* --- the rest -------------------------------------------------------------- */

static int load_namespace(struct loading *l)
{
	const char *ns = given(l->flags->ns) ? l->flags->ns : NULL;
	int rc = !ns && l->context ? kubeconfig_text(l->context, "namespace", &ns, l->err) : 0;

	if (rc < 0)
		return rc;
	if (!ns)
		ns = "default";
	if (!path_label_ok(ns, 63)) {
		auto_buf shown = BUF_INIT(1024);

		log_escape(&shown, ns, strnlen(ns, 100));
		return err_set(l->err, -EINVAL,
			"\"%s\" cannot be a namespace: a name has 1 to 63 of a-z, 0-9 and '-', no "
			"'-' at either end",
			buf_text(&shown));
	}
	l->t->ns = xstrdup(ns);
	return 0;
}

static int load_timeout(struct loading *l)
{
	int64_t ms = 0;

	if (!given(l->flags->request_timeout))
		return 0;
	if (duration_parse(l->flags->request_timeout, &ms) < 0)
		return err_set(l->err, -EINVAL,
			"--request-timeout needs a number of seconds or a duration such as 500ms, "
			"30s or 1m30s");
	l->t->request_timeout_ms = ms > INT_MAX ? INT_MAX : (int)ms;
	return 0;
}

static void set_data(cJSON *to, const char *name, const char *text)
{
	auto_buf b = BUF_INIT(KUBECONFIG_FILE_BYTES_MAX * 2);

	if (!text)
		return;
	base64_encode(text, strlen(text), &b);
	json_set_str(to, name, buf_text(&b));
}

/* ExecCredential's spec.cluster. */
static cJSON *cluster_info(const struct loading *l)
{
	const struct kube_target *t = l->t;
	cJSON *info = cJSON_CreateObject();
	const cJSON *item,
		*extensions = l->cluster ? json_member(l->cluster->body, "extensions") : NULL;

	json_set_str(info, "server", t->server);
	json_set_str(info, "tls-server-name", t->tls_server_name);
	if (t->insecure)
		json_set(info, "insecure-skip-tls-verify", cJSON_CreateTrue());
	set_data(info, "certificate-authority-data", t->ca_pem);
	json_set_str(info, "proxy-url", t->proxy_url);
	if (t->no_compression)
		json_set(info, "disable-compression", cJSON_CreateTrue());
	cJSON_ArrayForEach (item, extensions) {
		const cJSON *value = json_member(item, "extension");

		if (value && strcmp(json_str(item, "name", ""),
				     "client.authentication.k8s.io/exec") == 0)
			json_set(info, "config", cJSON_Duplicate(value, true));
	}
	return info;
}

/* Over plain http nothing is presented, so nothing is read, and no plugin runs: as client-go. */
static int load_cred(struct loading *l)
{
	struct cred_spec nothing = { 0 };
	cJSON *info;
	int rc;

	if (!l->t->tls)
		return cred_new(&nothing, &l->t->cred, l->err);
	info = cluster_info(l);
	rc = kubeuser_cred(l->user, l->flags, info, &l->t->cred, l->err);
	cJSON_Delete(info);
	return rc;
}

static int load(struct loading *l)
{
	int rc = choose_all(l);

	if (rc == 0)
		rc = load_cluster(l);
	if (rc == 0)
		rc = load_namespace(l);
	if (rc == 0)
		rc = load_timeout(l);
	if (rc == 0)
		rc = impersonate_lines(l->user, l->flags, &l->t->impersonate, l->err);
	if (rc == 0)
		rc = load_cred(l);
	l->t->context = xstrdup(l->context && !l->in_cluster ? l->context->name : "");
	return rc;
}

/* A service account's token is for its own cluster only: not when another server or user is named.
 */
static bool wants_in_cluster(const struct loading *l, const char *dir)
{
	const struct kube_flags *f = l->flags;

	return !given(f->context) && !given(f->cluster) && !given(f->user) && !given(f->server) &&
	       !*kubeconfig_current(l->config) && incluster_possible(dir);
}

static int read_from(const struct kube_flags *flags, const char *serviceaccount_dir,
	struct kube_target **ret, struct err *err)
{
	struct loading l = { .flags = flags, .err = err };
	int rc = kubeconfig_load(flags->kubeconfig, &l.config, err);

	if (rc < 0)
		return rc;
	if (wants_in_cluster(&l, serviceaccount_dir)) {
		kubeconfig_free(take_ptr(l.config));
		l.in_cluster = true;
		rc = incluster_load(serviceaccount_dir, &l.config, err);
	}
	l.t = xcalloc(1, sizeof(*l.t));
	if (rc == 0)
		rc = load(&l);
	kubeconfig_free(l.config);
	if (rc < 0)
		kube_target_free(l.t);
	else
		*ret = l.t;
	return rc;
}

int kube_target_read(const struct kube_flags *flags, struct kube_target **ret, struct err *err)
{
	return read_from(flags, INCLUSTER_DIR, ret, err);
}

int kube_target_check(const struct kube_target *t, struct err *err)
{
	struct err why = { "" };
	int rc = t->ca_pem ? pem_check_certificates(t->ca_pem, &why) : 0;

	if (rc < 0)
		return err_set(err, rc, "%s %s", t->ca_name, why.text);
	return cred_check(t->cred, err);
}

int kube_target_load_from(const struct kube_flags *flags, const char *serviceaccount_dir,
	struct kube_target **ret, struct err *err)
{
	struct kube_target *t;
	int rc = read_from(flags, serviceaccount_dir, &t, err);

	if (rc < 0)
		return rc;
	rc = kube_target_check(t, err);
	if (rc < 0)
		kube_target_free(t);
	else
		*ret = t;
	return rc;
}

int kube_target_load(const struct kube_flags *flags, struct kube_target **ret, struct err *err)
{
	return kube_target_load_from(flags, INCLUSTER_DIR, ret, err);
}
