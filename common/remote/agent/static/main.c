#include "common/remote/agent/static/agent.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/keeping.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/proto.h"
#include "common/remote/text.h"

#include <signal.h>

#define MEMORY    (32 * 1024 * 1024) /* for contents: more waits, */
#define MEMORY_IN (48 * 1024 * 1024) /* and from here on nothing more is read */
#define CALLS     256
#define SPARE_FDS 512 /* descriptors for what is not a handle */
#define ENDING_MS 1000

void agent_spend(struct agent *a, size_t n)
{
	a->spent += n;
}

void agent_spent(struct agent *a, size_t n)
{
	a->spent -= n;
}

static void submit(struct agent *a, struct job *j)
{
	if (j->handle)
		handle_submit(j);
	else
		pool_submit(&a->pool, j);
}

void agent_submit(struct agent *a, struct job *j)
{
	a->jobs++;
	/* What uses a handle stays in its order behind those that wait. */
	if (!j->handle || (!a->held.first && a->spent <= MEMORY)) {
		submit(a, j);
		return;
	}
	j->handle->held++;
	jobs_put(&a->held, j);
}

static bool may_release(const struct agent *a)
{
	return a->held.first && (a->spent <= MEMORY || a->jobs == 1);
}

static void release(struct agent *a)
{
	while (may_release(a)) {
		struct job *j = jobs_take(&a->held);

		j->handle->held--;
		submit(a, j);
	}
}

static void hello(struct agent *a)
{
	struct buf *b = &a->out.bytes;

	buf_str(b, "hello sbx 1 static max=1048576 body=raw calls=");
	put_u64(b, CALLS);
	buf_str(b, " ops=");
	request_ops(b);
	if (a->changes.watch.fd >= 0)
		buf_str(b, ",watch");
	buf_str(b, " uid=");
	put_u64(b, a->world.uid);
	buf_str(b, " gid=");
	put_u64(b, a->world.gid);
	buf_str(b, " cwd=");
	text_escape(b, a->world.home, strlen(a->world.home));
	buf_str(b, " terminal=1 kept=");
	put_u64(b, keeping_highest(&a->world));
	buf_char(b, '\n');
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int timeout(struct agent *a)
{
	int ms = sooner(pool_timeout(&a->pool), tasks_timeout(&a->tasks));

	/* What went out last may have been what they wait for. */
	if (brief_waits(&a->brief) || may_release(a))
		return 0;
	ms = sooner(ms, changes_timeout(&a->changes));
	ms = sooner(ms, out_timeout(&a->out));
	return a->input.ended ? sooner(ms, deadline_left(a->ending_ms)) : ms;
}

/* After the input's end what was asked for is still answered, unless that takes long. */
static bool goes_on(struct agent *a)
{
	if (a->out.broken)
		return false;
	if (!a->input.ended)
		return true;
	if (!a->ending_ms) {
		a->ending_ms = deadline_after(ENDING_MS);
		tasks_end(&a->tasks);
	}
	return (a->jobs || !out_idle(&a->out)) && !deadline_passed(a->ending_ms);
}

/* False: another thread is the loop from here on. */
static bool serve(struct agent *a)
{
	out_flush(&a->out);
	while (goes_on(a)) {
		input_wants(a, a->spent < MEMORY_IN);
		loop_turn(a->loop, timeout(a));
		if (!brief_turn(a))
			return false;
		changes_look(&a->changes, out_speaks(&a->out));
		if (!brief_turn(a))
			return false;
		pool_look(&a->pool);
		tasks_look(&a->tasks);
		release(a);
		out_flush(&a->out);
		tasks_sweep(&a->tasks);
	}
	return true;
}

void agent_serve(struct agent *a)
{
	while (!serve(a))
		brief_guard(&a->brief);
	tasks_end(&a->tasks);
	/* Workers may still be at something: this ends them with all they hold. */
	_exit(0);
}

static uint32_t most_handles(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > HANDLES_MAX + SPARE_FDS)
		return HANDLES_MAX;
	return files.rlim_cur < 2 * SPARE_FDS ? (uint32_t)files.rlim_cur / 2
					      : (uint32_t)files.rlim_cur - SPARE_FDS;
}

static int start(struct agent *a)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* EFBIG is for who writes, not the end of all */
	signal(SIGHUP, SIG_DFL);
	signal(SIGCHLD, SIG_IGN); /* keepers are not waited for: they report */
	world_init(&a->world);
	a->loop = loop_open();
	if (a->loop < 0)
		return a->loop;
	out_init(&a->out, a->loop, 1);
	input_init(a, 0);
	buf_init(&a->env, PROTO_SCRIPT_MAX);
	quick_init(&a->quick);
	handles_init(&a->handles, most_handles());
	tasks_init(a);
	changes_init(a);
	a->past = (struct handle){ .fd = -1 };
	return pool_init(&a->pool, a->loop, &a->out);
}

/*
 * --probe: can this be executed here? It says "sbx". --place FILE: becomes that file, whose temporary name
 * this one has, and serves.
 */
int main(int argc, char **argv)
{
	struct agent *a;

	if (argc == 2 && strcmp(argv[1], "--probe") == 0)
		return write(1, "sbx\n", 4) != 4;
	if (argc == 3 && strcmp(argv[1], "--place") == 0 && rename(argv[0], argv[2]) < 0)
		unlink(argv[0]);
	a = xcalloc(1, sizeof(*a));
	if (start(a) < 0)
		return 1;
	hello(a);
	if (chdir("/") < 0)
		return 1;
	brief_init(a);
	agent_serve(a);
}
