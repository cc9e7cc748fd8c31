#include "common/base/io.h"
#include "plugin/cli.h"
#include "plugin/program.h"

#include <errno.h>
#include <fcntl.h>

#define ENGINE        "sbx-local"
#define ENGINE_BESIDE "local"
#define ANSWER_MAX    (32 * 1024) /* less than a pipe holds, so the engine never waits for us */

static const struct example examples[] = {
	{ "start it, and use it",
		"local up\n  export KUBECONFIG=$(kubectl-sbx local up 2>/dev/null)" },
	{ "is it running?", "local status" },
	{ "bring an image in", "local import node:20 node20.tar" },
	{ "stop it, and the sandboxes with it", "local down" },
	{ NULL },
};

static void print_answer(int fd, struct buf *ret)
{
	void *at = buf_room(ret, ANSWER_MAX);
	ssize_t n;

	io_nonblock(fd);
	n = at ? read(fd, at, ANSWER_MAX) : -1;
	if (n > 0)
		buf_grew(ret, (size_t)n);
	fwrite(buf_text(ret), 1, ret->len, stdout);
}

/* The engine prints the path of its kubeconfig, last. */
static void explain(const struct cli *cli, struct buf *answer)
{
	const char *path;

	while (answer->len && answer->data[answer->len - 1] == '\n')
		buf_trim(answer, answer->len - 1);
	path = strrchr(buf_text(answer), '\n');
	path = path ? path + 1 : buf_text(answer);
	if (path[0] != '/' || access(path, R_OK))
		return;
	say("to use it:");
	say("  export KUBECONFIG=%s", path);
	say("  %s create web", cli->program);
}

/*
 * "up" leaves a daemon behind that may keep its standard output; so the answer is read when the
 * program that we started has ended, not when the pipe has.
 */
static int up(const struct cli *cli, const char *path, const struct args *a)
{
	auto_buf answer = BUF_INIT(ANSWER_MAX);
	auto_close int in = -1;
	int fds[2];
	pid_t pid;
	int rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return cli_failed(NULL, -errno);
	in = fds[0];
	pid = program_start(path, a, fds[1], -1);
	close(fds[1]);
	rc = pid < 0 ? pid : program_wait(pid);
	if (rc < 0)
		return cli_failed(NULL, rc);
	print_answer(in, &answer);
	if (!rc)
		explain(cli, &answer);
	return rc ? rc : cli_flush();
}

static int run(struct cli *cli, const void *settings)
{
	auto_free char *path = NULL;
	auto_args a = { 0 };
	struct err err = { 0 };
	int rc;

	if (!cli->raw_argc)
		return cli_usage(cli, "local wants one of up, down, status, import");
	path = program_find(ENGINE, ENGINE_BESIDE);
	if (!path) {
		err_set(&err, -ENOENT, ENGINE " is neither beside this program nor on PATH");
		return cli_failed(&err, -ENOENT);
	}
	args_add(&a, ENGINE);
	for (int i = 0; i < cli->raw_argc; i++)
		args_add(&a, cli->raw_argv[i]);
	if (!strcmp(cli->raw_argv[0], "up"))
		return up(cli, path, &a);
	rc = program_become(path, &a);
	err_set(&err, rc, "cannot start %s: %s", path, strerror(-rc));
	return cli_failed(&err, rc);
}

const struct verb verb_local = {
	.name = "local",
	.args = "up | down | status | import ...",
	.summary = "Kubernetes' API on this machine alone",
	.about = "Starts and stops " ENGINE
		 ", the part of Kubernetes' API that sandboxes need, on this\n"
		 "machine, with containers of its own. \"up\" prints the path of its kubeconfig. "
		 "What\n"
		 "stands behind the verb is handed on; \"local up --help\" tells its flags.",
	.examples = examples,
	.raw = true,
	.run = run,
};
