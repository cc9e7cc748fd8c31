#include "tests/lib/agent.h"
#include "tests/lib/owntmp.h"

#include "common/base/clock.h"
#include "common/remote/hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char bin[] = "/tmp/test-agent-bin-XXXXXX";

/* What fills the PATH of a tier, $1 being its folder. */
static const struct {
	const char *name, *needs, *fill;
} tiers[] = {
	{ "static", "dash", NULL },
	{ "dash", "dash", NULL },
	{ "bash", "bash", NULL },
	{ "busybox", "busybox", "busybox --install -s $1" },
	{ "toybox", "toybox",
		"for i in $(toybox); do ln -s $(command -v toybox) $1/$i; done;"
		"rm -f $1/sh; ln -s $(command -v dash) $1/sh" },
	{ "ls", "dash",
		"for i in cat chmod head ln ls mkdir mkfifo mv rm rmdir sleep sync tail tee touch "
		"truncate wc; do ln -s $(command -v $i) $1/; done; ln -s $(command -v dash) "
		"$1/sh" },
	{ "reduced", "dash",
		"for i in cat tee; do ln -s $(command -v $i) $1/; done;"
		"ln -s $(command -v dash) $1/sh" },
};

const char *agent_tier(void)
{
	const char *s = getenv("SBX_AGENT_SHELL");

	return s ? s : "dash";
}

int agent_prepare(void)
{
	char command[600];
	size_t i = 0;

	while (strcmp(tiers[i].name, agent_tier()) != 0) {
		if (++i == sizeof(tiers) / sizeof(tiers[0]))
			return 1;
	}
	snprintf(command, sizeof(command), "command -v dash >/dev/null && command -v %s >/dev/null",
		tiers[i].needs);
	if (system(command))
		return 77;
	owntmp();
	if (!tiers[i].fill)
		return 0;
	/* For other users too. */
	if (!mkdtemp(bin) || chmod(bin, 0755) < 0)
		return 1;
	snprintf(command, sizeof(command), "set -- %s; %s", bin, tiers[i].fill);
	if (system(command))
		return 77;
	/* Where there is no rm, spools stay, empty. */
	return setenv("PATH", bin, 1) || setenv("TMPDIR", bin, 1) ? 1 : 0;
}

void agent_tidy(void)
{
	char command[128];

	snprintf(command, sizeof(command), "/bin/rm -rf %s", bin);
	if (system(command))
		fprintf(stderr, "%s is left\n", bin);
}

static int spawn_program(int *ret_pid)
{
	const char *argv[] = { getenv("SBX_AGENT_PROGRAM"), NULL };
	struct err err = { "" };
	int fd = -1;
	int rc = argv[0] ? hello_spawn(argv, &fd, ret_pid, &err) : -ENOENT;

	if (rc < 0)
		fprintf(stderr, "SBX_AGENT_PROGRAM: %s\n", err_text(&err, rc));
	return rc < 0 ? rc : fd;
}

int agent_spawn(int *ret_pid)
{
	bool busybox = strcmp(agent_tier(), "busybox") == 0;
	bool bash = strcmp(agent_tier(), "bash") == 0;
	bool dash = strcmp(agent_tier(), "dash") == 0;
	const char *plain[] = { bash ? "bash" : dash ? "dash" : "sh", "-c", hello_argv()[2], NULL };
	const char *applet[] = { "busybox", "sh", "-c", hello_argv()[2], NULL };
	struct err err = { "" };
	int fd = -1;
	int rc;

	if (strcmp(agent_tier(), "static") == 0)
		return spawn_program(ret_pid);
	rc = hello_spawn(busybox ? applet : plain, &fd, ret_pid, &err);

	if (rc >= 0)
		rc = hello_start(fd, deadline_after(LONG_MS), &err);
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	return rc < 0 ? rc : fd;
}

int agent_start(void **state)
{
	struct agent *f = calloc(1, sizeof(*f));
	struct err err = { "" };
	int rc = agent_spawn(&f->pid);

	if (rc >= 0)
		rc = remote_open(rc, deadline_after(LONG_MS), &f->r, &err);
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	snprintf(f->dir, sizeof(f->dir), "/tmp/test-agent-XXXXXX");
	if (!mkdtemp(f->dir))
		rc = -errno;
	*state = f;
	return rc < 0 ? -1 : 0;
}

int agent_stop(void **state)
{
	struct agent *f = *state;
	char command[128];

	if (f->r) {
		remote_close(f->r, 5000);
		waitpid(f->pid, NULL, 0);
	}
	snprintf(command, sizeof(command), "/bin/rm -rf %s", f->dir);
	if (system(command))
		fprintf(stderr, "%s is left\n", f->dir);
	free(f);
	return 0;
}

bool agent_serves(struct agent *f, enum remote_op op)
{
	return remote_info(f->r)->ops[op];
}

int agent_ask(struct agent *f, struct remote_request rq, struct remote_reply *reply)
{
	return remote_call(f->r, &rq, deadline_after(LONG_MS), reply);
}

int agent_try(struct agent *f, struct remote_request rq)
{
	struct remote_reply reply;
	int rc = agent_ask(f, rq, &reply);

	remote_reply_fini(&reply);
	return rc;
}

struct kept agent_listed(struct agent *f, uint32_t id)
{
	struct remote_reply reply;
	struct kept found = { .state = RUN_KEPT };

	if (agent_ask(f, (struct remote_request){ .op = OP_RUNS }, &reply) < 0)
		return found;
	for (size_t i = 0; i < reply.kept_count; i++) {
		if (reply.kept[i].id == id)
			found = reply.kept[i];
	}
	found.script = NULL;
	remote_reply_fini(&reply);
	return found;
}

const char *agent_in(struct agent *f, const char *name)
{
	static char path[16][512];
	static unsigned turn;
	char *p = path[turn++ % 16];

	snprintf(p, sizeof(path[0]), "%s/%s", f->dir, name);
	return p;
}

void fill(char *bytes, size_t n)
{
	uint32_t x = 2463534242u;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		bytes[i] = (char)x;
	}
}
