#include "plugin/vigil.h"

#include "common/base/clock.h"
#include "common/kube/json.h"

#include <errno.h>

#define FOLLOW_MS (24 * 3600 * 1000)
#define AGAIN_MS  3000

struct vigil {
	struct kube *k;
	struct hub *hub;
	struct hub_work *work;
	char *ns, *name, *uid, *container;
	pthread_t thread;
	volatile bool stop; /* atomic */

	pthread_mutex_t lock; /* the next two */
	pthread_cond_t stopped;
	bool gone;
	struct err err;
};

static int look(void *arg, const char *type, const cJSON *pod, struct err *err)
{
	struct vigil *v = arg;
	struct sandbox s;
	int rc = 0;

	if (!strcmp(type, "GONE") || !strcmp(type, "DELETED") ||
		(pod && strcmp(json_str(pod, "metadata.uid", ""), v->uid) != 0))
		return err_set(err, 1, "it was deleted");
	if (!pod || sandbox_parse(pod, v->container, &s, NULL) < 0)
		return 0;
	if (s.phase == SANDBOX_SUCCEEDED || s.phase == SANDBOX_FAILED)
		rc = err_set(err, 1, "it has ended (%s%s%s)", sandbox_phase_name(s.phase),
			*s.reason ? ", " : "", s.reason);
	else if (s.deleting && !s.running)
		rc = err_set(err, 1, "it was deleted");
	sandbox_fini(&s);
	return rc;
}

static void tell(struct vigil *v, const struct err *err)
{
	scoped_lock(&v->lock);
	v->gone = true;
	v->err = *err;
}

static void rest(struct vigil *v)
{
	struct timespec until = deadline_timespec(deadline_after(AGAIN_MS));

	scoped_lock(&v->lock);
	if (!v->stop)
		pthread_cond_timedwait(&v->stopped, &v->lock, &until);
}

static void *watch(void *arg)
{
	struct vigil *v = arg;
	auto_free char *collection = rest_path("/api/v1/namespaces/%s/pods", v->ns);
	auto_free char *field = xprintf("metadata.name=%s", v->name);
	int rc = 0;

	while (!v->stop && rc != -EACCES) {
		struct err err = { 0 };

		rc = watch_until(v->k, collection, field, NULL, deadline_after(FOLLOW_MS), &v->stop,
			look, v, &err);
		if (rc >= 0) {
			tell(v, &err);
			hub_poke(v->hub, v->work);
			break;
		}
		rest(v);
	}
	return NULL;
}

static void vigil_free(struct vigil *v)
{
	free(v->ns);
	free(v->name);
	free(v->uid);
	free(v->container);
	pthread_cond_destroy(&v->stopped);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

int vigil_open(struct kube *k, const struct sandbox *s, struct hub *hub, struct hub_work *work,
	struct vigil **ret)
{
	struct vigil *v = xcalloc(1, sizeof(*v));
	int rc;

	*v = (struct vigil){ .k = k,
		.hub = hub,
		.work = work,
		.ns = xstrdup(s->ns),
		.name = xstrdup(s->name),
		.uid = xstrdup(s->uid),
		.container = xstrdup(s->container) };
	pthread_mutex_init(&v->lock, NULL);
	clock_cond_init(&v->stopped);
	rc = pthread_create(&v->thread, NULL, watch, v);
	if (rc) {
		vigil_free(v);
		return -rc;
	}
	*ret = v;
	return 0;
}

bool vigil_gone(struct vigil *v, struct err *err)
{
	scoped_lock(&v->lock);
	if (v->gone)
		*err = v->err;
	return v->gone;
}

static void stop(struct vigil *v)
{
	scoped_lock(&v->lock);
	__atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&v->stopped);
}

void vigil_close(struct vigil *v)
{
	if (!v)
		return;
	stop(v);
	pthread_join(v->thread, NULL);
	vigil_free(v);
}
