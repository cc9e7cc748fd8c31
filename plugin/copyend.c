#include "plugin/copyend.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/farsys.h"

#include <signal.h>
#include <string.h>

#define CONNECT_MS 30000

void copy_word_parse(const char *word, struct copy_word *ret)
{
	const char *colon = strchr(word, ':');

	*ret = (struct copy_word){ .word = word, .path = word, .stdio = !strcmp(word, "-") };
	if (!colon || colon == word || *word == '/' || *word == '.')
		return;
	ret->pod = xstrndup(word, (size_t)(colon - word));
	ret->path = colon + 1;
}

void copy_word_fini(struct copy_word *w)
{
	free(take_ptr(w->pod));
}

int copy_end_init(struct copy_end *e, const struct cli *cli, const char *pod, const char *container,
	bool agent_sh, struct err *err)
{
	const struct place_want want = { container, true };

	*e = (struct copy_end){
		.container = container, .agent_sh = agent_sh, .place = { .signals = -1 }
	};
	return place_init(&e->place, cli, pod, &want, err);
}

void copy_end_hang_up(struct copy_end *e)
{
	pack_pipe_close(take_ptr(e->pipe));
	line_close(take_ptr(e->line));
	far_agent_close(take_ptr(e->far));
}

void copy_end_fini(struct copy_end *e)
{
	copy_end_hang_up(e);
	place_fini(&e->place);
	free(e->uid);
	free(e->container_id);
}

struct dialing {
	struct copy_end *end;
	const char *pod, *container;
	const volatile bool *stop;
	int rc;
	struct err err;
};

static struct session_spec where(const struct copy_end *e, const char *pod, const char *container)
{
	return (struct session_spec){ .net = e->place.net,
		.target = kube_target(e->place.kube),
		.ns = e->place.ref.ns,
		.pod = pod,
		.container = container,
		.agent_sh = true,
		.protocol = EXEC_SPDY };
}

static void *dial(void *arg)
{
	struct dialing *d = arg;
	const struct session_spec spec = where(d->end, d->pod, d->container);

	d->rc = line_open(&spec, d->stop, deadline_after(CONNECT_MS), &d->end->line, &d->err);
	return NULL;
}

static int look_up(struct copy_end *e, struct err *err)
{
	struct place *p = &e->place;

	if (p->found)
		sandbox_fini(&p->s);
	p->found = false;
	return place_running(p, err);
}

static int check_same(struct copy_end *e, struct err *err)
{
	const struct sandbox *s = &e->place.s;

	if (e->uid && (strcmp(e->uid, s->uid) || strcmp(e->container_id, s->container_id)))
		return err_set(err, -ESTALE, "%s/%s was %s meanwhile", e->place.ref.ns,
			e->place.ref.name,
			strcmp(e->uid, s->uid) ? "replaced by another of that name" : "restarted");
	if (!e->uid) {
		e->uid = xstrdup(s->uid);
		e->container_id = xstrdup(s->container_id);
	}
	return 0;
}

/*
 * The stream is opened while the Pod is looked up: most have a container of that name, and are called
 * by their own.
 */
static int dial_and_look(struct copy_end *e, const volatile bool *stop, struct err *err)
{
	const char *guess = e->container     ? e->container
			    : e->place.found ? e->place.s.container
					     : SANDBOX_CONTAINER;
	auto_free char *container = xstrdup(guess);
	auto_free char *pod = xstrdup(e->place.found ? e->place.s.name : e->place.ref.name);
	struct dialing d = {
		.end = e, .pod = pod, .container = container, .stop = stop, .rc = -ENOSYS
	};
	bool dialing;
	pthread_t thread;
	int rc;

	dialing = !e->agent_sh && !pthread_create(&thread, NULL, dial, &d);
	rc = look_up(e, err);
	if (dialing)
		pthread_join(thread, NULL);
	if (rc == 0)
		rc = check_same(e, err);
	if (rc < 0)
		return rc;
	if (dialing && (strcmp(container, e->place.s.container) || strcmp(pod, e->place.s.name))) {
		line_close(take_ptr(e->line));
		d.pod = e->place.s.name;
		d.container = e->place.s.container;
		dial(&d);
	}
	if (d.rc == -ENOSYS) {
		const struct session_spec spec = where(e, e->place.s.name, e->place.s.container);

		return far_agent_open(&spec, &e->far, err);
	}
	if (d.rc < 0)
		err_set(err, d.rc, "%s", err_text(&d.err, d.rc));
	return d.rc;
}

int copy_end_connect(struct copy_end *e, const volatile bool *stop, struct err *err)
{
	int fd, rc = place_kube(&e->place, err);

	if (rc == 0 && !e->place.net) {
		rc = net_open(&e->place.net);
		if (rc < 0)
			return err_set(err, rc, "cannot start a thread: %s", strerror(-rc));
	}
	if (rc == 0)
		rc = dial_and_look(e, stop, err);
	if (rc < 0) {
		copy_end_hang_up(e);
		return rc;
	}
	fd = e->line ? line_fd(e->line) : far_agent_fd(e->far);
	rc = pack_pipe_open(fd, fd, e->line != NULL, &e->pipe);
	return rc < 0 ? err_set(err, rc, "cannot start a thread: %s", strerror(-rc)) : 0;
}
