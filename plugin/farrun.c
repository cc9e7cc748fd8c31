#include "common/base/clock.h"
#include "plugin/farside.h"

#define START_MS 30000

struct farrun {
	struct relay *relay;
	struct session_run *run;
};

/* --- what comes of the agent, on the stream's thread ------------------------------------- */

static void on_started(void *arg, int family, uint32_t kept_id)
{
	relay_stands(((struct farrun *)arg)->relay);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct farrun *f = arg;

	if (stream == 1)
		relay_output(f->relay, bytes, n);
	else
		relay_shut(f->relay);
}

static void on_input(void *arg, size_t n)
{
	relay_credit(((struct farrun *)arg)->relay, n);
}

static void on_ended(void *arg, const struct run_end *end)
{
	relay_ended(((struct farrun *)arg)->relay, end->rc, &end->err);
}

/* --- what the relay wants ------------------------------------------------------------------ */

/* An end comes by itself, so input that is not wanted any more is no error. */
static int give(void *far, const void *bytes, size_t n)
{
	int rc = session_run_input(((struct farrun *)far)->run, bytes, n);

	return rc == -EPIPE ? 0 : rc;
}

static void eof(void *far)
{
	session_run_eof(((struct farrun *)far)->run);
}

static void more(void *far, size_t n)
{
	session_run_more(((struct farrun *)far)->run, 1, n);
}

static void reset(void *far)
{
	session_run_kill(((struct farrun *)far)->run, "KILL");
}

static void fini(void *far)
{
	session_run_unref(((struct farrun *)far)->run);
	free(far);
}

void farrun_begin(struct relay *r, struct session *s, const char *host)
{
	static const struct far_ops far_ops = {
		.give = give, .eof = eof, .more = more, .reset = reset, .fini = fini
	};
	static const struct run_ops run_ops = {
		.started = on_started, .output = on_output, .input = on_input, .ended = on_ended
	};
	const struct run_spec spec = {
		.port = relay_port(r), .host = host, .window = RELAY_WINDOW
	};
	struct farrun *f = xcalloc(1, sizeof(*f));

	f->relay = r;
	relay_begin(r, &far_ops, f);
	session_run(s, &spec, deadline_after(START_MS), &run_ops, f, &f->run);
}
