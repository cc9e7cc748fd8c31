#include "plugin/tenantmake.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/await.h"
#include "plugin/cli.h"
#include "plugin/lifetime.h"

#include <errno.h>

#define SETTLE_MS 10000

static bool is_clusters_own(const char *name)
{
	return !strcmp(name, "default") || !strncmp(name, "kube-", 5);
}

static int adopt_namespace(
	struct kube *k, const struct tenant_wish *w, struct tenant_made *ret, struct err *err)
{
	auto_json patch = life_patch(ANNOTATION_ADOPTED, "true");
	auto_json there = NULL;
	int rc = kind_get(k, &kind_namespace, NULL, w->name, &there, err);

	if (rc < 0)
		return rc;
	if (is_clusters_own(w->name))
		return err_set(err, -EPERM, "the namespace %s is the cluster's own", w->name);
	if (json_label(there, LABEL_TENANT, NULL))
		return err_set(err, -EEXIST, "the namespace %s is a tenant already", w->name);
	kind_label(patch, LABEL_TENANT, w->name);
	rc = kind_patch(k, &kind_namespace, there, patch, &ret->namespace, err);
	ret->adopted = !rc;
	return rc;
}

static int make_namespace(struct kube *k, const struct tenant_wish *w, bool adopt,
	struct tenant_made *ret, struct err *err)
{
	auto_json object = tenant_namespace(w);
	int rc = kind_post_sure(k, &kind_namespace, object, &ret->namespace, err);

	if (rc == -EEXIST && adopt)
		return adopt_namespace(k, w, ret, err);
	if (rc == -EEXIST)
		return err_set(err, rc,
			"the namespace %s exists already; --adopt makes a tenant of it, with all "
			"that is in it",
			w->name);
	return rc;
}

static int make_part(struct kube *k, const struct tenant_wish *w, size_t i, struct tenant_made *ret,
	struct err *err)
{
	const struct kind *kind;
	auto_json object = tenant_part(w, i, &kind);
	int rc = kind_post_sure(k, kind, object, &ret->parts[ret->count].object, err);

	if (rc < 0)
		return rc;
	ret->parts[ret->count++].kind = kind;
	return 0;
}

int tenant_make(struct kube *k, const struct tenant_wish *w, bool adopt, const volatile bool *stop,
	struct tenant_made *ret, struct err *err)
{
	int rc;

	*ret = (struct tenant_made){ 0 };
	rc = make_namespace(k, w, adopt, ret, err);
	for (size_t i = 0; i < TENANT_PARTS && !rc; i++)
		rc = *stop ? err_set(err, -EINTR, "interrupted") : make_part(k, w, i, ret, err);
	return rc;
}

/* A quota whose counts are not known yet refuses every Pod; so does a missing default account. */
void tenant_settle(struct kube *k, const struct tenant_made *made, const volatile bool *stop)
{
	const char *ns = json_str(made->namespace, "metadata.name", "");
	int64_t deadline_ms = deadline_after(SETTLE_MS);

	await_path(k, &kind_quota, ns, TENANT_OBJECT, "status.hard", deadline_ms, stop, NULL);
	await_path(k, &kind_account, ns, "default", "metadata.uid", deadline_ms, stop, NULL);
}

int tenant_token(struct kube *k, const char *ns, int64_t ttl_ms, char **ret_token,
	char **ret_expires, struct err *err)
{
	auto_free char *path =
		rest_path("/api/v1/namespaces/%s/serviceaccounts/%s/token", ns, TENANT_OBJECT);
	auto_free char *what = xprintf("get a token for tenant %s", ns);
	auto_json body = cJSON_CreateObject();
	auto_json answer = NULL;
	struct rest_request rq = { .method = "POST", .path = path, .what = what, .body = body };
	int http, rc;

	json_set_str(body, "apiVersion", "authentication.k8s.io/v1");
	json_set_str(body, "kind", "TokenRequest");
	json_set(body, "spec.expirationSeconds", cJSON_CreateNumber((double)(ttl_ms / 1000)));
	rc = rest_call(k, &rq, &answer, &http, err);
	if (rc == -ENOENT || rc == -EOPNOTSUPP)
		return err_set(err, -EOPNOTSUPP,
			"this server makes no tokens, so a tenant cannot have a kubeconfig of its "
			"own; --no-kubeconfig makes the rest");
	if (rc < 0)
		return rc;
	if (!*json_str(answer, "status.token", ""))
		return err_set(err, -EIO, "cannot %s: the answer holds none", what);
	*ret_token = xstrdup(json_str(answer, "status.token", ""));
	*ret_expires = xstrdup(json_str(answer, "status.expirationTimestamp", "unknown"));
	return 0;
}

int tenant_release(struct kube *k, const cJSON *namespace, struct err *err)
{
	auto_json patch = life_patch(ANNOTATION_ADOPTED, NULL);
	cJSON *labels = cJSON_AddObjectToObject(cJSON_GetObjectItem(patch, "metadata"), "labels");

	cJSON_AddNullToObject(labels, LABEL_TENANT);
	return kind_patch(k, &kind_namespace, namespace, patch, NULL, err);
}

static void undo_one(struct kube *k, const struct kind *kind, const cJSON *object)
{
	struct err err = { 0 };
	int rc = kind_delete(k, kind, object, false, &err);

	if (rc < 0 && rc != -ENOENT && rc != -EBUSY)
		say("error: and it could not be taken back: %s", err_text(&err, rc));
}

void tenant_undo(struct kube *k, struct tenant_made *made)
{
	struct err err = { 0 };
	int rc;

	if (made->namespace && !made->adopted) {
		undo_one(k, &kind_namespace, made->namespace);
		return;
	}
	while (made->count) {
		made->count--;
		undo_one(k, made->parts[made->count].kind, made->parts[made->count].object);
		cJSON_Delete(made->parts[made->count].object);
	}
	rc = made->namespace ? tenant_release(k, made->namespace, &err) : 0;
	if (rc < 0)
		say("error: and it could not be taken back: %s", err_text(&err, rc));
}

void tenant_made_fini(struct tenant_made *made)
{
	for (size_t i = 0; i < made->count; i++)
		cJSON_Delete(made->parts[i].object);
	cJSON_Delete(made->namespace);
	*made = (struct tenant_made){ 0 };
}
