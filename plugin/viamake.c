#include "plugin/viamake.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/lifetime.h"
#include "plugin/ready.h"
#include "plugin/report.h"
#include "plugin/viabuild.h"

#include <errno.h>

#define LOOK_MS 500 /* how often its Pod is looked for */

struct making {
	struct via via;
	const struct via_spec *spec;
	struct via_object object; /* as last seen */
	struct via_object pool;   /* made for it; or nothing */
	cJSON *pod;               /* as last seen; or NULL */
	int64_t look_ms;          /* monotonic; the next look for it */
	bool want_ready;          /* the object, not just that it has a Pod */
};

static void making_fini(struct making *m)
{
	via_object_fini(&m->object);
	via_object_fini(&m->pool);
	cJSON_Delete(m->pod);
}

/* --- what a claim names ---------------------------------------------------------------------- */

static const char *template_of(const cJSON *pool)
{
	return json_str(pool, "spec.sandboxTemplateRef.name", "");
}

/* Of those of the template the one with most spares; NULL. Borrowed from pools. */
static const cJSON *best_pool(const cJSON *pools, const char *template)
{
	const cJSON *pool, *best = NULL;

	cJSON_ArrayForEach (pool, json_at(pools, "items"))
		if (!strcmp(template_of(pool), template) &&
			(!best || json_int(pool, "status.readyReplicas", 0) >
					  json_int(best, "status.readyReplicas", 0)))
			best = pool;
	return best;
}

static int check_template(struct making *m, const char *ns, const char *name, struct err *err)
{
	auto_json template = NULL;
	int rc = kind_get(m->via.k, via_kind(&m->via, VIA_TEMPLATE), ns, name, &template, err);

	return rc == -ENOENT ? err_set(err, rc,
				       "there is no SandboxTemplate %.253s in namespace %s; \"ls "
				       "--via agent-sandbox\" lists those that are",
				       name, ns)
			     : rc;
}

/* v1beta1's claims must name a warm pool. */
static int pool_for(
	struct making *m, const char *ns, const char *template, char **ret, struct err *err)
{
	const struct kind *kind = via_kind(&m->via, VIA_POOL);
	auto_json pools = NULL;
	auto_json wanted = NULL;
	const cJSON *best;
	int rc = kind_list(m->via.k, kind, ns, NULL, &pools, err);

	best = rc < 0 ? NULL : best_pool(pools, template);
	if (!rc && !best) {
		wanted = via_build_pool(kind, ns, template);
		m->pool.kind = kind;
		rc = kind_post(m->via.k, kind, wanted, &m->pool.json, err);
		best = m->pool.json;
	}
	if (!rc)
		*ret = xstrdup(json_str(best, "metadata.name", ""));
	return rc;
}

static int build_claim(struct making *m, cJSON **ret, struct err *err)
{
	const struct kind *kind = via_kind(&m->via, VIA_CLAIM);
	const struct pod_wish *w = m->spec->make->wish;
	auto_free char *template = m->spec->template ? xstrdup(m->spec->template) : NULL;
	auto_free char *pool = m->spec->pool ? xstrdup(m->spec->pool) : NULL;
	auto_json there = NULL;
	int rc = 0;

	if (!kind)
		return err_set(err, -ENOENT,
			"agent-sandbox's claims and templates are not installed in this cluster, "
			"or "
			"may not be seen; without --template and --from-pool a Sandbox is made");
	if (template)
		rc = check_template(m, w->ns, template, err);
	if (!rc && !template) {
		rc = kind_get(m->via.k, via_kind(&m->via, VIA_POOL), w->ns, pool, &there, err);
		template = xstrdup(template_of(there));
	}
	if (!rc && !pool && !via_is_alpha(kind))
		rc = pool_for(m, w->ns, template, &pool, err);
	if (rc < 0)
		return rc;
	m->object.kind = kind;
	*ret = via_build_claim(kind, w, template, pool);
	return 0;
}

static int build_sandbox(struct making *m, cJSON **ret, struct err *err)
{
	const struct kind *kind = via_kind(&m->via, VIA_SANDBOX);
	struct pod_wish w = *m->spec->make->wish;
	auto_json pod = NULL;
	int rc;

	if (!kind)
		return err_set(err, -ENOENT,
			"agent-sandbox is not installed in this cluster, or may not be seen");
	/* its controller sees to its life, and others would take the Pod alone away */
	w.unlisted = true;
	w.o.ttl_ms = w.unfinished_ms = 0;
	rc = pod_build(&w, m->spec->make->base, &pod, err);
	if (rc < 0)
		return rc;
	m->object.kind = kind;
	*ret = via_build_sandbox(kind, pod);
	return 0;
}

/* --- posting ------------------------------------------------------------------------------------ */

/* By the cluster's clock, as it has answered before. */
static int64_t expiry(const struct making *m)
{
	const struct pod_wish *w = m->spec->make->wish;

	return w->o.ttl_ms ? w->now_ms + w->o.ttl_ms + kube_ahead_ms(m->via.k) : 0;
}

/*
 * Until it is finished it is one that ends by itself soon after this program must have given up, so that
 * one that was killed leaves nothing.
 */
static void set_end(const struct making *m, cJSON *object)
{
	const struct pod_wish *w = m->spec->make->wish;
	int64_t end_ms = w->unfinished_ms
				 ? w->unfinished_ms + LIFE_SLACK_MS + kube_ahead_ms(m->via.k)
				 : expiry(m);

	if (end_ms)
		via_put_shutdown(m->object.kind, object, end_ms);
}

static const char *request_of(const cJSON *object)
{
	const cJSON *a = json_member(json_at(object, "metadata.annotations"), ANNOTATION_REQUEST);

	return cJSON_IsString(a) ? a->valuestring : "";
}

/* The answer was lost: was it done? Then it is undone by who called. */
static void look_after(struct making *m, const cJSON *posted)
{
	auto_json there = NULL;
	struct err unheard = { 0 };

	if (!kind_get(m->via.k, m->object.kind, json_str(posted, "metadata.namespace", ""),
		    json_str(posted, "metadata.name", ""), &there, &unheard) &&
		!strcmp(request_of(there), request_of(posted)))
		m->object.json = take_ptr(there);
}

/* So that it goes with its claim. */
static int give_pool(struct making *m, struct err *err)
{
	auto_json patch = NULL;

	if (!m->pool.json)
		return 0;
	patch = cJSON_CreateObject();
	kind_set_owner(patch, m->object.kind, m->object.json);
	return kind_patch(m->via.k, m->pool.kind, m->pool.json, patch, NULL, err);
}

static int post(struct making *m, struct err *err)
{
	const struct via_spec *spec = m->spec;
	auto_json object = NULL;
	int rc = spec->template || spec->pool ? build_claim(m, &object, err)
					      : build_sandbox(m, &object, err);

	if (rc < 0)
		return rc;
	set_end(m, object);
	rc = kind_post(m->via.k, m->object.kind, object, &m->object.json, err);
	if (rest_unsure(rc))
		look_after(m, object);
	return rc < 0 ? rc : give_pool(m, err);
}

/* --- waiting -------------------------------------------------------------------------------------- */

static void look_for_pod(struct making *m)
{
	struct err unheard = { 0 };

	if (m->pod || !deadline_passed(m->look_ms))
		return;
	m->look_ms = deadline_after(LOOK_MS);
	via_pod(&m->via, &m->object, &m->pod, &unheard);
}

static int changed(void *arg, const char *type, const cJSON *object, struct err *err)
{
	struct making *m = arg;
	int rc;

	if (!strcmp(type, "DELETED") || !strcmp(type, "GONE") ||
		(object && strcmp(json_str(object, "metadata.uid", ""),
				   json_str(m->object.json, "metadata.uid", ""))))
		return err_set(err, -ESTALE, "somebody else deleted it while it was starting");
	if (object) {
		cJSON_Delete(m->object.json);
		m->object.json = cJSON_Duplicate(object, true);
		m->look_ms = 0;
	}
	rc = via_progress(&m->object, err);
	look_for_pod(m);
	if (rc < 0)
		return rc;
	return m->want_ready ? rc == 1 && m->pod : m->pod != NULL;
}

static int late(const struct making *m, struct err *err)
{
	auto_free char *why = via_why(&m->object);

	if (!json_at(m->object.json, "status.conditions[0]"))
		return err_set(err, -ETIMEDOUT,
			"agent-sandbox's controller has said nothing of it in %.0f s; does it run?",
			(double)m->spec->make->timeout_ms / 1000);
	return err_set(err, -ETIMEDOUT,
		"it was not ready after %.0f s: %.500s; --timeout gives it "
		"longer",
		(double)m->spec->make->timeout_ms / 1000, why);
}

static int watch(struct making *m, struct err *err)
{
	const char *ns = json_str(m->object.json, "metadata.namespace", "");
	const char *name = json_str(m->object.json, "metadata.name", "");
	auto_free char *space = rest_path("/namespaces/%s", ns);
	auto_free char *collection =
		xprintf("%s%s/%s", m->object.kind->api, space, m->object.kind->plural);
	auto_free char *field = xprintf("metadata.name=%s", name);
	int64_t deadline_ms = deadline_after(m->spec->make->timeout_ms);
	int rc;

	if (*interrupt_flag())
		return -EINTR;
	rc = watch_until(
		m->via.k, collection, field, NULL, deadline_ms, interrupt_flag(), changed, m, err);
	return rc == -ETIMEDOUT && deadline_passed(deadline_ms) ? late(m, err) : rc < 0 ? rc : 0;
}

/* What its Pod waits for is told as for any other. */
static int wait_pod(struct making *m, struct err *err)
{
	const struct make_spec *make = m->spec->make;
	struct ready_spec ready = {
		.pod = m->pod,
		.schedule_timeout_ms = make->wish->o.schedule_timeout_ms,
		.pull_timeout_ms = make->wish->o.pull_timeout_ms,
		.timeout_ms = make->timeout_ms,
		.stop = interrupt_flag(),
		.phases = make->phases,
	};
	cJSON *now;
	int rc = *interrupt_flag() ? -EINTR : ready_wait(m->via.k, &ready, &now, err);

	if (rc < 0)
		return rc;
	cJSON_Delete(m->pod);
	m->pod = now;
	return 0;
}

static int wait_all(struct making *m, struct err *err)
{
	const struct make_spec *make = m->spec->make;
	int rc = watch(m, err);

	if (!rc)
		rc = wait_pod(m, err);
	m->want_ready = true;
	if (!rc)
		rc = watch(m, err);
	if (!rc)
		phases_reach(make->phases, "ready", "agent-sandbox calls it ready");
	if (rc == -ENOTCONN && m->pod && make->log) {
		report_log(m->via.k, m->pod, make->log);
		report_wrap(err, rc, make->log);
	}
	return rc == -EINTR ? err_set(err, rc, "interrupted") : rc;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static int delete_one(struct making *m, const struct via_object *o, struct err *err)
{
	int rc = o->json ? kind_delete(m->via.k, o->kind, o->json, false, err) : 0;

	return rc == -ENOENT || rc == -EBUSY ? 0 : rc;
}

static void undo(struct making *m, struct err *err)
{
	struct err why = { 0 }, before = *err;
	const struct via_object *left = &m->object;
	int rc = delete_one(m, &m->object, &why);

	if (!rc) {
		left = &m->pool;
		rc = delete_one(m, &m->pool, &why);
	}
	if (rc < 0)
		err_set(err, rc, "%.600s; and the %s %s is left: %.200s", before.text,
			left->kind->kind, json_str(left->json, "metadata.name", ""),
			err_text(&why, rc));
	else if (m->object.json)
		phases_say(m->spec->make->phases, "deleted %s again",
			json_str(m->object.json, "metadata.name", ""));
}

/* From now on it lives as long as was wished. */
static void let_live(struct making *m)
{
	struct err err = { 0 };
	int rc = via_set_shutdown(m->via.k, &m->object, expiry(m), &err);

	if (rc < 0)
		say("warning: %s; agent-sandbox ends it in some minutes", err_text(&err, rc));
}

static int go(struct making *m, struct err *err)
{
	const struct make_spec *make = m->spec->make;
	int rc = post(m, err);

	if (rc < 0)
		return rc;
	phases_reach(make->phases, "created", "created %s %s", m->object.kind->kind,
		json_str(m->object.json, "metadata.name", ""));
	if (!make->wait)
		return 0;
	rc = wait_all(m, err);
	if (rc < 0)
		return err_wrap(err, rc, "cannot create %s %s/%s", m->object.kind->kind,
			json_str(m->object.json, "metadata.namespace", ""),
			json_str(m->object.json, "metadata.name", ""));
	let_live(m);
	via_mark(m->pod, &m->object);
	return 0;
}

int via_make(struct kube *k, const struct via_spec *spec, cJSON **ret, struct err *err)
{
	struct making m auto_with(making_fini) = { .spec = spec };
	int rc;

	via_init(&m.via, k);
	rc = go(&m, err);
	if (rc < 0) {
		undo(&m, err);
		return rc;
	}
	*ret = m.pod ? take_ptr(m.pod) : take_ptr(m.object.json);
	return 0;
}
