#include "plugin/cli.h"

#include "common/base/buf.h"
#include "common/base/log.h"

#include <stdarg.h>

#define VERBOSE_REQUESTS 6
#define VERBOSE_ALL      8

void kube_at(struct kube **k)
{
	if (*k)
		kube_close(*k);
}

void json_at_end(cJSON **j)
{
	cJSON_Delete(*j);
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int cli_failed(const struct err *err, int rc)
{
	fflush(stdout);
	say("error: %s", err_text(err, rc));
	if (getenv(ERRNO_WANTED))
		say(ERRNO_WORD "%s", errno_name(rc));
	return EXIT_FAILED;
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	fputs("error: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (cli->verb)
		say("\nsee \"%s %s --help\"", cli->program, cli->verb->name);
	else
		say("\nsee \"%s --help\"", cli->program);
	return EXIT_USAGE;
}

int cli_target_read(const struct cli *cli, struct kube_target **ret, struct err *err)
{
	/* as kubectl: 6 shows the requests, 8 and more all there is */
	if (cli->flags.verbosity >= VERBOSE_REQUESTS)
		log_trace_set(cli->flags.verbosity >= VERBOSE_ALL ? "all" : "rest,watch");
	return kube_target_read(&cli->flags, ret, err);
}

int cli_open(const struct cli *cli, struct kube **ret, struct err *err)
{
	struct kube_target *t;
	int rc = cli_target_read(cli, &t, err);

	if (rc < 0)
		return rc;
	rc = kube_target_check(t, err);
	if (rc < 0)
		kube_target_free(t);
	return rc < 0 ? rc : kube_open(t, ret, err);
}

int cli_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_DONE;
	if (errno != EPIPE)
		say("error: cannot write to standard output: %m");
	return EXIT_FAILED;
}
