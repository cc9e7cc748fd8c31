#include "plugin/cli.h"

#include "common/base/buf.h"

#include <stdarg.h>

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

int cli_open(const struct cli *cli, struct kube **ret, struct err *err)
{
	struct kube_target *t;
	int rc = kube_target_load(&cli->flags, &t, err);

	if (rc < 0)
		return rc;
	return kube_open(t, ret, err);
}

int cli_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_DONE;
	if (errno != EPIPE)
		say("error: cannot write to standard output: %m");
	return EXIT_FAILED;
}
