#include "plugin/interrupt.h"
#include "plugin/kept.h"
#include "plugin/pick.h"

#include <errno.h>
#include <signal.h>

struct logs {
	const char *container;
	bool no_mount, follow;
	int64_t tail;
};

#define AT(member) offsetof(struct logs, member)

static const struct logs defaults = { .tail = -1 };

static const struct opt opts[] = {
	{ "follow", 'f', OPT_BOOL, NULL, "go on to the end", AT(follow) },
	{ "tail", 0, OPT_NUMBER, "LINES", "of the container's log, the last lines alone",
		AT(tail) },
	KEPT_CONTAINER(AT(container)),
	KEPT_NO_MOUNT(AT(no_mount)),
	{ NULL },
};

static const struct example examples[] = {
	{ "what the container itself says", "logs web" },
	{ "what a run has said so far", "logs web 3" },
	{ "its errors alone, to the end", "logs -f web 3 >/dev/null" },
	{ NULL },
};

/* --- the container's --------------------------------------------------------------- */

static int print(void *arg, const char *bytes, size_t n)
{
	const struct sink *s = arg;

	while (n) {
		ssize_t taken = sink_write(s, bytes, n);

		if (taken < 0)
			return (int)taken;
		bytes += taken;
		n -= (size_t)taken;
	}
	return 0;
}

static int container_log(struct place *p, const struct logs *l)
{
	struct plain plain;
	struct sink out = sink_for(STDOUT_FILENO, &plain);
	auto_free char *path = NULL, *whole = NULL, *tail = NULL, *what = NULL;
	struct rest_request rq = { .method = "GET", .accept = "*/*" };
	struct err err = { 0 };
	int rc = place_find(p, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	interrupt_watch();
	path = rest_path("/api/v1/namespaces/%s/pods/%s/log?container=%s", p->s.ns, p->s.name,
		p->s.container);
	tail = l->tail >= 0 ? xprintf("&tailLines=%lld", (long long)l->tail) : xstrdup("");
	rq.path = whole = xprintf("%s%s%s", path, tail, l->follow ? "&follow=true" : "");
	rq.what = what = xprintf("read the log of %s/%s", p->s.ns, p->s.name);
	rc = rest_stream(p->kube, &rq, print, &out, interrupt_flag(), &err);
	sink_end(&out);
	if (*interrupt_flag())
		return 128 + SIGINT;
	return rc < 0 ? cli_failed(&err, rc) : EXIT_DONE;
}

/* --- a run's ------------------------------------------------------------------------- */

static int run_log(struct place *p, uint32_t id, const struct run_row *row, bool follow)
{
	struct pump_spec pump = { .in = -1, .leaves = true };
	struct plain plain[2];
	struct pump_end end;
	struct err err = { 0 };
	int rc;

	pump.bounded = !follow && !run_row_ended(row);
	pump.run.wants = RUN_WANTS_OUT | RUN_WANTS_ERR;
	for (int i = 0; i < 2; i++) {
		pump.out[i] = sink_for(STDOUT_FILENO + i, &plain[i]);
		pump.run.from[i] = row->start[i];
		pump.until[i] = row->bytes[i];
	}
	if (row->start[0] || row->start[1])
		say("warning: its first output came before it was kept, and is not in the sandbox");
	rc = place_run(p, &pump, id, &end, &err);
	/* how it ended is wait's matter */
	if (!rc && run_end_status(&end.run) >= 0)
		end.run = (struct run_end){ .state = RUN_EXITED };
	return place_status(p, rc, &end, &err);
}

struct job {
	const struct logs *logs;
	uint32_t id;
};

static int find_and_show(struct place *p, const void *arg)
{
	const struct job *j = arg;
	struct run_row row = { 0 };
	struct err err = { 0 };
	int rc = place_row(p, j->id, &row, &err);

	rc = rc < 0 ? cli_failed(&err, rc) : run_log(p, j->id, &row, j->logs->follow);
	run_row_fini(&row);
	return rc;
}

static int run(struct cli *cli, const void *settings)
{
	const struct logs *l = settings;
	int rc = pick_where_missing(cli, PICK_ANY);
	bool of_run = cli->words.count > 1;
	const struct place_want want = { l->container, l->no_mount || !of_run };
	auto_place p = { .signals = -1 };
	struct job job = { l, 0 };
	struct err err = { 0 };

	if (rc == EXIT_DONE)
		rc = kept_check(cli, 0, 1);

	if (rc == EXIT_DONE && of_run && l->tail >= 0)
		rc = cli_usage(cli, "--tail is for the container's log, without RUN");
	if (rc != EXIT_DONE)
		return rc;
	rc = place_init(&p, cli, cli->words.at[0], &want, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	if (!of_run)
		return container_log(&p, l);
	job.id = kept_id(cli, 1);
	return place_work(&p, find_and_show, &job);
}

const struct verb verb_logs = {
	.name = "logs",
	.args = "NAME [RUN] [FLAGS]",
	.summary = "the output of the container, or of a run",
	.about = "Without RUN: what the container itself prints, as kubectl logs. With RUN: what "
		 "that\n"
		 "run has printed, its standard output on this one's, its standard error on this "
		 "one's.\n"
		 "On a terminal control characters are shown as \\xHH.",
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct logs),
	.run = run,
};
