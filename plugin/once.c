/*
 * A short run as a Job. Its output does not come from the Pod's log, which puts the two streams together, is
 * cut where it is rotated and knows no standard input: the container waits, and the command is run in it as
 * `run` does, with its bytes counted and its end acknowledged.
 */
#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/command.h"
#include "plugin/interrupt.h"
#include "plugin/job.h"
#include "plugin/layers.h"
#include "plugin/place.h"
#include "plugin/report.h"
#include "plugin/show.h"

#define DEADLINE_S (24 * 3600)
#define SLACK_S    60 /* over what it may take by its flags */

struct once {
	struct wish_opts wish;
	int64_t timeout_ms, start_timeout_ms;
	const char *output;
	bool input, dry_run;
};

static const struct once defaults = { .wish = WISH_DEFAULTS, .start_timeout_ms = 120000 };

#define AT(member)      offsetof(struct once, member)
#define AT_WISH(member) offsetof(struct once, wish.member)

static const struct opt opts[] = {
	{ "stdin", 'i', OPT_BOOL, NULL, "pass standard input on; else it is empty", AT(input) },
	{ "timeout", 0, OPT_SPAN, "TIME", "killed after this long; the exit status is 124",
		AT(timeout_ms) },
	WISH_OPTS(AT_WISH),
	WISH_SETTINGS(AT_WISH),
	{ "start-timeout", 0, OPT_SPAN, "TIME",
		"how long it may take to begin, without its image (2m)", AT(start_timeout_ms) },
	{ "dry-run", 0, OPT_BOOL, NULL, "send nothing; print the Job with -o json or yaml",
		AT(dry_run) },
	{ "output", 'o', OPT_TEXT, "FORMAT", "with --dry-run: json or yaml", AT(output) },
	{ NULL },
};

static const struct example examples[] = {
	{ "a command in an image", "once --image alpine:3 -- cat /etc/os-release" },
	{ "a filter, without a network",
		"once -i --image python:3.12 --network none -- python - <a.py" },
	{ "with a limit, and what a profile says",
		"once --profile small --timeout 10m -- make check" },
	{ NULL },
};

static int check(const struct cli *cli, const struct once *o, struct show *show)
{
	struct err err;

	if (cli->words.count)
		return cli_usage(
			cli, "once wants its command behind \"--\", not \"%s\"", cli->words.at[0]);
	if (!cli->words.command_count)
		return cli_usage(cli, "once wants a command behind \"--\": once -- CMD [ARG]...");
	if (o->timeout_ms > INT32_MAX || o->start_timeout_ms <= 0 ||
		o->start_timeout_ms > INT32_MAX / 2 || o->wish.pull_timeout_ms <= 0 ||
		o->wish.pull_timeout_ms > INT32_MAX / 2 || o->wish.schedule_timeout_ms <= 0)
		return cli_usage(cli, "time-outs must be more than nothing and less than 12 days");
	if (show_parse(o->output, show, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	return EXIT_DONE;
}

/* Whatever becomes of us, it is over then. */
static int64_t deadline_of(const struct once *o)
{
	int64_t most_ms = o->start_timeout_ms + o->wish.pull_timeout_ms + o->timeout_ms;

	if (o->wish.ttl_ms)
		return (o->wish.ttl_ms + 999) / 1000;
	return o->timeout_ms ? most_ms / 1000 + SLACK_S : DEADLINE_S;
}

/* --- the run --------------------------------------------------------------------------------------- */

static int run_command(struct place *p, const struct cli *cli, const struct once *o)
{
	const struct command c = { .timeout_ms = o->timeout_ms, .input = o->input };
	struct pump_spec pump = { .in = STDIN_FILENO };
	struct pump_end end = { 0 };
	struct command_run r;
	struct plain plain;
	struct err err = { 0 };
	int rc = command_run_init(&r, cli, &c, &err);

	pump.run = r.spec;
	pump.out[0] = (struct sink){ .fd = STDOUT_FILENO };
	pump.out[1] = sink_for(STDERR_FILENO, &plain);
	if (!rc)
		rc = place_run(p, &pump, 0, &end, &err);
	command_run_fini(&r);
	return place_status(p, rc, &end, &err);
}

/* What is known of the Pod need not be asked again. */
static int settle(struct place *p, const struct job *j, struct err *err)
{
	int rc = sandbox_parse(j->pod, SANDBOX_CONTAINER, &p->s, err);

	if (rc < 0)
		return rc;
	p->found = true;
	free(p->ref.name);
	p->ref.name = xstrdup(p->s.name);
	return 0;
}

static int work(struct place *p, const struct cli *cli, const struct once *o, const struct job *j)
{
	struct err err = { 0 };
	int rc = settle(p, j, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	place_signals(p);
	/* one that came just before has only been noted */
	return *interrupt_flag() ? 128 + interrupt_signal() : run_command(p, cli, o);
}

static int start(
	struct place *p, const struct cli *cli, const struct once *o, const struct make_spec *spec)
{
	auto_job job = { 0 };
	struct err err = { 0 };
	int rc, status;

	interrupt_watch();
	phases_init(spec->phases, isatty(STDERR_FILENO) && isatty(STDOUT_FILENO));
	rc = job_start(p->kube, spec, deadline_of(o), &job, &err);
	if (rc < 0) {
		cli_failed(&err, rc);
		report_print(spec->log);
		return *interrupt_flag() ? 128 + interrupt_signal() : EXIT_FAILED;
	}
	status = work(p, cli, o, &job);
	rc = job_remove(p->kube, &job, &err);
	if (rc < 0)
		cli_failed(&err, rc);
	return rc < 0 && !status ? EXIT_FAILED : status;
}

/* --- before it ---------------------------------------------------------------------------------------- */

static int dry_run(
	const struct pod_wish *w, const cJSON *base, const struct once *o, struct show *show)
{
	auto_json job = NULL;
	struct err err = { 0 };
	int rc = job_build(w, base, deadline_of(o), &job, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	if (show->format == SHOW_TABLE)
		show->format = SHOW_YAML;
	rc = show_pod(show, job, stdout, &err);
	return rc < 0 ? cli_failed(&err, rc) : cli_flush();
}

static int in_place(struct place *p, const struct cli *cli, const struct once *o,
	struct pod_wish *wish, const cJSON *base, struct show *show)
{
	auto_phases phases = { 0 };
	auto_buf log = BUF_INIT(64 * 1024);
	const struct make_spec spec = { .wish = wish,
		.base = base,
		.timeout_ms = o->start_timeout_ms,
		.phases = &phases,
		.log = &log };

	make_aim(p->kube, wish);
	return o->dry_run ? dry_run(wish, base, o, show) : start(p, cli, o, &spec);
}

static int go(const struct cli *cli, const struct once *o)
{
	const struct place_want want = { SANDBOX_CONTAINER, true };
	struct pod_wish wish = { .o = o->wish, .ns = "default", .now_ms = clock_wall_ms() };
	auto_show show = { .headers = true };
	auto_place p = { .signals = -1 };
	auto_json base = NULL;
	struct err err = { 0 };
	int rc = check(cli, o, &show);

	if (rc != EXIT_DONE)
		return rc;
	rc = make_prepare(cli, &wish, &base);
	if (rc != EXIT_DONE)
		return rc;
	rc = place_init(&p, cli, "once", &want, &err);
	if (!rc)
		rc = place_kube(&p, &err);
	return rc < 0 ? cli_failed(&err, rc) : in_place(&p, cli, o, &wish, base, &show);
}

static int run(struct cli *cli, const void *settings)
{
	auto_layers all = { 0 };
	struct err err = { 0 };
	int rc = layers_open(cli, settings, AT(wish), &all, &err);

	return rc < 0 ? cli_failed(&err, rc) : go(cli, all.settings);
}

const struct verb verb_once = {
	.name = "once",
	.args = "[FLAGS] -- CMD [ARG]...",
	.summary = "run one command in a sandbox of its own, as a Job",
	.about =
		"Makes a Job, runs the command in its Pod and takes both away again. Output comes "
		"live, the two streams apart; the exit status is the command's own, 128+n for a "
		"signal, 124 for a timeout, and 1 with a sentence when it could not begin.\n"
		"\n"
		"Ctrl-C interrupts the command, a second one kills it; the Job goes in any case. "
		"If "
		"this program is killed, the command is too, the Pod ends some seconds later, and "
		"the cluster collects the Job a minute after that (ttlSecondsAfterFinished). --ttl "
		"is the Job's deadline: 24h, or what --timeout leaves of it.\n"
		"\n"
		"The image needs sh. The flags are those of create.\n"
		"\n" WISH_ABOUT,
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct once),
	.run = run,
};
