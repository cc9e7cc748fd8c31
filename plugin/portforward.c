/*
 * forward: listens here, relays each connection to a port of the sandbox.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/net.h"
#include "common/remote/proto.h"
#include "plugin/farside.h"
#include "plugin/interrupt.h"
#include "plugin/listen.h"
#include "plugin/place.h"
#include "plugin/vigil.h"

#include <signal.h>
#include <sys/socket.h>

#define READY_MS   30000
#define LEAVING_MS 3000
#define AGENT_MAX  PROTO_DIALS
#define PORT_MAX   100 /* each is a connection to the API server */

enum via { VIA_AUTO, VIA_AGENT, VIA_PORTFORWARD };

struct forward {
	const char *address, *via, *host, *container;
};

static const struct forward defaults = { .address = "127.0.0.1" };

static const struct opt opts[] = {
	{ "address", 0, OPT_TEXT, "ADDRESS,...", "listen there (127.0.0.1); localhost is ::1 too",
		offsetof(struct forward, address) },
	{ "via", 0, OPT_TEXT, "WAY",
		"agent: through the sandbox's own; portforward: through\n"
		"the cluster's pods/portforward; auto: the first that\n"
		"can be had (auto)",
		offsetof(struct forward, via) },
	{ "host", 0, OPT_TEXT, "ADDRESS",
		"connect from the sandbox to this numeric address, not\n"
		"to itself; by the agent alone",
		offsetof(struct forward, host) },
	{ "container", 'c', OPT_TEXT, "CONTAINER", "of a Pod with several: whose agent",
		offsetof(struct forward, container) },
	{ NULL },
};

static const struct example examples[] = {
	{ "http://localhost:8080 is the sandbox's port 80", "forward web 8080:80" },
	{ "several; the last on any port that is free here", "forward web 3000 5432 :9229" },
	{ "for others too", "forward web 8080:80 --address 0.0.0.0" },
	{ NULL },
};

struct forwarding {
	const struct forward *f;
	enum via via;
	struct port *ports;
	size_t count;
	struct place place;
	struct listeners listeners;
	struct hub hub;
	struct relays relays;
	struct hub_watch signals;
	struct hub_work ready_work, gone_work;
	int ready_rc; /* of ready_work */
	bool ready;
	struct session *session;
	struct farport_where where;
	volatile bool stop; /* atomic */
	struct vigil *vigil;
	bool by_agent;
	bool paused; /* as many connections as there may be */
	bool lost;   /* that the stream was lost has been said */
	bool over;
	int status;
};

static void leave(struct forwarding *f, int status)
{
	if (!f->over)
		f->status = status;
	f->over = true;
}

/* --- connections --------------------------------------------------------------------------- */

static bool is_gone(int rc)
{
	return rc == -ENOENT || rc == -ENOTCONN || rc == -ESTALE;
}

static void failed(void *arg, const struct port *port, bool stands, int rc, const struct err *err)
{
	struct forwarding *f = arg;
	const char *name = f->place.ref.name;

	if (rc == -ECONNREFUSED)
		say("error: %u -> %u: nothing listens on port %u of %s", port->here, port->there,
			port->there, f->f->host ? f->f->host : name);
	else if (is_gone(rc))
		leave(f, cli_failed(err, rc));
	else if (!stands)
		say("error: %u -> %u: %s", port->here, port->there, err_text(err, rc));
	else if (rc == -ECONNRESET)
		trace(SESSION, "%u -> %u: broken off there", port->here, port->there);
	else if (!f->lost)
		say("warning: the connections to %s were broken off: %s; new ones will be tried",
			name, err_text(err, rc));
	f->lost = stands && rc != -ECONNRESET && rc != -ECONNREFUSED;
}

static void accept_one(struct forwarding *f, const struct port *port, int fd)
{
	struct relay *r = relay_new(&f->relays, port, fd);

	trace(SESSION, "a connection: %u -> %u", port->here, port->there);
	if (f->by_agent)
		farrun_begin(r, f->session, f->f->host);
	else
		farport_begin(r, &f->where);
}

static int most(const struct forwarding *f)
{
	return f->by_agent ? AGENT_MAX : PORT_MAX;
}

/* The others wait in the kernel's queue. */
static void pause_all(struct forwarding *f, bool paused)
{
	for (size_t i = 0; i < f->listeners.count && paused != f->paused; i++) {
		if (paused)
			hub_forget(&f->hub, &f->listeners.at[i].watch);
		else
			hub_want(&f->hub, &f->listeners.at[i].watch, EPOLLIN);
	}
	f->paused = paused;
}

static void on_accept(void *arg, uint32_t events)
{
	struct listener *l = arg;
	struct forwarding *f = l->owner;
	int fd = 0;

	while (f->relays.count < most(f) && fd >= 0) {
		fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			accept_one(f, &l->port, fd);
	}
	/* Out of descriptors counts as well: one that ends gives some back. */
	if (fd >= 0 || errno == EMFILE || errno == ENFILE)
		pause_all(f, f->relays.count > 0);
}

/* --- the way there ---------------------------------------------------------------------------- */

static void on_ready(void *arg, int rc)
{
	struct forwarding *f = arg;

	f->ready_rc = rc;
	hub_poke(&f->hub, &f->ready_work);
}

static void note_ready(struct hub_work *w)
{
	struct forwarding *f =
		(struct forwarding *)((char *)w - offsetof(struct forwarding, ready_work));

	f->ready = true;
}

static void note_gone(struct hub_work *w)
{
	struct forwarding *f =
		(struct forwarding *)((char *)w - offsetof(struct forwarding, gone_work));
	struct err err = { 0 };

	if (!vigil_gone(f->vigil, &err))
		return;
	err_wrap(&err, -ENOTCONN, "sandbox %s/%s has gone", f->place.ref.ns, f->place.ref.name);
	leave(f, cli_failed(&err, -ENOTCONN));
}

static void on_signal(void *arg, uint32_t events)
{
	struct forwarding *f = arg;
	int sig = interrupt_read(f->signals.fd);

	if (sig)
		leave(f, sig == SIGINT ? EXIT_DONE : 128 + sig);
}

static int use_portforward(struct forwarding *f, struct err *err)
{
	int rc = f->place.net ? 0 : net_open(&f->place.net);

	f->where = (struct farport_where){ .net = f->place.net,
		.target = kube_target(f->place.kube),
		.ns = f->place.ref.ns,
		.pod = f->place.found ? f->place.s.name : f->place.ref.name,
		.stop = &f->stop };
	return rc < 0 ? err_set(err, rc, "cannot start a thread: %s", strerror(-rc)) : 0;
}

/* 0: the agent does it; -ENOSYS and the like: it cannot, and why. */
static int agent_can(struct forwarding *f, struct err *err)
{
	struct session_far far;
	int rc = f->ready_rc;

	if (rc < 0 && session_state(f->session, err) >= 0)
		err_set(err, rc, "%s", strerror(-rc));
	if (rc < 0)
		return rc;
	rc = session_far(f->session, &far);
	if (!rc && !far.dials)
		return err_set(err, -ENOSYS,
			"no agent that makes connections can be placed in %s/%s", f->place.ref.ns,
			f->place.ref.name);
	return rc;
}

static int choose(struct forwarding *f, struct err *err)
{
	int rc = agent_can(f, err);
	bool other = rc == -ENOSYS || rc == -ENOEXEC || rc == -EACCES;

	if (!rc || f->via == VIA_AGENT || !other || f->f->host) {
		f->by_agent = !rc;
		return rc;
	}
	say("by the cluster's portforward, since %s", err_text(err, rc));
	session_close(take_ptr(f->session), 0);
	return use_portforward(f, err);
}

static int connect_agent(struct forwarding *f, struct err *err)
{
	int rc = place_session(&f->place, &f->session, err);

	if (rc < 0)
		return rc;
	f->signals.fd = f->place.signals;
	rc = hub_want(&f->hub, &f->signals, EPOLLIN);
	if (rc < 0)
		return err_set(err, rc, "cannot wait for signals: %s", strerror(-rc));
	session_ready(f->session, deadline_after(READY_MS), on_ready, f);
	while (!f->ready) /* bounded by its deadline */
		hub_turn(&f->hub, -1);
	return f->over ? 0 : choose(f, err);
}

static int connect_port(struct forwarding *f, struct err *err)
{
	int rc = place_running(&f->place, err);

	if (rc < 0)
		return rc;
	place_signals(&f->place);
	f->signals.fd = f->place.signals;
	hub_want(&f->hub, &f->signals, EPOLLIN);
	return use_portforward(f, err);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static void begin(struct forwarding *f)
{
	for (size_t i = 0; i < f->listeners.count; i++) {
		struct listener *l = &f->listeners.at[i];

		l->owner = f;
		l->watch.ready = on_accept;
		l->watch.arg = l;
		hub_want(&f->hub, &l->watch, EPOLLIN);
		printf("Forwarding from %s -> %u\n", l->shown, l->port.there);
	}
}

static int timeout(int64_t due_ms)
{
	return due_ms == INT64_MAX ? -1 : deadline_left(due_ms);
}

static void serve(struct forwarding *f)
{
	int64_t due_ms = INT64_MAX;

	while (!f->over) {
		hub_turn(&f->hub, timeout(due_ms));
		due_ms = relays_sweep(&f->relays);
		if (f->paused && f->relays.count < most(f))
			pause_all(f, false);
	}
}

/* False: some thread is still at it; what it uses must stay. */
static bool end_all(struct forwarding *f)
{
	int64_t until_ms = deadline_after(LEAVING_MS);

	__atomic_store_n(&f->stop, true, __ATOMIC_RELEASE);
	listeners_fini(&f->listeners);
	vigil_close(f->vigil);
	relays_reset(&f->relays);
	session_close(f->session, 0);
	while (relays_sweep(&f->relays), f->relays.count && !deadline_passed(until_ms))
		hub_turn(&f->hub, deadline_left(until_ms));
	return !f->relays.count;
}

static void forwarding_free(struct forwarding *f)
{
	place_fini(&f->place);
	hub_close(&f->hub);
	free(f->ports);
	free(f);
}

static int work(struct forwarding *f, struct err *err)
{
	int rc = listeners_open(&f->listeners, f->f->address, f->ports, f->count, err);

	if (!rc)
		rc = f->via == VIA_PORTFORWARD ? connect_port(f, err) : connect_agent(f, err);
	if (!rc && !f->over)
		rc = vigil_open(f->place.kube, &f->place.s, &f->hub, &f->gone_work, &f->vigil);
	if (rc < 0 || f->over)
		return rc;
	begin(f);
	if (cli_flush() != EXIT_DONE)
		return err_set(err, -EPIPE, "nobody reads where it listens");
	serve(f);
	return 0;
}

static int check(struct cli *cli, struct forwarding *f)
{
	static const char *const ways[] = { "auto", "agent", "portforward" };
	const char *via = f->f->via ? f->f->via : "auto";
	struct err err = { 0 };

	if (cli->words.count < 2 || cli->words.dashes)
		return cli_usage(cli, "forward wants a NAME and ports: forward NAME 8080:80");
	while (f->via <= VIA_PORTFORWARD && strcmp(ways[f->via], via) != 0)
		f->via++;
	if (f->via > VIA_PORTFORWARD)
		return cli_usage(cli, "--via is auto, agent or portforward, not \"%.60s\"", via);
	if (f->f->host && f->via == VIA_PORTFORWARD)
		return cli_usage(cli, "--host is for the agent; portforward knows the Pod alone");
	f->count = (size_t)cli->words.count - 1;
	f->ports = xcalloc(f->count, sizeof(*f->ports));
	for (size_t i = 0; i < f->count; i++) {
		int rc = port_parse_forward(cli->words.at[i + 1], &f->ports[i], &err);

		if (rc == -EPROTONOSUPPORT)
			return cli_failed(&err, rc);
		if (rc < 0)
			return cli_usage(cli, "%s", err.text);
	}
	return EXIT_DONE;
}

static int forward(struct cli *cli, struct forwarding *f)
{
	const struct place_want want = { f->f->container, true };
	struct err err = { 0 };
	int rc = place_init(&f->place, cli, cli->words.at[0], &want, &err);

	if (!rc)
		rc = hub_open(&f->hub);
	if (!rc)
		rc = work(f, &err);
	if (rc < 0)
		leave(f, cli_failed(&err, rc));
	return f->status;
}

static int run(struct cli *cli, const void *settings)
{
	struct forwarding *f = xcalloc(1, sizeof(*f));
	int status;

	*f = (struct forwarding){ .f = settings,
		.place = { .signals = -1 },
		.hub = { .epoll = -1, .wake = { .fd = -1 } },
		.relays = { .hub = &f->hub, .failed = failed, .arg = f },
		.signals = { .fd = -1, .ready = on_signal, .arg = f },
		.ready_work = { .run = note_ready },
		.gone_work = { .run = note_gone } };
	status = check(cli, f);
	if (status == EXIT_DONE)
		status = forward(cli, f);
	if (end_all(f))
		forwarding_free(f);
	return status;
}

const struct verb verb_forward = {
	.name = "forward",
	.args = "NAME [LOCAL:]PORT... [FLAGS]",
	.summary = "reach a sandbox's ports from this machine",
	.about =
		"Listens on this machine and relays every connection to a TCP port inside the "
		"sandbox, until Ctrl-C. LOCAL is the port here, the same when it is left out; "
		"with :PORT any that is free is taken and printed.\n"
		"\n"
		"Any number of connections go at once over one stream to the agent, which connects "
		"to 127.0.0.1 there, or else ::1. A side that ends its half leaves the other open. "
		"Where no agent can be placed the cluster's own portforward is used; it cannot "
		"tell the sandbox that only this half has ended.\n"
		"\n"
		"A port that nothing listens on is said for each connection, and forwarding goes "
		"on; so it does over a lost stream, which breaks off its connections. When the "
		"sandbox goes, forward ends with 1.",
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct forward),
	.run = run,
};
