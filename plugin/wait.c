#include "common/base/clock.h"
#include "plugin/kept.h"

#include <errno.h>
#include <limits.h>

struct wait {
	const char *container;
	bool no_mount;
	int64_t timeout_ms;
};

#define AT(member) offsetof(struct wait, member)

static const struct opt opts[] = {
	{ "timeout", 0, OPT_SPAN, "TIME", "how long to wait; without it until the end",
		AT(timeout_ms) },
	KEPT_CONTAINER(AT(container)),
	KEPT_NO_MOUNT(AT(no_mount)),
	{ NULL },
};

static const struct example examples[] = {
	{ "until a run ends; its exit status is that of this one", "wait web 3" },
	{ NULL },
};

struct job {
	const struct wait *wait;
	uint32_t id;
};

static int wait_for(struct place *p, const void *arg)
{
	const struct job *j = arg;
	const struct wait *w = j->wait;
	const uint32_t id = j->id;
	struct pump_spec pump = { .in = -1, .leaves = true };
	struct pump_end end;
	struct err err = { 0 };
	int rc;

	if (w->timeout_ms)
		pump.deadline_ms = deadline_after((int)w->timeout_ms);
	rc = place_run(p, &pump, id, &end, &err);
	if (rc == -ETIMEDOUT && end.started && end.run.state == RUN_KEPT) {
		say("error: run %u of %s/%s still runs after %lld ms; it goes on", id, p->ref.ns,
			p->ref.name, (long long)w->timeout_ms);
		return EXIT_FAILED;
	}
	return place_status(p, rc, &end, &err);
}

static int run(struct cli *cli, const void *settings)
{
	const struct wait *w = settings;
	const struct place_want want = { w->container, w->no_mount };
	auto_place p = { .signals = -1 };
	struct job job = { w, 0 };
	struct err err = { 0 };
	int rc = kept_check(cli, 1, 1);

	if (rc == EXIT_DONE && w->timeout_ms > INT_MAX)
		rc = cli_usage(cli, "--timeout is at most 24 days");
	if (rc != EXIT_DONE)
		return rc;
	job.id = kept_id(cli, 1);
	rc = place_init(&p, cli, cli->words.at[0], &want, &err);
	return rc < 0 ? cli_failed(&err, rc) : place_work(&p, wait_for, &job);
}

const struct verb verb_wait = {
	.name = "wait",
	.args = "NAME RUN [FLAGS]",
	.summary = "wait for the end of a run",
	.about = "Waits until a run has ended; the exit status is the run's own: 128+n for a "
		 "signal,\n"
		 "124 when its own timeout ended it. When --timeout is over first, or the run was "
		 "lost,\n"
		 "it is 1, with a sentence; the run goes on. Ctrl-C ends only the waiting.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct wait),
	.run = run,
};
