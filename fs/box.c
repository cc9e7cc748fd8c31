#include "fs/box.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/changes.h"
#include "fs/fs.h"
#include "fs/jobs.h"
#include "fs/notify.h"
#include "fs/op.h"

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
	b->tellings = 1;
	b->hash = hash_text(hash_text(0xcbf29ce484222325u, b->key), uid ? uid : "");
	b->since_wall_ms = clock_wall_ms();
	b->refs = 1;
	b->why_not = xstrdup("");
	b->failed = xstrdup("");
	b->max = 64 * 1024;
	ahead_init(&b->ahead);
	pthread_mutex_init(&b->session_lock, NULL);
	pthread_mutex_init(&b->why_lock, NULL);
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
	pthread_mutex_destroy(&b->why_lock);
	free(b->ns);
	free(b->name);
	free(b->key);
	free(b->uid);
	free(b->container);
	free(b->root);
	free(b->pod_json);
	free(b->container_id);
	free(b->why_not);
	free(b->failed);
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
		.root = b->root,
		.protocol = EXEC_ANY,
		.agent_sh = b->fs->opt->agent_sh,
		.gate = &b->fs->gate,
		.changed = changes_told,
		.changed_arg = b,
		.one_stream = b->fs->opt->one_stream,
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
		return rc == -ENOTCONN && atomic_load(&b->pending) ? -EAGAIN : rc;
	pthread_mutex_lock(&b->session_lock);
	rc = b->session ? session_state(b->session, NULL) : -EINPROGRESS;
	pthread_mutex_unlock(&b->session_lock);
	return rc;
}

/* The sentence is remembered: the session forgets it when it may try again. */
static void ready(void *arg, int rc)
{
	struct op *op = arg;
	struct box *b = op->box;
	struct err err = { "" };

	if (rc < 0) {
		pthread_mutex_lock(&b->session_lock);
		session_state(b->session, &err);
		pthread_mutex_unlock(&b->session_lock);
	}
	pthread_mutex_lock(&b->why_lock);
	free(b->failed);
	b->failed = xstrdup(rc < 0 ? err_text(&err, rc) : "");
	pthread_mutex_unlock(&b->why_lock);
	if (rc == 0 && !atomic_load(&b->far_known))
		box_learn_far(b);
	op->step(op, rc == -ENOTCONN && atomic_load(&b->pending) ? -EAGAIN : rc);
}

void box_ready(struct op *op, void (*step)(struct op *op, int rc))
{
	struct box *b = op->box;
	int rc = box_can_run(b);
	bool ask = rc < 0 && atomic_load(&b->down) == 0;
	struct session *session;

	if (ask)
		rc = box_session(b, &session);
	if (!ask || rc < 0) {
		step(op, rc);
		return;
	}
	op->step = step;
	op_arm(op, false);
	session_ready(session, deadline_after(b->fs->opt->deadline_ms), ready, op);
}

void box_why_not(struct box *b, struct buf *ret)
{
	int rc = box_can_run(b);

	if (rc == 0)
		return;
	pthread_mutex_lock(&b->why_lock);
	if (atomic_load(&b->down) == -ESTALE)
		buf_str(ret, "it is gone");
	else
		buf_str(ret, atomic_load(&b->down) < 0 ? b->why_not : b->failed);
	pthread_mutex_unlock(&b->why_lock);
}

size_t box_max(const struct box *b)
{
	return atomic_load(&b->max);
}

unsigned box_calls_ahead(const struct box *b)
{
	return atomic_load(&b->calls_ahead);
}

void box_learn_far(struct box *b)
{
	struct session_far far;
	struct session *session;

	if (box_session(b, &session) < 0 || session_far(session, &far) < 0)
		return;
	atomic_store(&b->max, far.max);
	atomic_store(&b->calls_ahead, (far.calls + 3) / 4);
	atomic_store(&b->peeks, far.peeks);
	atomic_store(&b->far_uid, far.uid);
	atomic_store(&b->far_gid, far.gid);
	atomic_store(&b->far_known, true);
}

static bool is_squash(int64_t id)
{
	return id >= 0;
}

/*
 * An ordinary user alone sees the mount, and works in it as whoever the agent is. Were its files
 * shown as another's, the kernel would refuse him ACLs, and git the repository; so they are shown
 * as his.
 */
static uint32_t swap_id(const struct box *b, uint32_t id, uint32_t from, uint32_t to)
{
	return id == from && geteuid() != 0 && !b->fs->opt->allow_other ? to : id;
}

uint32_t box_show_uid(struct box *b, uint32_t uid)
{
	if (is_squash(b->fs->opt->uid))
		return (uint32_t)b->fs->opt->uid;
	return swap_id(b, uid, atomic_load(&b->far_uid), geteuid());
}

uint32_t box_show_gid(struct box *b, uint32_t gid)
{
	if (is_squash(b->fs->opt->gid))
		return (uint32_t)b->fs->opt->gid;
	return swap_id(b, gid, atomic_load(&b->far_gid), getegid());
}

uint32_t box_take_uid(struct box *b, uint32_t uid)
{
	if (uid == b->fs->opt->uid)
		return atomic_load(&b->far_uid);
	return swap_id(b, uid, geteuid(), atomic_load(&b->far_uid));
}

uint32_t box_take_gid(struct box *b, uint32_t gid)
{
	if (gid == b->fs->opt->gid)
		return atomic_load(&b->far_gid);
	return swap_id(b, gid, getegid(), atomic_load(&b->far_gid));
}

void box_own(struct box *b, uint32_t uid, uint32_t gid, struct remote_request *rq)
{
	const struct options *o = b->fs->opt;

	if (!o->allow_other || is_squash(o->uid) || is_squash(o->gid))
		return;
	rq->uid = uid;
	rq->gid = gid;
	rq->owned = !atomic_load(&b->far_known) || uid != atomic_load(&b->far_uid) ||
		    gid != atomic_load(&b->far_gid);
}

uint64_t box_hash(const struct box *b)
{
	return b ? b->hash : 0;
}
