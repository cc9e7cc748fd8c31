#include "plugin/termopen.h"

#include "common/base/log.h"

#include <sys/eventfd.h>

struct termopen {
	struct far_ask ask;
	pthread_t thread;
	int done; /* eventfd */
	volatile bool stop;

	/* the thread's until it is done */
	struct far *far;
	int rc;
	struct err err;

	pthread_mutex_t lock;
	struct session *session; /* lock; while it connects, so that it can be told to stop */
};

static void publish(struct termopen *o, struct session *s)
{
	scoped_lock(&o->lock);
	o->session = s;
	if (s && o->stop)
		session_down(s, -ECANCELED);
}

/* The session when its agent gives terminals; else NULL, and there is none any more. */
static int try_agent(struct termopen *o, struct session **ret, struct err *err)
{
	struct session_spec where = {
		.net = o->ask.net,
		.target = o->ask.target,
		.ns = o->ask.sandbox->ns,
		.pod = o->ask.sandbox->name,
		.container = o->ask.sandbox->container,
	};
	struct remote_request ping = { .op = OP_PING };
	struct remote_reply reply = { 0 };
	struct session_far far = { 0 };
	struct session *s = NULL;
	int rc = session_open(&where, &s);

	if (rc < 0)
		return rc;
	publish(o, s);
	rc = session_call(s, &ping, o->ask.deadline_ms, &reply);
	publish(o, NULL);
	if (rc == 0)
		rc = session_far(s, &far);
	if (rc < 0)
		err_set(err, rc, "%s", err_text(&reply.err, rc));
	remote_reply_fini(&reply);
	if (rc == 0 && far.terminals)
		*ret = take_ptr(s);
	session_close(s, 0);
	return rc;
}

/* Without an agent that gives terminals there is the exec's own, which cannot do all. */
static int refuse(const struct terminal_spec *spec, struct err *err)
{
	if (spec->attach)
		return err_set(
			err, -ENOTTY, "the agent in that image keeps no terminals to come back to");
	if (spec->user)
		return err_set(err, -EOPNOTSUPP,
			"a terminal as another user needs the static agent, which that image "
			"cannot run; "
			"leave out --user, or run su in the terminal");
	return 0;
}

static int open_far(struct termopen *o)
{
	struct session *s = NULL;
	int rc = try_agent(o, &s, &o->err);

	if (s)
		return termrun_open(s, &o->ask, &o->far, &o->err);
	/* an agent that cannot start is no reason against a plain exec */
	if (rc < 0)
		trace(SESSION, "no agent for the terminal: %s", err_text(&o->err, rc));
	if (o->stop)
		return -ECANCELED;
	if (rc == 0 || (rc != -ENOTCONN && rc != -EACCES && rc != -ENOENT && rc != -ENOEXEC &&
			       rc != -ETIMEDOUT)) {
		rc = refuse(o->ask.spec, &o->err);
		if (rc == 0)
			rc = termexec_open(&o->ask, &o->far, &o->err);
	}
	return rc;
}

static void *open_it(void *arg)
{
	struct termopen *o = arg;
	uint64_t one = 1;

	o->rc = open_far(o);
	if (write(o->done, &one, sizeof(one)) < 0)
		trace(SESSION, "telling that the terminal is open: %s", strerror(errno));
	return NULL;
}

static void free_it(struct termopen *o)
{
	close_at(&o->done);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

int termopen_open(const struct far_ask *ask, struct termopen **ret, struct err *err)
{
	struct termopen *o = xcalloc(1, sizeof(*o));
	int rc;

	o->ask = *ask;
	o->ask.stop = &o->stop;
	pthread_mutex_init(&o->lock, NULL);
	o->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = o->done < 0 ? -errno : -pthread_create(&o->thread, NULL, open_it, o);
	if (rc < 0) {
		free_it(o);
		return err_set(err, rc, "cannot start a thread: %s", strerror(-rc));
	}
	*ret = o;
	return 0;
}

int termopen_fd(const struct termopen *o)
{
	return o->done;
}

int termopen_take(struct termopen *o, struct far **ret, struct err *err)
{
	if (o->rc < 0)
		return err_set(err, o->rc, "%s", err_text(&o->err, o->rc));
	*ret = take_ptr(o->far);
	return 0;
}

void termopen_close(struct termopen *o)
{
	if (!o)
		return;
	{
		scoped_lock(&o->lock);
		o->stop = true;
		if (o->session)
			session_down(o->session, -ECANCELED);
	}
	pthread_join(o->thread, NULL);
	if (o->far)
		o->far->ops->close(o->far);
	free_it(o);
}
