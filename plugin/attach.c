#include "plugin/kept.h"
#include "plugin/terminal.h"

#include <errno.h>
#include <sys/mman.h>

struct attach {
	const char *container, *detach_keys;
	bool no_mount, input, from_start;
};

#define AT(member) offsetof(struct attach, member)

static const struct opt opts[] = {
	{ "stdin", 'i', OPT_BOOL, NULL, "pass standard input on (the run was started with -i)",
		AT(input) },
	{ "from-start", 0, OPT_BOOL, NULL, "all output since it began, not only what comes",
		AT(from_start) },
	{ "detach-keys", 0, OPT_TEXT, "KEYS",
		"leave a terminal by these; \"\" for none\n"
		"(" TERMINAL_DETACH_KEYS ")",
		AT(detach_keys) },
	KEPT_CONTAINER(AT(container)),
	KEPT_NO_MOUNT(AT(no_mount)),
	{ NULL },
};

static const struct example examples[] = {
	{ "see what a run prints from now on", "attach web 3" },
	{ "start one that waits for input, and give it some later",
		"run -d -i web -- bc\n  echo 6*7 | kubectl sbx attach -i web 4" },
	{ NULL },
};

static int attach_to(
	struct place *p, uint32_t id, const struct run_row *row, const struct attach *a)
{
	struct pump_spec pump = { .in = STDIN_FILENO, .leaves = true };
	struct plain plain;
	struct pump_end end;
	struct err err = { 0 };
	int rc;

	pump.out[0] = (struct sink){ .fd = STDOUT_FILENO };
	pump.out[1] = sink_for(STDERR_FILENO, &plain);
	pump.run.wants = RUN_WANTS_OUT | RUN_WANTS_ERR;
	pump.run.wants_stdin = a->input;
	for (int i = 0; i < 2; i++)
		pump.run.from[i] = a->from_start ? row->start[i] : row->bytes[i];
	rc = place_run(p, &pump, id, &end, &err);
	if (!rc && end.run.state == RUN_KEPT)
		say("run %u goes on; \"kill %s %u\" ends it", id, p->ref.name, id);
	return place_status(p, rc, &end, &err);
}

struct job {
	const struct attach *attach;
	uint32_t id;
	uint32_t *terminal; /* shared: the kept run that is to be attached on this terminal, or 0 */
};

static int find_and_attach(struct place *p, const void *arg)
{
	const struct job *j = arg;
	struct run_row row = { 0 };
	struct err err = { 0 };
	int rc = place_row(p, j->id, &row, &err);

	if (rc < 0)
		rc = cli_failed(&err, rc);
	else if (row.terminal && row.kept && !run_row_ended(&row) && terminal_here())
		*j->terminal = row.kept;
	else
		rc = attach_to(p, j->id, &row, j->attach);
	run_row_fini(&row);
	return rc;
}

/* One that has a terminal gets this one, if there is one. */
static int attach_terminal(struct place *p, uint32_t id, const struct attach *a)
{
	const struct terminal_spec spec = { .attach = id, .detach_keys = a->detach_keys };
	struct err err = { 0 };
	int rc = place_running(p, &err);

	return rc < 0 ? cli_failed(&err, rc) : terminal_run(p->kube, &p->s, &spec);
}

static int run(struct cli *cli, const void *settings)
{
	const struct attach *a = settings;
	/* a mount's standard input ends when it is closed: one cannot leave it and come back */
	const struct place_want want = { a->container, a->no_mount || a->input };
	auto_place p = { .signals = -1 };
	struct job job = { .attach = a };
	struct err err = { 0 };
	int rc = kept_check(cli, 1, 1);

	if (rc == EXIT_DONE &&
		terminal_check(&(struct terminal_spec){ .detach_keys = a->detach_keys }, &err) < 0)
		rc = cli_usage(cli, "--detach-keys: %s", err.text);
	if (rc != EXIT_DONE)
		return rc;
	job.id = kept_id(cli, 1);
	rc = place_init(&p, cli, cli->words.at[0], &want, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	/* a mount is looked at in another process; the terminal belongs to this one */
	job.terminal = mmap(NULL, sizeof(*job.terminal), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job.terminal == MAP_FAILED)
		return cli_failed(NULL, -errno);
	rc = place_work(&p, find_and_attach, &job);
	if (*job.terminal)
		rc = attach_terminal(&p, *job.terminal, a);
	munmap(job.terminal, sizeof(*job.terminal));
	return rc;
}

const struct verb verb_attach = {
	.name = "attach",
	.args = "NAME RUN [FLAGS]",
	.summary = "go on with a run that is kept",
	.about = "Shows what a run prints from now on, until it ends; the exit status is then "
		 "the\n"
		 "run's own. Ctrl-C leaves it (exit status 130): the run goes on, and can be "
		 "attached\n"
		 "to again. The end of standard input is passed on too.\n"
		 "\n"
		 "A run on a terminal (shell, run -t) gets this one: all keys go to it, and the "
		 "detach\n"
		 "keys leave it.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct attach),
	.run = run,
};
