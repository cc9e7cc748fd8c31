#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/lifetime.h"
#include "plugin/pool.h"
#include "plugin/poolverbs.h"
#include "plugin/tellwait.h"

#include <errno.h>

static bool differs(const struct opt *o, const char *a, const char *b)
{
	switch (o->kind) {
	case OPT_BOOL:
		return *(const bool *)(a + o->offset) != *(const bool *)(b + o->offset);
	case OPT_LIST:
		return ((const struct opt_list *)(a + o->offset))->count != 0;
	case OPT_SPAN:
	case OPT_NUMBER:
		return *(const int64_t *)(a + o->offset) != *(const int64_t *)(b + o->offset);
	case OPT_MAYBE:
		return *(const enum opt_maybe *)(a + o->offset) != OPT_UNSAID;
	case OPT_TEXT:
		return *(const char *const *)(a + o->offset) !=
		       *(const char *const *)(b + o->offset);
	}
	return false;
}

const char *flag_said(const struct opt *table, const void *settings, const void *defaults,
	const char *const *allowed)
{
	for (const struct opt *o = table; o->name; o++) {
		const char *const *a = allowed;

		while (*a && strcmp(*a, o->name))
			a++;
		if (!*a && differs(o, settings, defaults))
			return o->name;
	}
	return NULL;
}

/* No spare: as many others wanted one, or they do not run yet. */
static int make_cold(struct kube *k, const char *name, const struct make_spec *spec, cJSON **ret,
	struct err *err)
{
	struct make_spec cold = *spec;
	auto_json pool = NULL;
	auto_json base = NULL;
	const char *runtime;
	int rc = pool_get(k, spec->wish->ns, name, &pool, err);

	if (rc < 0)
		return rc;
	say("pool %s has no spare that is ready; making one", name);
	base = pool_base(pool);
	runtime = json_annotation(base, ANNOTATION_RUNTIME, NULL);
	if (runtime)
		kind_label(base, LABEL_RUNTIME, runtime);
	cold.base = base;
	return make_sandbox(k, &cold, ret, err);
}

static int begin_life(struct kube *k, const struct pod_wish *w, const cJSON *pod, struct err *err)
{
	struct life life;

	life_read(pod, &life);
	if (!w->o.ttl_ms || !life.self_ending)
		return 0;
	return tell_wait(k, w->ns, json_str(pod, "metadata.name", ""), w->o.ttl_ms, err);
}

int from_pool(struct kube *k, const char *name, const struct make_spec *spec, cJSON **ret,
	struct err *err)
{
	auto_json pod = NULL;
	int rc = pool_take(k, name, spec->wish, &pod, err);

	if (!rc && !pod)
		return make_cold(k, name, spec, ret, err);
	if (!rc)
		rc = begin_life(k, spec->wish, pod, err);
	if (rc < 0 && pod)
		sandbox_delete(k, spec->wish->ns, json_str(pod, "metadata.name", ""),
			json_str(pod, "metadata.uid", NULL), 0, NULL);
	if (rc < 0)
		return err_wrap(err, rc, "cannot take a sandbox from pool %s", name);
	*ret = take_ptr(pod);
	return 0;
}

void pool_top_up(struct kube *k, const char *ns, const char *name)
{
	auto_json pool = NULL;
	struct err err = { 0 };
	int rc = pool_get(k, ns, name, &pool, &err);

	if (!rc)
		rc = pool_refill(k, pool, &err);
	if (rc < 0)
		say("warning: pool %s was not filled up: %s", name, err_text(&err, rc));
}
