#include "fs/tree.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/kube/keep.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/jobs.h"
#include "fs/notify.h"

#define POD_JSON_MAX (2 * 1024 * 1024)

/* One watch and what it is for. */
struct tree_watch {
	struct fs *fs;
	const char *container; /* borrowed from the options; NULL: the Pod's default */
	bool by_name;
	char *field_selector;
	struct watch *watch;

	pthread_mutex_t lock; /* all below */
	pthread_cond_t first;
	bool listed;
	int rc;
	struct err err;
};

/* A Pod, ready to be merged; made without the lock. */
struct found {
	struct sandbox sandbox;
	char *json;
};

struct box *tree_find(struct fs *fs, const char *ns, const char *name)
{
	auto_free char *key = xprintf("%s/%s", ns, name);
	struct box *b;

	HASH_FIND_STR(fs->tree.boxes, key, b);
	return b;
}

bool tree_has_ns(struct fs *fs, const char *ns)
{
	struct box *b, *next;

	HASH_ITER(hh, fs->tree.boxes, b, next)
	{
		if (*ns && strcmp(b->ns, ns) == 0)
			return true;
	}
	return false;
}

/* fs->lock held. The folder's name goes from the kernel's memory, too. */
static void forget_name(struct fs *fs, struct box *b)
{
	struct node *parent = fs->nodes.root, *n;

	if (fs->opt->all_namespaces && !b->local)
		parent = node_child(&fs->nodes, parent, b->ns);
	if (!parent)
		return;
	n = node_child(&fs->nodes, parent, b->name);
	if (n && n->box == b)
		node_detach(&fs->nodes, n);
	notify_entry(fs->notifier, NULL, parent->id, b->name);
}

static void down_later(void *arg)
{
	struct box *b = arg;

	box_set_down(b, -ESTALE);
	box_unref(b);
}

/* fs->lock held. Its reference goes to the notifier, who tells the session without our lock. */
static void remove_box(struct fs *fs, struct box *b)
{
	trace(TREE, "%s %s goes", b->key, b->uid ? b->uid : "");
	HASH_DEL(fs->tree.boxes, b);
	fs->tree.version++;
	forget_name(fs, b);
	b->running = false;
	if (b->uid)
		keep_drop(fs->keep, b->uid);
	atomic_store(&b->down, -ESTALE);
	notify_then(fs->notifier, down_later, b);
}

/* fs->lock held */
static void add_box(struct fs *fs, struct box *b, struct box *replaced)
{
	b->jobs = replaced ? jobs_ref(replaced->jobs) : jobs_new();
	HASH_ADD_KEYPTR(hh, fs->tree.boxes, b->key, strlen(b->key), b);
	fs->tree.version++;
	trace(TREE, "%s %s comes", b->key, b->uid ? b->uid : "");
}

/* Another Pod, another container, or the container was started again. */
static bool is_same(const struct box *b, const struct sandbox *s)
{
	if (strcmp(b->uid, s->uid) != 0 || strcmp(b->container, s->container) != 0)
		return false;
	return !b->container_id || !*b->container_id || !*s->container_id ||
	       strcmp(b->container_id, s->container_id) == 0;
}

/* fs->lock held. Takes found's texts. */
static void update(struct box *b, struct found *f)
{
	struct sandbox *s = &f->sandbox;

	b->running = s->running && !s->deleting;
	b->listed = true;
	atomic_store(&b->pending, s->phase == SANDBOX_PENDING && !s->deleting);
	pthread_mutex_lock(&b->why_lock);
	free(b->why_not);
	b->why_not = xprintf("it is %s%s%s%s", sandbox_phase_name(s->phase),
		s->deleting ? " and being deleted" : "", *s->reason ? ": " : "", s->reason);
	pthread_mutex_unlock(&b->why_lock);
	if (*s->container_id) {
		free(b->container_id);
		b->container_id = xstrdup(s->container_id);
	}
	if (f->json) {
		free(b->pod_json);
		b->pod_json = take_ptr(f->json);
		atomic_store(&b->pod_json_n, strlen(b->pod_json));
	}
}

/* A reference for the caller. */
static struct box *merge(struct fs *fs, struct found *f)
{
	struct sandbox *s = &f->sandbox;
	struct box *b, *old;

	scoped_lock(&fs->lock);
	b = old = tree_find(fs, s->ns, s->name);
	if (b && b->local)
		return NULL;
	if (b && !is_same(b, s)) {
		bool same_pod = strcmp(b->uid, s->uid) == 0;

		box_ref(old);
		remove_box(fs, old);
		b = box_new(fs, s->ns, s->name, s->uid, s->container, NULL, false);
		add_box(fs, b, same_pod ? old : NULL);
		box_unref(old);
	} else if (!b) {
		b = box_new(fs, s->ns, s->name, s->uid, s->container, NULL, false);
		add_box(fs, b, NULL);
	}
	update(b, f);
	return box_ref(b);
}

static void found_fini(struct found *f)
{
	sandbox_fini(&f->sandbox);
	free(f->json);
}

static void put(struct tree_watch *w, const cJSON *pod)
{
	struct found f = { 0 };
	struct box *b;
	size_t n;
	int rc;

	rc = sandbox_parse(pod, w->container, &f.sandbox, NULL);
	if (rc < 0)
		return;
	if (path_name_ok(f.sandbox.name, strlen(f.sandbox.name)) &&
		path_name_ok(f.sandbox.ns, strlen(f.sandbox.ns))) {
		f.json = cJSON_Print(pod);
		n = f.json ? strlen(f.json) : 0;
		if (n > POD_JSON_MAX)
			f.json[n = POD_JSON_MAX] = '\0';
		if (f.json) {
			f.json = xrealloc(f.json, n + 2);
			f.json[n] = '\n';
			f.json[n + 1] = '\0';
		}
		keep_put(w->fs->keep, &f.sandbox);
		b = merge(w->fs, &f);
		if (b) {
			box_set_down(b, b->running ? 0 : -ENOTCONN);
			box_unref(b);
		}
	}
	found_fini(&f);
}

static void drop(struct tree_watch *w, const cJSON *pod)
{
	struct found f = { 0 };
	struct box *b;

	if (sandbox_parse(pod, w->container, &f.sandbox, NULL) < 0)
		return;
	pthread_mutex_lock(&w->fs->lock);
	b = tree_find(w->fs, f.sandbox.ns, f.sandbox.name);
	if (b && !b->local && strcmp(b->uid, f.sandbox.uid) == 0)
		remove_box(w->fs, b);
	pthread_mutex_unlock(&w->fs->lock);
	found_fini(&f);
}

/* fs->lock held. A watch by name speaks for its Pod alone. */
static bool speaks_for(const struct tree_watch *w, const struct box *b)
{
	if (b->local)
		return false;
	if (w->by_name)
		return strcmp(strchr(w->field_selector, '=') + 1, b->name) == 0;
	for (size_t i = 0; i < w->fs->opt->pod_count; i++)
		if (strcmp(w->fs->opt->pods[i], b->name) == 0)
			return false;
	return true;
}

static void on_listed(void *arg, const cJSON *items)
{
	struct tree_watch *w = arg;
	struct fs *fs = w->fs;
	struct box *b, *next;
	const cJSON *pod;

	pthread_mutex_lock(&fs->lock);
	HASH_ITER(hh, fs->tree.boxes, b, next)
	b->listed = b->listed && !speaks_for(w, b);
	pthread_mutex_unlock(&fs->lock);
	cJSON_ArrayForEach (pod, items)
		put(w, pod);
	pthread_mutex_lock(&fs->lock);
	HASH_ITER(hh, fs->tree.boxes, b, next)
	{
		if (speaks_for(w, b) && !b->listed)
			remove_box(fs, b);
	}
	pthread_mutex_unlock(&fs->lock);
	pthread_mutex_lock(&w->lock);
	w->listed = true;
	pthread_cond_broadcast(&w->first);
	pthread_mutex_unlock(&w->lock);
}

static void on_event(void *arg, const char *type, const cJSON *object)
{
	if (strcmp(type, "DELETED") == 0)
		drop(arg, object);
	else
		put(arg, object);
}

static void on_health(void *arg, int rc, const struct err *err)
{
	struct tree_watch *w = arg;

	pthread_mutex_lock(&w->fs->lock);
	w->fs->tree.health_rc = rc;
	if (err)
		w->fs->tree.health = *err;
	pthread_mutex_unlock(&w->fs->lock);
	pthread_mutex_lock(&w->lock);
	w->rc = rc;
	if (err)
		w->err = *err;
	pthread_cond_broadcast(&w->first);
	pthread_mutex_unlock(&w->lock);
	if (rc < 0)
		log_warn("watching the sandboxes: %s", err_text(err, rc));
}

static const struct watch_ops watch_ops = { on_listed, on_event, on_health };

static int start(struct fs *fs, struct tree_watch *w, struct err *err)
{
	const char *ns = kube_target(fs->kube)->ns;
	auto_free char *path = fs->opt->all_namespaces
				       ? xstrdup("/api/v1/pods")
				       : rest_path("/api/v1/namespaces/%s/pods", ns);
	const char *selector = fs->opt->selector ? fs->opt->selector : SANDBOX_SELECTOR;

	pthread_mutex_init(&w->lock, NULL);
	clock_cond_init(&w->first);
	return watch_open(fs->kube, path, w->by_name ? NULL : selector, w->field_selector,
		&watch_ops, w, &w->watch, err);
}

static int await(struct tree_watch *w, int64_t deadline_ms, struct err *err)
{
	struct timespec until = deadline_timespec(deadline_ms);
	int rc = 0;

	scoped_lock(&w->lock);
	while (!w->listed && w->rc == 0 && rc == 0)
		rc = pthread_cond_timedwait(&w->first, &w->lock, &until);
	if (w->listed)
		return 0;
	if (w->rc < 0) {
		if (err)
			*err = w->err;
		return w->rc;
	}
	return err_set(err, -ETIMEDOUT,
		"listing the sandboxes took too long: the cluster does not answer");
}

static void open_locals(struct fs *fs)
{
	for (size_t i = 0; i < fs->opt->local_count; i++) {
		const char *text = fs->opt->locals[i], *eq = strchr(text, '=');
		auto_free char *name = eq ? xstrndup(text, (size_t)(eq - text)) : xstrdup(text);
		struct box *b = box_new(fs, "", name, "local", "local", eq ? eq + 1 : NULL, true);

		scoped_lock(&fs->lock);
		b->running = true;
		add_box(fs, b, NULL);
	}
}

static int open_watches(struct fs *fs, int64_t deadline_ms, struct err *err)
{
	const struct options *opt = fs->opt;
	bool selected = opt->selector || opt->pod_count == 0;
	struct tree *t = &fs->tree;
	int rc = 0;

	t->watches = xcalloc(opt->pod_count + 1, sizeof(*t->watches));
	if (selected)
		t->watches[t->watch_count++].fs = fs;
	for (size_t i = 0; i < opt->pod_count; i++) {
		struct tree_watch *w = &t->watches[t->watch_count++];

		w->fs = fs;
		w->by_name = true;
		w->container = opt->containers[i];
		w->field_selector = xprintf("metadata.name=%s", opt->pods[i]);
	}
	for (size_t i = 0; i < t->watch_count && rc == 0; i++)
		rc = start(fs, &t->watches[i], err);
	for (size_t i = 0; i < t->watch_count && rc == 0; i++)
		rc = await(&t->watches[i], deadline_ms, err);
	return rc;
}

int tree_open(struct fs *fs, int64_t deadline_ms, struct err *err)
{
	open_locals(fs);
	return fs->kube ? open_watches(fs, deadline_ms, err) : 0;
}

void tree_close(struct fs *fs)
{
	struct tree *t = &fs->tree;

	for (size_t i = 0; i < t->watch_count; i++) {
		if (t->watches[i].watch)
			watch_close(t->watches[i].watch);
		free(t->watches[i].field_selector);
	}
	free(t->watches);
	t->watches = NULL;
	t->watch_count = 0;
}

void tree_clear(struct fs *fs)
{
	struct box *b, *next;

	HASH_ITER(hh, fs->tree.boxes, b, next)
	{
		HASH_DEL(fs->tree.boxes, b);
		box_unref(b);
	}
}
