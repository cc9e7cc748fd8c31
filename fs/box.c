#include "fs/box.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/fs.h"
#include "fs/job.h"
#include "fs/notify.h"

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u; /* FNV-1a */
	return (h ^ 0xff) * 0x100000001b3u;
}

struct box *box_new(struct fs *fs, const char *ns, const char *name, const char *uid,
	const char *container, const char *root, bool local)
{
	struct box *b = xcalloc(1, sizeof(*b));

	b->fs = fs;
	b->ns = xstrdup(ns);
	b->name = xstrdup(name);
	b->key = xprintf("%s/%s", ns, name);
	b->uid = xstrdup(uid);
	b->container = xstrdup(container);
	b->root = xstrdup(root);
	b->local = local;
	b->hash = hash_text(hash_text(0xcbf29ce484222325u, b->key), uid ? uid : "");
	b->since_wall_ms = clock_wall_ms();
	b->refs = 1;
	b->why_not = xstrdup("");
	b->max = 64 * 1024;
	pthread_mutex_init(&b->session_lock, NULL);
	return b;
}

struct box *box_ref(struct box *b)
{
	atomic_fetch_add(&b->refs, 1);
	return b;
}

void box_unref(struct box *b)
{
	if (atomic_fetch_sub(&b->refs, 1) == 1)
		notify_reap(b->fs->notifier, b);
}

void box_close_session(struct box *b, int timeout_ms)
{
	session_close(b->session, timeout_ms);
	jobs_unref(b->jobs);
	pthread_mutex_destroy(&b->session_lock);
	free(b->ns);
	free(b->name);
	free(b->key);
	free(b->uid);
	free(b->container);
	free(b->root);
	free(b->pod_json);
	free(b->container_id);
	free(b->why_not);
	free(b);
}

static int open_session(struct box *b)
{
	struct session_spec spec = {
		.net = b->fs->net,
		.target =
			b->local ? NULL : kube_target(b->fs->kube), /* without: this machine's sh */
		.ns = b->ns,
		.pod = b->name,
		.container = b->container,
		.uid = b->uid,
		.root = b->root,
		.protocol = EXEC_ANY,
	};
	int down = atomic_load(&b->down);
	int rc = session_open(&spec, &b->session);

	if (rc == 0 && down < 0)
		session_down(b->session, down);
	return rc;
}

int box_session(struct box *b, struct session **ret)
{
	int rc = 0;

	if (atomic_load(&b->down) == -ESTALE)
		return -ESTALE;
	pthread_mutex_lock(&b->session_lock);
	if (!b->session)
		rc = open_session(b);
	if (rc == 0)
		*ret = b->session;
	pthread_mutex_unlock(&b->session_lock);
	return rc;
}

void box_set_down(struct box *b, int rc)
{
	int old = atomic_exchange(&b->down, rc);
	struct session *session;

	pthread_mutex_lock(&b->session_lock);
	session = b->session; /* stays until the last reference of the box goes */
	pthread_mutex_unlock(&b->session_lock);
	if (!session)
		return;
	trace(TREE, "%s is %s", b->key, rc < 0 ? errno_name(rc) : "up");
	if (rc < 0)
		session_down(session, rc); /* completes what waits, right here */
	else if (old < 0)
		session_poke(session);
}

int box_can_run(struct box *b)
{
	int rc = atomic_load(&b->down);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&b->session_lock);
	rc = b->session ? session_state(b->session, NULL) : 0;
	pthread_mutex_unlock(&b->session_lock);
	return rc == -EINPROGRESS ? 0 : rc;
}

size_t box_max(const struct box *b)
{
	return atomic_load(&b->max);
}

void box_learn_max(struct box *b)
{
	struct session *session;
	size_t max = box_session(b, &session) == 0 ? session_max(session) : 0;

	if (max > 0)
		atomic_store(&b->max, max);
}

uint64_t box_hash(const struct box *b)
{
	return b ? b->hash : 0;
}
