#include "plugin/local/objectspriv.h"
#include "common/base/clock.h"
#include "plugin/local/custom.h"
#include "plugin/local/status.h"

struct deletion {
	const char *uid; /* asked for, or NULL */
	const char *rv;
	int64_t grace_s; /* -1: the object's own */
	bool stale;
};

static bool is_stale(const struct deletion *d, const cJSON *object)
{
	return (d->uid && strcmp(d->uid, json_text_or(object, "metadata.uid", "")) != 0) ||
	       (d->rv && strcmp(d->rv, json_text_or(object, "metadata.resourceVersion", "")) != 0);
}

static void read_deletion(const struct call *c, const cJSON *options, struct deletion *ret)
{
	uint64_t grace;

	ret->uid = json_text(options, "preconditions.uid");
	ret->rv = json_text(options, "preconditions.resourceVersion");
	ret->grace_s = json_int(options, "gracePeriodSeconds", -1);
	if (ret->grace_s < 0 && call_number(c, "gracePeriodSeconds", INT32_MAX, &grace) == 0)
		ret->grace_s = (int64_t)grace;
}

/* A Pod is marked; whoever runs it takes it away when it has stopped. */
static int mark_deleted(cJSON *copy, void *arg)
{
	struct deletion *d = arg;
	cJSON *meta = json_object_at(copy, "metadata");
	int64_t grace = d->grace_s >= 0 ? d->grace_s
					: json_int(copy, "spec.terminationGracePeriodSeconds", 30);
	char when[32];

	d->stale = is_stale(d, copy);
	if (d->stale)
		return -ESTALE;
	if (json_at(meta, "deletionTimestamp") &&
		json_int(meta, "deletionGracePeriodSeconds", 0) <= grace)
		return 1;
	json_wall(when, clock_wall_ms() + grace * 1000);
	json_put_text(meta, "deletionTimestamp", when);
	json_put_int(meta, "deletionGracePeriodSeconds", grace);
	return 0;
}

static void delete_contents(struct engine *e, const char *ns)
{
	for (size_t i = 0; resource_nth(i); i++) {
		const struct resource *r = resource_nth(i);
		struct snap **all;
		size_t n;

		if (!r->namespaced)
			continue;
		n = store_list(e->store, r, ns, &all, NULL);
		for (size_t k = 0; k < n; k++)
			store_delete(e->store, r, ns, all[k]->name, NULL, NULL);
		snaps_free(all, n);
	}
}

/* 0 or the refusal in ret; *ret_snap is the last state. */
static int delete_one(struct engine *e, const struct target *t, struct deletion *d,
	struct snap **ret_snap, struct answer *ret)
{
	int rc;

	if (objects_are_pods(t) && d->grace_s != 0) {
		rc = store_change(e->store, t->resource, t->ns, t->name, mark_deleted, d, ret_snap);
	} else {
		auto_snap struct snap *s = store_get(e->store, t->resource, t->ns, t->name);

		rc = !s ? -ENOENT : is_stale(d, s->json) ? -ESTALE : 0;
		if (rc == 0)
			rc = store_delete(e->store, t->resource, t->ns, t->name, s->uid, ret_snap);
	}
	if (rc == -ESTALE)
		objects_refuse(ret, t,
			status_make(409, NULL,
				"Operation cannot be fulfilled on %s \"%s\": the UID or resource "
				"version in "
				"the precondition does not match",
				t->resource->plural, t->name));
	else if (rc < 0)
		objects_not_found(ret, t);
	return rc;
}

static bool is_builtin(const struct target *t)
{
	return !strcmp(t->resource->plural, "namespaces") &&
	       (!strcmp(t->name, "default") || !strcmp(t->name, "kube-system"));
}

void objects_delete(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	auto_json cJSON *options = NULL;
	auto_snap struct snap *s = NULL;
	struct deletion d = { 0 };

	if (c->body.len && json_parse(buf_text(&c->body), c->body.len, &options) < 0) {
		objects_bad_request(ret, "the delete options are not JSON");
		return;
	}
	read_deletion(c, options, &d);
	if (is_builtin(t)) {
		objects_refuse(ret, t,
			status_make(403, NULL,
				"namespaces \"%s\" is forbidden: this namespace may not be deleted",
				t->name));
		return;
	}
	if (call_arg(c, "dryRun") || json_at(options, "dryRun")) {
		objects_get(e, t, c, ret);
		return;
	}
	if (delete_one(e, t, &d, &s, ret) < 0)
		return;
	if (!strcmp(t->resource->plural, "namespaces"))
		delete_contents(e, t->name);
	if (!strcmp(t->resource->plural, "customresourcedefinitions"))
		custom_drop(e->store, t->name);
	if (objects_are_pods(t)) {
		objects_answer(ret, c, 200, s);
	} else {
		cJSON *status = status_success();

		status_of(status, t->resource->plural, t->name);
		json_put_text(json_object_at(status, "details"), "uid", s->uid);
		answer_json(ret, 200, status);
	}
}

void objects_delete_all(
	struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	auto_json cJSON *options = NULL;
	auto_with(select_free_at) struct select *labels = NULL, *fields = NULL;
	struct deletion d = { 0 };
	struct snap **all;
	uint64_t rv;
	size_t n;

	if (c->body.len && json_parse(buf_text(&c->body), c->body.len, &options) < 0) {
		objects_bad_request(ret, "the delete options are not JSON");
		return;
	}
	if (objects_select(c, &labels, &fields, ret) < 0)
		return;
	read_deletion(c, options, &d);
	n = store_list(e->store, t->resource, t->ns, &all, &rv);
	n = objects_keep(all, n, labels, fields);
	for (size_t i = 0; i < n && !call_arg(c, "dryRun"); i++) {
		struct target one = { t->resource, (char *)all[i]->ns, (char *)all[i]->name, NULL };
		struct answer ignored;

		answer_init(&ignored);
		if (!is_builtin(&one))
			delete_one(e, &one, &d, NULL, &ignored);
		answer_fini(&ignored);
	}
	objects_answer_list(t, c, all, n, rv, ret);
	snaps_free(all, n);
}
