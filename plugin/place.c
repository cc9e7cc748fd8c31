#include "plugin/place.h"

#include "common/base/clock.h"
#include "common/kube/keep.h"
#include "plugin/folder.h"
#include "plugin/guard.h"
#include "plugin/interrupt.h"
#include "plugin/shown.h"
#include "plugin/via.h"

#include <errno.h>
#include <signal.h>

#define START_TIMEOUT_MS 30000
#define CALL_TIMEOUT_MS  30000
#define BYE_MS           1000

int place_init(struct place *p, const struct cli *cli, const char *word,
	const struct place_want *want, struct err *err)
{
	int rc;

	*p = (struct place){ .container = want->container, .signals = -1 };
	rc = cli_target_read(cli, &p->target, err);
	if (!rc)
		rc = ref_parse(word, p->target->ns, &p->ref, err);
	p->mounted = !want->no_mount && !want->container;
	return rc;
}

void place_fini(struct place *p)
{
	session_close(p->early, 0);
	keep_close(p->keep);
	if (p->found)
		sandbox_fini(&p->s);
	if (!p->borrowed) {
		net_close(p->net);
		kube_close(p->kube);
		kube_target_free(p->target);
		if (p->signals >= 0)
			close(p->signals);
	}
	ref_fini(&p->ref);
	free(p->folder);
	*p = (struct place){ .signals = -1 };
}

struct guarded {
	struct place *place;
	int (*work)(struct place *p, const void *arg);
	const void *arg;
	struct mounts mounts;
};

static bool fits(void *arg, size_t way)
{
	struct guarded *g = arg;
	struct place *p = g->place;

	p->folder = shown_in(g->mounts.at[way].dir, p->target, &p->ref);
	return p->folder;
}

static int guarded(void *arg, size_t way, int signals)
{
	struct guarded *g = arg;

	g->place->signals = signals;
	return g->work(g->place, g->arg);
}

int place_work(struct place *p, int (*work)(struct place *p, const void *arg), const void *arg)
{
	struct guarded g = { p, work, arg, { 0 } };
	struct guard_work w = { .fits = fits, .work = guarded, .arg = &g };
	int status = -ENOENT;

	if (p->mounted)
		shown_where(&p->ref, 1, &g.mounts);
	w.ways = g.mounts.count;
	if (w.ways)
		status = guard_run(&w);
	mounts_fini(&g.mounts);
	return status < 0 ? work(p, arg) : status;
}

void place_signals(struct place *p)
{
	if (p->signals < 0)
		p->signals = interrupt_fd();
}

/* --- by the cluster ----------------------------------------------------------------- */

int place_kube(struct place *p, struct err *err)
{
	int rc = p->kube ? 0 : kube_target_check(p->target, err);

	return rc < 0 || p->kube ? rc : kube_open(take_ptr(p->target), &p->kube, err);
}

int place_find(struct place *p, struct err *err)
{
	auto_json pod = NULL;
	int rc = p->found ? 0 : place_kube(p, err);

	if (rc < 0 || p->found)
		return rc;
	rc = via_get(p->kube, p->ref.ns, p->ref.name, &pod, err);
	if (!rc)
		rc = sandbox_parse(pod, p->container, &p->s, err);
	p->found = !rc;
	return rc;
}

/* Only what runs can run something; what will never run says why. */
static int check_running(const struct sandbox *s, struct err *err)
{
	if (s->deleting)
		return err_set(err, -ENOTCONN, "it is being deleted");
	if (s->running)
		return 0;
	if (s->phase == SANDBOX_SUCCEEDED || s->phase == SANDBOX_FAILED)
		return err_set(err, -ENOTCONN, "it has ended (%s%s%s); make a new one",
			sandbox_phase_name(s->phase), *s->reason ? ", " : "", s->reason);
	return err_set(err, -ENOTCONN, "container %s is not running (%s)", s->container,
		*s->reason ? s->reason : sandbox_phase_name(s->phase));
}

int place_running(struct place *p, struct err *err)
{
	int rc = place_find(p, err);

	if (rc < 0)
		return rc;
	rc = check_running(&p->s, err);
	if (!rc && p->s.idle_ms && !p->keep) {
		p->keep = keep_open(p->kube);
		keep_put(p->keep, &p->s);
	}
	return rc < 0 ? err_wrap(err, rc, "cannot run in %s/%s", p->ref.ns, p->ref.name) : 0;
}

static int open_session(struct place *p, const char *container, struct session **ret)
{
	struct session_spec where = { .net = p->net,
		.target = kube_target(p->kube),
		.ns = p->ref.ns,
		.pod = p->found ? p->s.name : p->ref.name,
		.container = container };

	return session_open(&where, ret);
}

static void connected(void *arg, int rc)
{
}

/*
 * Connects while the Pod is being looked up: most have a container of that name, and are called by
 * their own; else what comes of it is thrown away. Ctrl-C is left to this thread alone, to which it is the
 * end until place_signals.
 */
static void connect_early(struct place *p)
{
	const char *container = p->container ? p->container : SANDBOX_CONTAINER;
	sigset_t all, old;

	if (p->borrowed || p->found || p->early || place_kube(p, NULL) < 0)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if ((p->net || !net_open(&p->net)) && !open_session(p, container, &p->early))
		session_ready(p->early, deadline_after(START_TIMEOUT_MS), connected, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int place_session(struct place *p, struct session **ret, struct err *err)
{
	const char *early = p->container ? p->container : SANDBOX_CONTAINER;
	int rc;

	connect_early(p);
	rc = place_running(p, err);
	if (rc < 0)
		return rc;
	place_signals(p);
	if (p->early && !strcmp(p->s.container, early) && !strcmp(p->s.name, p->ref.name)) {
		*ret = take_ptr(p->early);
		return 0;
	}
	session_close(take_ptr(p->early), 0);
	if (!p->net)
		rc = net_open(&p->net);
	if (rc < 0)
		return err_set(err, rc, "cannot start a thread: %s", strerror(-rc));
	return open_session(p, p->s.container, ret);
}

/* --- by a mount --------------------------------------------------------------------------- */

/* One errand in the folder. */
struct errand {
	struct place *place;
	int (*run)(struct errand *e);
	uint32_t id, number;
	const char *line; /* for ctl */
	struct pump_spec *spec;
	struct pump_end *end;
	struct runs *runs;
	struct err *err;
};

static int go(struct errand *e)
{
	int rc = e->id ? folder_number(e->place->folder, e->id, &e->number) : 0;

	return rc ? rc : e->run(e);
}

static int run_there(struct errand *e)
{
	place_signals(e->place);
	e->spec->signals = e->place->signals;
	return folder_run(e->place->folder, e->number, e->spec, e->end, e->err);
}

static int list_there(struct errand *e)
{
	return folder_list(e->place->folder, e->runs, e->err);
}

static int command_there(struct errand *e)
{
	return folder_ctl(e->place->folder, e->number, e->line);
}

/* What did not work there is tried by a stream, which also knows the reason better. */
static void leave_folder(struct place *p)
{
	free(p->folder);
	p->folder = NULL;
}

/* --- either ------------------------------------------------------------------------------------ */

static int no_run(const struct place *p, uint32_t id, struct err *err)
{
	return err_set(err, -ENOENT,
		"there is no run %u in %s/%s; \"ps %s\" lists those that are kept", id, p->ref.ns,
		p->ref.name, p->ref.name);
}

/* The next number, as the far end will have it unless somebody is faster. */
static int next_id(struct session *s, uint32_t *ret, struct err *err)
{
	struct remote_request ping = { .op = OP_PING };
	struct remote_reply reply = { 0 };
	struct session_far far;
	int rc = session_call(s, &ping, deadline_after(START_TIMEOUT_MS), &reply);

	if (rc < 0)
		err_set(err, rc, "%s", err_text(&reply.err, rc));
	remote_reply_fini(&reply);
	if (!rc)
		rc = session_far(s, &far);
	if (!rc && !far.keeps)
		return err_set(err, -ENOSYS,
			"cannot keep a run in this image: it lacks mkfifo, or a "
			"folder that can be written");
	if (!rc)
		*ret = far.kept + 1;
	return rc;
}

int place_run(
	struct place *p, struct pump_spec *spec, uint32_t id, struct pump_end *ret, struct err *err)
{
	struct errand e = { p, run_there, .id = id, .spec = spec, .end = ret, .err = err };
	int rc;

	*ret = (struct pump_end){ 0 };
	spec->run.attach = id;
	if (p->folder) {
		rc = go(&e);
		if (rc >= 0 || ret->started)
			return rc;
		leave_folder(p);
	}
	spec->start_deadline_ms = deadline_after(START_TIMEOUT_MS);
	rc = place_session(p, &spec->session, err);
	if (rc < 0)
		return rc;
	if (spec->run.keep)
		rc = next_id(spec->session, &spec->run.keep, err);
	if (rc < 0) {
		session_close(spec->session, 0);
		return rc;
	}
	spec->signals = p->signals;
	rc = pump_run(spec, ret, err);
	if (!rc && id && !ret->started && ret->run.rc == -ENOENT)
		return no_run(p, id, err);
	return rc;
}

static int call(struct place *p, const struct remote_request *rq, struct remote_reply *reply,
	struct err *err)
{
	struct session *s;
	int rc = place_session(p, &s, err);

	if (rc < 0)
		return rc;
	rc = session_call(s, rq, deadline_after(CALL_TIMEOUT_MS), reply);
	if (rc < 0)
		err_set(err, rc, "%s", err_text(&reply->err, rc));
	session_close(s, rc < 0 ? 0 : BYE_MS);
	return rc;
}

int place_runs(struct place *p, struct runs *ret, struct err *err)
{
	struct errand e = { p, list_there, .runs = ret, .err = err };
	struct remote_request rq = { .op = OP_RUNS };
	struct remote_reply reply = { 0 };
	int rc;

	if (p->folder && !go(&e))
		return 0;
	leave_folder(p);
	rc = call(p, &rq, &reply, err);
	for (size_t i = 0; !rc && i < reply.kept_count; i++)
		run_row_of_kept(&reply.kept[i], runs_add(ret));
	remote_reply_fini(&reply);
	return rc < 0 ? err_wrap(err, rc, "cannot list the runs of %s/%s", p->ref.ns, p->ref.name)
		      : 0;
}

int place_row(struct place *p, uint32_t id, struct run_row *ret, struct err *err)
{
	auto_runs all = { 0 };
	struct run_row *row;
	int rc = place_runs(p, &all, err);

	if (rc < 0)
		return rc;
	row = (struct run_row *)runs_find(&all, id);
	if (!row && p->folder) {
		leave_folder(p);
		return place_row(p, id, ret, err);
	}
	if (!row)
		return no_run(p, id, err);
	*ret = *row;
	row->command = row->trouble = NULL;
	return 0;
}

int place_signal(struct place *p, uint32_t id, const char *name, struct err *err)
{
	auto_free char *line = xprintf("signal %s\n", name);
	struct errand e = { p, command_there, .id = id, .line = line };
	struct remote_request rq = { .op = OP_SIGNAL, .handle = id, .signal = name };
	struct remote_reply reply = { 0 };
	int rc = p->folder ? go(&e) : -ENOENT;

	if (rc < 0 && rc != -ESRCH) {
		leave_folder(p);
		rc = call(p, &rq, &reply, err);
		remote_reply_fini(&reply);
	}
	if (rc == -ENOENT)
		return no_run(p, id, err);
	if (rc == -ESRCH)
		return err_set(
			err, rc, "run %u of %s/%s has ended already", id, p->ref.ns, p->ref.name);
	return rc < 0 ? err_wrap(err, rc, "cannot signal run %u of %s/%s", id, p->ref.ns,
				p->ref.name)
		      : 0;
}

/* --- what it means ----------------------------------------------------------------------------- */

static int lost(const struct place *p, const struct pump_end *end)
{
	struct err err = end->run.err;
	int rc = end->run.rc ? end->run.rc : -EIO;

	if (rc == -ENOEXEC)
		err_wrap(&err, rc, "cannot run in %s/%s: its image has no shell (sh)", p->ref.ns,
			p->ref.name);
	else if (end->started)
		err_wrap(&err, rc, "the command in %s/%s was lost, it may still run there",
			p->ref.ns, p->ref.name);
	else
		err_wrap(&err, rc, "cannot run in %s/%s", p->ref.ns, p->ref.name);
	return cli_failed(&err, rc);
}

static void tell_dropped(const struct run_end *end)
{
	uint64_t n = end->dropped[0] + end->dropped[1];

	if (n)
		say("warning: %llu bytes of its output were more than is kept, and are gone",
			(unsigned long long)n);
}

int place_status(const struct place *p, int rc, const struct pump_end *end, struct err *err)
{
	int status;

	if (rc == -EINTR)
		return 128 + end->signal;
	if (rc < 0) {
		if (!*err->text || end->started)
			err_wrap(err, rc, "cannot run in %s/%s", p->ref.ns, p->ref.name);
		return cli_failed(err, rc);
	}
	if (end->run.state == RUN_KEPT)
		return end->signal ? 128 + end->signal : EXIT_DONE;
	tell_dropped(&end->run);
	status = run_end_status(&end->run);
	return status >= 0 ? status : lost(p, end);
}
