/*
 * __complete WORDS... LAST: what LAST may become. Called by kubectl's completion (by way of
 * kubectl_complete-sbx) and by the shells' own scripts; never by a person.
 *
 * A process of its own finds it out, and is left behind when the time is over: whatever hangs (a mount,
 * a cluster, a name server), the prompt does not. Nothing is ever said, for there is nobody to read it.
 */
#include "common/base/clock.h"
#include "common/base/io.h"
#include "plugin/cli.h"
#include "plugin/sources.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define TIMEOUT_MS      2000
#define REQUEST_TIMEOUT "2s"
#define NOTHING         ":4\n"

static void add_verbs(const struct cli *cli, struct candidates *c)
{
	const struct verb *family = cli->verb;

	for (const struct verb *const *v = family ? family->family : NULL; v && *v; v++)
		candidates_add(c, (*v)->name + strlen(family->name) + 1, (*v)->summary);
	for (size_t i = 0; !family && i < cli->verb_count; i++)
		if (!cli->verbs[i]->hidden)
			candidates_add(c, cli->verbs[i]->name, cli->verbs[i]->summary);
	if (!family)
		candidates_add(c, "help", "the help, or that of a verb");
}

/* kubectl's flags, read off their help so that no second list is kept. */
static void add_global_flags(struct candidates *c)
{
	const char *line = kube_flags_help();

	for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n"), *at = line;
		const char *what = end;

		if (strncmp(line, "  -", 3))
			continue;
		while (what > line && strncmp(what - 1, "  ", 2))
			what--;
		while ((at = strstr(at, "--")) && at < end) {
			size_t n = strcspn(at, " ,=\n");
			auto_free char *flag = xstrndup(at, n);

			candidates_add(c, flag, what > at ? what + 1 : NULL);
			at += n;
		}
	}
}

static void add_flags(const struct cli *cli, struct candidates *c)
{
	for (const struct opt *o = cli->verb ? cli->verb->opts : NULL; o && o->name; o++) {
		auto_free char *flag = xprintf("--%s", o->name);

		candidates_add(c, flag, o->help);
	}
	add_global_flags(c);
	candidates_add(c, "--help", "the help of this verb");
}

static void answer(struct cli *cli, FILE *to)
{
	struct typing t;
	struct candidates c;

	cli->flags = (struct kube_flags){ 0 };
	cli->verb = NULL;
	typing_read(cli, cli->raw_argc, cli->raw_argv, &t);
	candidates_init(&c, t.typed);
	if (!cli->flags.request_timeout)
		cli->flags.request_timeout = REQUEST_TIMEOUT;
	switch (t.place) {
	case TYPING_VERB:
		add_verbs(cli, &c);
		break;
	case TYPING_FLAG:
		add_flags(cli, &c);
		break;
	case TYPING_VALUE:
		source_value(cli, &t, &c);
		break;
	case TYPING_WORD:
		source_word(cli, &t, &c);
		break;
	case TYPING_COMMAND:
		break;
	}
	candidates_print(&c, to);
	candidates_fini(&c);
	typing_fini(&t);
}

/* Holds nothing open but the pipe: who reads us must not wait for it. */
static int work(struct cli *cli, int out)
{
	FILE *to = fdopen(out, "w");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (!to || null < 0)
		return EXIT_FAILED;
	answer(cli, to);
	return fclose(to) ? EXIT_FAILED : EXIT_DONE;
}

/* All that it wrote, when it came to its end in time. */
static bool gather(int fd, struct buf *ret)
{
	int64_t until = deadline_after(TIMEOUT_MS);
	char bytes[8192];
	ssize_t n;

	while ((n = io_read_some(fd, bytes, sizeof(bytes), until)) > 0)
		buf_add(ret, bytes, (size_t)n);
	return n == 0 && !buf_check(ret) && ret->len;
}

static int run(struct cli *cli, const void *settings)
{
	auto_buf text = BUF_INIT(CANDIDATES_BYTES_MAX + 64);
	bool done = false;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return EXIT_FAILED;
	pid = fork();
	if (!pid) {
		close(fds[0]);
		_exit(work(cli, fds[1]));
	}
	close(fds[1]);
	if (pid > 0)
		done = gather(fds[0], &text);
	if (pid > 0)
		kill(pid, SIGKILL);
	close(fds[0]);
	fputs(done ? buf_text(&text) : NOTHING, stdout);
	return cli_flush();
}

const struct verb verb_complete = {
	.name = "__complete",
	.args = "WORD... LAST",
	.summary = "what the last word may become",
	.about = "Prints what the last word may become, as cobra's programs do; for shells.",
	.raw = true,
	.hidden = true,
	.run = run,
};
