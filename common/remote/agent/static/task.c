#include "common/remote/agent/static/task.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/put.h"

#include <signal.h>

#define LINES_MAX (64 * 1024)

void tasks_init(struct agent *a)
{
	a->tasks = (struct tasks){ 0 };
}

int tasks_timeout(struct tasks *ts)
{
	int64_t first = 0;

	for (struct task *t = ts->first; t; t = t->next) {
		if (t->look_ms && (!first || t->look_ms < first))
			first = t->look_ms;
	}
	return first ? deadline_left(first) : -1;
}

void tasks_look(struct tasks *ts)
{
	for (struct task *t = ts->first; t; t = t->next) {
		if (!t->over && t->look_ms && deadline_passed(t->look_ms)) {
			t->look_ms = 0;
			t->ops->look(t);
		}
	}
}

void tasks_sweep(struct tasks *ts)
{
	struct task **at = &ts->first;

	while (*at) {
		struct task *t = *at;

		if (!t->over || t->source.waits) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		t->ops->fini(t);
		buf_fini(&t->lines);
		free(t);
	}
}

void tasks_end(struct tasks *ts)
{
	for (struct task *t = ts->first; t; t = t->next) {
		if (!t->over)
			t->ops->end(t);
	}
}

void task_init(struct task *t, struct agent *a, uint32_t tag, const struct task_ops *ops)
{
	t->agent = a;
	t->ops = ops;
	t->tag = tag;
	buf_init(&t->lines, LINES_MAX);
	t->next = a->tasks.first;
	a->tasks.first = t;
}

struct task *task_find(struct tasks *ts, uint64_t tag)
{
	struct task *t = ts->first;

	while (t && (t->tag != tag || t->over))
		t = t->next;
	return t;
}

void task_over(struct task *t)
{
	t->over = true;
}

void task_wants(struct task *t)
{
	out_wants(&t->agent->out, &t->source);
}

void task_put_lines(struct task *t, struct buf *to)
{
	if (!t->lines.len)
		return;
	buf_add(to, t->lines.data, t->lines.len);
	buf_reset(&t->lines);
}

size_t task_room(const struct task *t, int k)
{
	if (!t->wanted[k])
		return 0;
	return t->credit[k] < OUT_FRAME ? (size_t)t->credit[k] : OUT_FRAME;
}

void task_put_output(struct task *t, int k, const char *bytes, size_t n, struct buf *to)
{
	buf_add(to, k ? "e " : "o ", 2);
	put_u64(to, t->tag);
	buf_char(to, ' ');
	put_u64(to, n);
	buf_char(to, '\n');
	buf_add(to, bytes, n);
	t->credit[k] -= n;
	t->sent[k] += n;
}

void task_say_input(struct task *t, uint64_t n)
{
	buf_add(&t->lines, "i ", 2);
	put_u64(&t->lines, t->tag);
	buf_char(&t->lines, ' ');
	put_u64(&t->lines, n);
	buf_char(&t->lines, '\n');
	task_wants(t);
}

/* --- one-way messages ----------------------------------------------------- */

static struct task *addressed(struct job *j)
{
	return task_find(&j->agent->tasks, j->num[0]);
}

void task_in(struct job *j)
{
	struct task *t = addressed(j);

	if (t && j->body_n)
		t->ops->input(t, j->body, j->body_n);
	job_free(j);
}

void task_eof(struct job *j)
{
	struct task *t = addressed(j);

	if (t)
		t->ops->eof(t);
	job_free(j);
}

void task_more(struct job *j)
{
	struct task *t = addressed(j);
	int k = j->word[0][0] == 'e';

	if (t && j->num[1] <= INT64_MAX - t->credit[k]) {
		t->credit[k] += j->num[1];
		task_wants(t);
	}
	job_free(j);
}

void task_kill(struct job *j)
{
	struct task *t = addressed(j);
	int sig = signal_number(j->word[0]);

	if (t && sig)
		t->ops->kill(t, sig);
	job_free(j);
}

void task_timeout(struct job *j)
{
	struct task *t = addressed(j);

	if (t)
		t->ops->timeout(t, j->num[1]);
	job_free(j);
}

void task_resize(struct job *j)
{
	struct task *t = addressed(j);

	if (t && j->num[1] <= UINT16_MAX && j->num[2] <= UINT16_MAX)
		t->ops->resize(t, (unsigned)j->num[1], (unsigned)j->num[2]);
	job_free(j);
}

void task_leave(struct job *j)
{
	struct task *t = addressed(j);

	if (t)
		t->ops->leave(t);
	job_free(j);
}

bool task_flags_ok(const char *flags, const char *known)
{
	return *flags && (strcmp(flags, "-") == 0 || strspn(flags, known) == strlen(flags));
}

#define NAMED(s)                                                                                   \
	{                                                                                          \
#s, SIG##s                                                                         \
	}

int signal_number(const char *name)
{
	static const struct {
		char name[8];
		int number;
	} names[] = { NAMED(HUP), NAMED(INT), NAMED(QUIT), NAMED(ILL), NAMED(TRAP), NAMED(ABRT),
		NAMED(BUS), NAMED(FPE), NAMED(KILL), NAMED(USR1), NAMED(SEGV), NAMED(USR2),
		NAMED(PIPE), NAMED(ALRM), NAMED(TERM), NAMED(CHLD), NAMED(CONT), NAMED(STOP),
		NAMED(TSTP), NAMED(TTIN), NAMED(TTOU), NAMED(URG), NAMED(XCPU), NAMED(XFSZ),
		NAMED(VTALRM), NAMED(PROF), NAMED(WINCH), NAMED(IO), NAMED(PWR), NAMED(SYS) };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) == 0)
			return names[i].number;
	}
	return 0;
}
