#include "tests/lib/seen.h"

static void on_started(void *arg, int pid, uint32_t kept_id)
{
	struct seen *s = arg;

	s->pid = pid;
	s->id = kept_id;
	sem_post(&s->started);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct seen *s = arg;

	s->n[stream - 1] += n;
	buf_add(stream == 1 ? &s->out : &s->err_out, bytes, n);
	if (s->returns_credit)
		run_more(s->run, stream, n);
}

static void on_input(void *arg, size_t n)
{
	struct seen *s = arg;

	s->input_bytes += n;
	sem_post(&s->credit);
}

static void on_keep(void *arg, int rc, const struct err *err)
{
	struct seen *s = arg;

	s->kept_rc = rc;
	s->kept_times++;
	sem_post(&s->kept);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct seen *s = arg;

	s->end = *end;
	sem_post(&s->ended);
}

static const struct run_ops seen_ops = {
	.started = on_started,
	.output = on_output,
	.input = on_input,
	.keep = on_keep,
	.ended = on_ended,
};

void seen_start(struct seen *s, struct remote *r, const struct run_spec *spec, bool returns_credit)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->out, 4096);
	buf_init(&s->err_out, 4096);
	sem_init(&s->started, 0, 0);
	sem_init(&s->credit, 0, 0);
	sem_init(&s->kept, 0, 0);
	sem_init(&s->ended, 0, 0);
	s->returns_credit = returns_credit;
	remote_run(r, spec, &seen_ops, s, &s->run);
}

void seen_await(sem_t *what)
{
	while (sem_wait(what) < 0)
		;
}

void seen_finish(struct seen *s)
{
	seen_await(&s->ended);
	run_unref(s->run);
	buf_fini(&s->out);
	buf_fini(&s->err_out);
}
