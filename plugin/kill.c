#include "plugin/kept.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>

#define SIGNAL_MAX 31 /* beyond are the real-time ones, which have no names in a shell */

struct kill {
	const char *container, *signal;
	bool no_mount;
};

#define AT(member) offsetof(struct kill, member)

static const struct opt opts[] = {
	{ "signal", 's', OPT_TEXT, "SIGNAL", "TERM (without this), SIGKILL, 2, ...", AT(signal) },
	KEPT_CONTAINER(AT(container)),
	KEPT_NO_MOUNT(AT(no_mount)),
	{ NULL },
};

static const struct example examples[] = {
	{ "ask a run to end", "kill web 3" },
	{ "end two at once", "kill -s KILL web 3 4" },
	{ NULL },
};

/* "TERM" for TERM, SIGTERM, 15; NULL: no such signal. */
static const char *signal_name(const char *word)
{
	const char *name = strncmp(word, "SIG", 3) ? word : word + 3;
	char *end;
	long number = strtol(word, &end, 10);

	for (int sig = 1; sig <= SIGNAL_MAX; sig++) {
		const char *known = sigabbrev_np(sig);

		if (known && (!strcmp(name, known) || (!*end && number == sig)))
			return known;
	}
	return NULL;
}

struct job {
	const struct cli *cli;
	const char *name;
};

static int kill_all(struct place *p, const void *arg)
{
	const struct job *j = arg;
	int status = EXIT_DONE;

	for (int i = 1; i < j->cli->words.count; i++) {
		struct err err = { 0 };
		int rc = place_signal(p, kept_id(j->cli, i), j->name, &err);

		if (rc < 0)
			status = cli_failed(&err, rc);
	}
	return status;
}

static int run(struct cli *cli, const void *settings)
{
	const struct kill *k = settings;
	const char *name = k->signal ? signal_name(k->signal) : "TERM";
	const struct place_want want = { k->container, k->no_mount };
	const struct job job = { cli, name };
	auto_place p = { .signals = -1 };
	struct err err = { 0 };
	int rc = kept_check(cli, 1, INT_MAX - 1);

	if (rc == EXIT_DONE && !name)
		rc = cli_usage(
			cli, "there is no signal \"%.60s\"; try TERM, KILL, INT or HUP", k->signal);
	if (rc != EXIT_DONE)
		return rc;
	rc = place_init(&p, cli, cli->words.at[0], &want, &err);
	return rc < 0 ? cli_failed(&err, rc) : place_work(&p, kill_all, &job);
}

const struct verb verb_kill = {
	.name = "kill",
	.args = "[-s SIGNAL] NAME RUN... [FLAGS]",
	.summary = "signal runs",
	.about = "Sends a signal to all processes of a run. All are tried; the exit status is 1 "
		 "when one\n"
		 "could not be signalled, also because it has ended.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct kill),
	.run = run,
};
