#include "plugin/tail.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/sortby.h"

#include <errno.h>

#define CHECK_MS 1000

/* Callbacks come on the watch's thread; the main thread only waits for the end. */
struct tail {
	struct show *show; /* the watch's thread alone */
	const char *sort;  /* likewise */
	bool listed;       /* likewise: a relist after a break shows no second time what stayed */
	bool troubled;     /* likewise */

	pthread_mutex_t lock; /* all below */
	pthread_cond_t ended;
	int rc;
	struct err err;
};

static void end(struct tail *t, int rc, const struct err *err)
{
	scoped_lock(&t->lock);
	if (t->rc)
		return;
	t->rc = rc;
	if (err)
		t->err = *err;
	pthread_cond_signal(&t->ended);
}

static void printed(struct tail *t, int rc, const struct err *err)
{
	if (rc < 0)
		end(t, rc, err);
	else if (fflush(stdout) || ferror(stdout))
		end(t, -EPIPE, NULL);
}

static void listed(void *arg, const cJSON *items)
{
	struct tail *t = arg;
	auto_json sorted = NULL;
	struct err err = { 0 };
	const cJSON *pod;

	if (t->listed)
		return;
	t->listed = true;
	if (t->sort) {
		sorted = cJSON_Duplicate(items, true);
		printed(t, sort_by(t->sort, sorted, NULL, &err), &err);
		items = sorted;
	}
	if (show_is_table(t->show)) {
		printed(t, show_pods(t->show, items, stdout, &err), &err);
		return;
	}
	cJSON_ArrayForEach (pod, items)
		printed(t, show_pod(t->show, pod, stdout, &err), &err);
}

static void event(void *arg, const char *type, const cJSON *object)
{
	struct tail *t = arg;
	struct err err = { 0 };

	if (t->show->format == SHOW_YAML)
		puts("---");
	printed(t, show_pod(t->show, object, stdout, &err), &err);
}

/* What will not heal by waiting ends it, the rest is told once and waited out. */
static void health(void *arg, int rc, const struct err *err)
{
	struct tail *t = arg;

	if (!rc) {
		if (t->troubled)
			say("the watch goes on");
		t->troubled = false;
		return;
	}
	if (!t->listed || rc == -EACCES || rc == -ENOENT) {
		end(t, rc, err);
		return;
	}
	if (!t->troubled)
		say("warning: %s; trying again", err_text(err, rc));
	t->troubled = true;
}

static void wait_end(struct tail *t)
{
	scoped_lock(&t->lock);
	while (!t->rc) {
		struct timespec until = deadline_timespec(deadline_after(CHECK_MS));

		pthread_cond_timedwait(&t->ended, &t->lock, &until);
	}
}

int tail_pods(struct kube *k, const struct tail_what *what, struct show *show)
{
	static const struct watch_ops ops = { listed, event, health };
	struct tail t = { .show = show, .sort = what->sort, .lock = PTHREAD_MUTEX_INITIALIZER };
	auto_free char *collection = what->ns ? rest_path("/api/v1/namespaces/%s/pods", what->ns)
					      : rest_path("/api/v1/pods");
	struct watch *w;
	int rc;

	clock_cond_init(&t.ended);
	rc = watch_open(k, collection, what->labels, what->fields, &ops, &t, &w, &t.err);
	if (rc < 0)
		return cli_failed(&t.err, rc);
	wait_end(&t);
	watch_close(w);
	pthread_cond_destroy(&t.ended);
	/* the reader has gone (| head): nothing to say, and nobody to say it to */
	return t.rc == -EPIPE ? EXIT_FAILED : cli_failed(&t.err, t.rc);
}
