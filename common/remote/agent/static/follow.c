#include "common/remote/agent/static/follow.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/feed.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>

#define LOOK_MS 1000 /* whether its keeper still lives */
#define POLL_MS 50   /* where there is no inotify */

struct follow {
	struct task task; /* first */
	struct kept_dir dir;
	struct kept_about about;
	int file[2];
	struct watch changes; /* an inotify descriptor */
	struct feed in;       /* the fifo */
	bool said, ended;     /* `s` was; the end is known */
	bool left;
	struct kept_end end;
};

static const char *const names[] = { "out", "err" };

static void look_later(struct follow *f)
{
	f->task.look_ms = deadline_after(f->changes.fd < 0 ? POLL_MS : LOOK_MS);
}

static void say_start(struct follow *f)
{
	struct buf *b = &f->task.lines;

	if (f->said || kept_about(&f->dir, &f->about) < 0)
		return;
	f->said = true;
	buf_add(b, "s ", 2);
	put_u64(b, f->task.tag);
	put_words(b, (const uint64_t[]){ f->about.pid, f->dir.id }, 2);
	buf_char(b, '\n');
	if (f->in.on)
		task_say_input(&f->task, TASK_IN_CREDIT);
}

/* Its end is asked for before its output: what stands in the files then is all. */
static void look(struct task *t)
{
	struct follow *f = (struct follow *)t;

	say_start(f);
	if (!f->ended) {
		struct kept_end e;

		kept_state(&f->dir, NULL, &e);
		if (e.state != KEPT_RUNNING) {
			f->end = e;
			f->ended = true;
			f->said = true;
		}
	}
	if (!f->ended)
		look_later(f);
	task_wants(t);
}

static void on_change(void *arg, uint32_t events)
{
	struct follow *f = arg;
	char bytes[4096] __attribute__((aligned(8)));
	bool moved = false;
	ssize_t n;

	while ((n = read(f->changes.fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(bytes + at);

			moved = moved || (e->mask & ~(uint32_t)IN_MODIFY);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	if (moved)
		look(&f->task);
	task_wants(&f->task);
}

/* A frame of one output; false: nothing is there. */
static bool put_some(struct follow *f, int k, struct buf *to)
{
	char bytes[OUT_FRAME];
	size_t room = task_room(&f->task, k);
	ssize_t n;

	if (!room)
		return false;
	if (f->file[k] < 0)
		f->file[k] = kept_open(&f->dir, names[k], O_RDONLY);
	n = pread(f->file[k], bytes, room, (off_t)f->task.sent[k]);
	if (n <= 0) {
		/* Less than was said to be there: somebody has cut it off. */
		if (f->ended && f->task.sent[k] < f->end.out[k])
			f->end.out[k] = f->task.sent[k];
		return false;
	}
	task_put_output(&f->task, k, bytes, (size_t)n, to);
	return true;
}

static bool all_sent(const struct follow *f)
{
	for (int k = 0; k < 2; k++) {
		if (f->task.wanted[k] && f->task.sent[k] < f->end.out[k])
			return false;
	}
	return true;
}

static void put_end(struct follow *f, struct buf *to)
{
	/* Who leaves does not wait for a command that does not read: what has not gone is dropped. */
	feed_close(&f->in);
	buf_add(to, "= ", 2);
	put_u64(to, f->task.tag);
	buf_char(to, ' ');
	if (f->left) {
		buf_str(to, "kept");
		put_words(to, (const uint64_t[]){ f->dir.id, f->task.sent[0], f->task.sent[1] }, 3);
	} else {
		buf_str(to, kept_state_name(f->end.state));
		put_words(to,
			(const uint64_t[]){ f->end.code, f->end.out[0], f->end.out[1],
				f->end.dropped[0], f->end.dropped[1] },
			5);
	}
	buf_char(to, '\n');
	task_over(&f->task);
}

static bool pull(struct source *s, struct buf *to)
{
	struct follow *f = (struct follow *)s;
	bool some;

	if (f->task.over)
		return false;
	task_put_lines(&f->task, to);
	if (!f->said && !f->left)
		return false;
	some = !f->left && (put_some(f, 0, to) || put_some(f, 1, to));
	if (f->left || (f->ended && !some && all_sent(f) && changes_told(&f->task, to)))
		put_end(f, to);
	return some;
}

/* --- messages ------------------------------------------------------------------- */

static void input(struct task *t, const char *bytes, size_t n)
{
	feed_put(&((struct follow *)t)->in, bytes, n);
}

/* A line for the keeper. */
static void control(const struct kept_dir *d, const char *word, const uint64_t *v, size_t count)
{
	auto_close int fd = kept_open(d, "ctl", O_WRONLY | O_NONBLOCK);
	auto_buf b = BUF_INIT(128);
	struct kept_about about;

	if (fd < 0)
		return;
	buf_str(&b, word);
	put_words(&b, v, count);
	buf_char(&b, '\n');
	if (write(fd, b.data, b.len) > 0 && kept_about(d, &about) == 0 &&
		process_is(about.keeper, about.keeper_start))
		kill((pid_t)about.keeper, SIGUSR1);
}

void follow_eof(const struct kept_dir *d)
{
	control(d, "eof", NULL, 0);
}

static void input_ends(struct task *t)
{
	struct follow *f = (struct follow *)t;

	feed_close(&f->in);
	follow_eof(&f->dir);
}

static void eof(struct task *t)
{
	struct follow *f = (struct follow *)t;

	if (!f->in.on)
		follow_eof(&f->dir);
	else
		feed_eof(&f->in);
}

static void kill_it(struct task *t, int sig)
{
	struct follow *f = (struct follow *)t;

	say_start(f);
	if (!f->ended && process_is(f->about.pid, f->about.pid_start) &&
		kill(-(pid_t)f->about.pid, sig) < 0)
		kill((pid_t)f->about.pid, sig);
}

static void timeout(struct task *t, uint64_t ms)
{
	control(&((struct follow *)t)->dir, "timeout", &ms, 1);
}

static void resize(struct task *t, unsigned cols, unsigned rows)
{
	control(&((struct follow *)t)->dir, "resize", (const uint64_t[]){ cols, rows }, 2);
}

static void leave(struct task *t)
{
	((struct follow *)t)->left = true;
	task_wants(t);
}

static void end(struct task *t)
{
}

static void fini(struct task *t)
{
	struct follow *f = (struct follow *)t;

	watch_close(t->agent->loop, &f->changes);
	feed_fini(&f->in);
	close_at(&f->file[0]);
	close_at(&f->file[1]);
}

static const struct task_ops ops = { input, eof, kill_it, timeout, resize, leave, look, end, fini };

static void watch_changes(struct follow *f)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	f->changes = (struct watch){ .fd = fd, .ready = on_change, .arg = f };
	if (fd < 0)
		return;
	if (inotify_add_watch(fd, f->dir.path, IN_MODIFY | IN_MOVED_TO | IN_CREATE) < 0 ||
		watch_set(f->task.agent->loop, &f->changes, EPOLLIN) < 0)
		watch_close(f->task.agent->loop, &f->changes);
}

/* It is open only while something goes there: who held it open would hold back the end that another says. */
static int open_input(struct task *t)
{
	return kept_open(&((struct follow *)t)->dir, "in", O_WRONLY | O_NONBLOCK);
}

static void has_input(struct follow *f)
{
	int fd = open_input(&f->task);

	f->in.open = open_input;
	f->in.on = fd >= 0;
	close_at(&fd);
}

int follow_begin(
	struct agent *a, uint32_t tag, const struct kept_dir *d, const struct follow_spec *spec)
{
	struct follow *f = xcalloc(1, sizeof(*f));

	task_init(&f->task, a, tag, &ops);
	f->task.source.pull = pull;
	f->dir = *d;
	f->file[0] = f->file[1] = -1;
	feed_init(&f->in, &f->task, TASK_IN_CREDIT, input_ends);
	for (int k = 0; k < 2; k++) {
		f->task.sent[k] = spec->from[k];
		f->task.wanted[k] = spec->wanted[k];
		f->task.credit[k] = spec->window;
	}
	if (spec->wants_in)
		has_input(f);
	watch_changes(f);
	look(&f->task);
	return 0;
}

/* Are the bytes it asks for here, or to come next? Of outputs that are not wanted it starts at 0. */
static bool is_kept_from(const struct kept_dir *d, struct follow_spec *spec)
{
	uint64_t start[2];

	kept_start(d, start);
	for (int k = 0; k < 2; k++) {
		if (!spec->wanted[k])
			spec->from[k] = 0;
		else if (spec->from[k] < start[k] || spec->from[k] > kept_size(d, names[k]))
			return false;
	}
	return true;
}

static int attach(struct job *j)
{
	const char *flags = j->word[0];
	struct follow_spec spec = { .from = { j->num[1], j->num[2] },
		.window = j->num[3],
		.wanted = { strchr(flags, 'o'), strchr(flags, 'e') },
		.wants_in = strchr(flags, 'i') };
	struct kept_dir d;

	if (!task_flags_ok(flags, "oei") || !spec.window)
		return -EINVAL;
	if (!j->num[0] || j->num[0] > PROTO_KEPT_ID_MAX ||
		kept_find(&j->agent->world, (uint32_t)j->num[0], &d) < 0)
		return -ENOENT;
	if (!is_kept_from(&d, &spec))
		return -EINVAL;
	return follow_begin(j->agent, j->tag, &d, &spec);
}

void follow_attach(struct job *j)
{
	j->rc = attach(j);
	if (j->rc < 0)
		job_answer(j);
	else
		job_free(j);
}
