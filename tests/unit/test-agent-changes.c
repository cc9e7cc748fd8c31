/* What the static agent tells of folders that it was asked to watch, against what really happens in them. */
#include "common/base/clock.h"
#include "tests/lib/agent.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* One line for each change, as it came: WATCH ~ self, + NAME SIZE, - NAME, all, over. */
struct told {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct buf text;
	size_t seen; /* of text */
	uint64_t calls;
};

struct with {
	struct agent *f;
	struct told told;
};

static void note(void *arg, uint64_t watch, const struct change *changes, size_t count)
{
	struct told *t = arg;

	scoped_lock(&t->lock);
	t->calls++;
	for (size_t i = 0; i < count; i++) {
		const struct change *c = &changes[i];
		bool self = c->kind == CHANGE_THERE && !c->entry.name;

		if (self)
			buf_printf(&t->text, "%ju ~\n", (uintmax_t)watch);
		else if (c->kind == CHANGE_THERE)
			buf_printf(&t->text, "%ju + %s %ju %o\n", (uintmax_t)watch, c->entry.name,
				(uintmax_t)c->entry.attr.size, c->entry.attr.mode & 07777);
		else if (c->kind == CHANGE_GONE)
			buf_printf(&t->text, "%ju - %s\n", (uintmax_t)watch, c->entry.name);
		else
			buf_printf(&t->text, "%ju %s\n", (uintmax_t)watch,
				c->kind == CHANGE_OVER ? "over" : "all");
	}
	pthread_cond_broadcast(&t->cond);
}

/* Waits until this was told behind what was waited for before. */
static void wait_for(struct with *w, const char *fmt, ...)
{
	int64_t deadline_ms = deadline_after(10000);
	struct told *t = &w->told;
	const char *at;
	char line[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&t->lock);
	while (!(at = strstr(buf_text(&t->text) + t->seen, line))) {
		struct timespec until = deadline_timespec(deadline_ms);

		if (pthread_cond_timedwait(&t->cond, &t->lock, &until) == ETIMEDOUT)
			fail_msg("not told: %s\nbut: %s", line, buf_text(&t->text) + t->seen);
	}
	t->seen = (size_t)(at - buf_text(&t->text)) + strlen(line);
	pthread_mutex_unlock(&t->lock);
}

static bool was_told(struct with *w, const char *part)
{
	scoped_lock(&w->told.lock);
	return strstr(buf_text(&w->told.text), part);
}

static int start(void **state)
{
	struct with *w = calloc(1, sizeof(*w));

	if (agent_start(state) < 0)
		return -1;
	w->f = *state;
	pthread_mutex_init(&w->told.lock, NULL);
	clock_cond_init(&w->told.cond);
	buf_init(&w->told.text, 1 << 26);
	remote_on_change(w->f->r, note, &w->told);
	*state = w;
	return 0;
}

static int stop(void **state)
{
	struct with *w = *state;

	*state = w->f;
	agent_stop(state);
	buf_fini(&w->told.text);
	pthread_cond_destroy(&w->told.cond);
	pthread_mutex_destroy(&w->told.lock);
	free(w);
	return 0;
}

static uint64_t watch(struct with *w, const char *path)
{
	struct remote_request rq = { .op = OP_LIST, .path = path, .watch = true };
	struct remote_reply reply = { 0 };
	uint64_t ret;

	CHECK_RC(agent_ask(w->f, rq, &reply), 0);
	ret = reply.watch;
	remote_reply_fini(&reply);
	return ret;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Where only we see what we mount; who may not stays where he is. */
static bool apart;

static int start_apart(void **state)
{
	apart = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return start(state);
}

static void what_is_mounted_over_a_folder_is_told(void **state)
{
	struct with *w = *state;
	uint64_t n = watch(w, w->f->dir);

	wait_for(w, "%ju ~\n", (uintmax_t)n);
	if (!apart)
		return;
	assert_int_equal(mkdir(agent_in(w->f, "sub"), 0755), 0);
	wait_for(w, "%ju + sub ", (uintmax_t)n);
	assert_int_equal(mount("none", agent_in(w->f, "sub"), "tmpfs", 0, NULL), 0);
	wait_for(w, "0 all\n");
	assert_int_equal(umount(agent_in(w->f, "sub")), 0);
	wait_for(w, "0 all\n");
}

static void what_happens_in_a_folder_is_told(void **state)
{
	struct with *w = *state;
	uint64_t n = watch(w, w->f->dir);

	assert_true(n > 0);
	wait_for(w, "%ju ~\n", (uintmax_t)n);
	put(agent_in(w->f, "new"), "12345");
	wait_for(w, "%ju + new 5 ", (uintmax_t)n);
	wait_for(w, "%ju ~\n", (uintmax_t)n);
	assert_int_equal(chmod(agent_in(w->f, "new"), 0640), 0);
	wait_for(w, "%ju + new 5 640\n", (uintmax_t)n);
	assert_int_equal(truncate(agent_in(w->f, "new"), 3), 0);
	wait_for(w, "%ju + new 3 640\n", (uintmax_t)n);
	put(agent_in(w->f, "other"), "1");
	assert_int_equal(rename(agent_in(w->f, "other"), agent_in(w->f, "new")), 0);
	wait_for(w, "%ju + new 1 ", (uintmax_t)n);
	assert_int_equal(mkdir(agent_in(w->f, "dir"), 0700), 0);
	wait_for(w, "%ju + dir ", (uintmax_t)n);
	assert_int_equal(unlink(agent_in(w->f, "new")), 0);
	wait_for(w, "%ju - new\n", (uintmax_t)n);
	assert_int_equal(symlink("x", agent_in(w->f, "odd |\n")), 0);
	wait_for(w, "%ju + odd |\n 1 ", (uintmax_t)n);
}

static void the_same_folder_has_one_number(void **state)
{
	struct with *w = *state;
	uint64_t n = watch(w, w->f->dir);
	char other[100];

	snprintf(other, sizeof(other), "/proc/self/root%s/.", w->f->dir);
	assert_int_equal(watch(w, w->f->dir), n);
	assert_int_equal(watch(w, other), n);
	remote_unwatch(w->f->r, n);
	put(agent_in(w->f, "unseen"), "");
	assert_int_not_equal(watch(w, w->f->dir), n);
	assert_false(was_told(w, "unseen"));
}

static void what_makes_its_files_up_is_not_watched(void **state)
{
	struct with *w = *state;

	assert_int_equal(watch(w, "/proc"), 0);
	assert_int_equal(watch(w, "/proc/self"), 0);
	assert_int_equal(watch(w, "/sys"), 0);
}

static void a_folder_that_goes_is_over(void **state)
{
	struct with *w = *state;
	uint64_t moved, removed, below, above;
	char over[40];

	assert_int_equal(mkdir(agent_in(w->f, "moved"), 0700), 0);
	assert_int_equal(mkdir(agent_in(w->f, "moved/below"), 0700), 0);
	assert_int_equal(mkdir(agent_in(w->f, "removed"), 0700), 0);
	above = watch(w, w->f->dir);
	moved = watch(w, agent_in(w->f, "moved"));
	below = watch(w, agent_in(w->f, "moved/below"));
	removed = watch(w, agent_in(w->f, "removed"));
	wait_for(w, "%ju ~\n", (uintmax_t)removed);
	assert_int_equal(rename(agent_in(w->f, "moved"), agent_in(w->f, "away")), 0);
	wait_for(w, "%ju over\n", (uintmax_t)moved);
	/* Its path is another's now, or nobody's: nothing can be said of it by that. */
	put(agent_in(w->f, "away/below/x"), "");
	wait_for(w, "%ju over\n", (uintmax_t)below);
	assert_int_equal(rmdir(agent_in(w->f, "removed")), 0);
	put(agent_in(w->f, "last"), "");
	wait_for(w, "%ju + last ", (uintmax_t)above);
	snprintf(over, sizeof(over), "%ju over\n", (uintmax_t)removed);
	assert_true(was_told(w, "- removed\n") && was_told(w, over));
}

static void several_changes_of_a_name_are_one(void **state)
{
	struct with *w = *state;
	char path[100];
	uint64_t calls;
	int fd;

	watch(w, w->f->dir);
	snprintf(path, sizeof(path), "%s/log", w->f->dir);
	fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	wait_for(w, "+ log 20000 ");
	pthread_mutex_lock(&w->told.lock);
	calls = w->told.calls;
	pthread_mutex_unlock(&w->told.lock);
	assert_true(calls < 2000);
}

/* As many files as the kernel's queue does not hold, and nobody reads meanwhile: all is said at once. */
static void a_flood_is_told_as_all_or_name_by_name(void **state)
{
	struct with *w = *state;
	uint64_t n = watch(w, w->f->dir);
	char path[100];

	for (int i = 0; i < 100000; i++) {
		snprintf(path, sizeof(path), "%s/%d", w->f->dir, i);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	put(agent_in(w->f, "last"), "");
	wait_for(w, "+ last 0 ");
	pthread_mutex_lock(&w->told.lock);
	for (int i = 0; i < 100000 && !strstr(buf_text(&w->told.text), " all\n"); i += 9999) {
		snprintf(path, sizeof(path), "%ju + %d 0 ", (uintmax_t)n, i);
		CHECK_HAS(buf_text(&w->told.text), path);
	}
	pthread_mutex_unlock(&w->told.lock);
}

/* --- before a run's end ---------------------------------------------------------- */

struct ending {
	struct with *w;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool ended, before;
	int code, rc;
};

static void started(void *arg, int pid, uint32_t kept)
{
}

static void output(void *arg, int stream, const void *bytes, size_t n)
{
}

static void ended(void *arg, const struct run_end *end)
{
	struct ending *e = arg;

	scoped_lock(&e->lock);
	e->ended = true;
	e->code = end->code;
	e->rc = end->rc;
	e->before = was_told(e->w, "+ made9 2 ");
	pthread_cond_broadcast(&e->cond);
}

static void what_a_run_did_is_told_before_its_end(void **state)
{
	static const struct run_ops ops = { .started = started, .output = output, .ended = ended };
	static const char script[] = "for i in 1 2 3 4 5 6 7 8 9; do echo 1 >made$i; done";
	struct with *w = *state;

	watch(w, w->f->dir);
	for (int i = 0; i < 20; i++) {
		struct ending e = { .w = w, .lock = PTHREAD_MUTEX_INITIALIZER };
		struct run_spec spec = {
			.script = script, .n = strlen(script), .cwd = w->f->dir, .window = 65536
		};
		struct run *run;

		clock_cond_init(&e.cond);
		remote_run(w->f->r, &spec, &ops, &e, &run);
		pthread_mutex_lock(&e.lock);
		while (!e.ended)
			pthread_cond_wait(&e.cond, &e.lock);
		pthread_mutex_unlock(&e.lock);
		run_unref(run);
		pthread_cond_destroy(&e.cond);
		if (!e.before)
			fail_msg("run %d: exit %d %s; told before its end only:\n%s", i, e.code,
				errno_name(e.rc), buf_text(&w->told.text));
		for (int k = 1; k <= 9; k++) {
			char name[10];

			snprintf(name, sizeof(name), "made%d", k);
			assert_int_equal(unlink(agent_in(w->f, name)), 0);
		}
		wait_for(w, "- made9\n");
		pthread_mutex_lock(&w->told.lock);
		buf_reset(&w->told.text);
		w->told.seen = 0;
		pthread_mutex_unlock(&w->told.lock);
	}
}

/* Whatever is done to a few names, what was told last is what is there. */
static void what_was_told_last_is_how_it_is(void **state)
{
	struct with *w = *state;
	unsigned seed = 1;

	watch(w, w->f->dir);
	for (int i = 0; i < 3000; i++) {
		const char *a =
			agent_in(w->f, (const char *[]){ "a", "b", "c" }[rand_r(&seed) % 3]);
		const char *b =
			agent_in(w->f, (const char *[]){ "a", "b", "c" }[rand_r(&seed) % 3]);

		switch (rand_r(&seed) % 4) {
		case 0:
			put(a, "some text" + rand_r(&seed) % 9);
			break;
		case 1:
			unlink(a);
			break;
		case 2:
			(void)!rename(a, b);
			break;
		case 3:
			chmod(a, 0600 + rand_r(&seed) % 64);
			break;
		}
	}
	put(agent_in(w->f, "last"), "");
	wait_for(w, "+ last 0 ");
	for (const char *const *name = (const char *const[]){ "a", "b", "c", NULL }; *name;
		name++) {
		const char *text = buf_text(&w->told.text), *last = "", *at;
		char there[40], part[40];
		struct stat st;

		snprintf(part, sizeof(part), " %s ", *name);
		if (stat(agent_in(w->f, *name), &st) == 0)
			snprintf(there, sizeof(there), "+ %s %d %o\n", *name, (int)st.st_size,
				st.st_mode & 07777);
		else
			snprintf(there, sizeof(there), "- %s\n", *name);
		for (at = text; *at; at = strchr(at, '\n') + 1) {
			const char *what = strchr(at, ' ') + 1;

			if (strncmp(what + 2, *name, 1) == 0 && (what[3] == ' ' || what[3] == '\n'))
				last = what;
		}
		if (*last || there[0] == '+')
			assert_memory_equal(last, there, strlen(there));
	}
}

#define test_of(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_of(what_happens_in_a_folder_is_told),
		test_of(the_same_folder_has_one_number),
		test_of(what_makes_its_files_up_is_not_watched),
		test_of(a_folder_that_goes_is_over),
		test_of(several_changes_of_a_name_are_one),
		test_of(a_flood_is_told_as_all_or_name_by_name),
		test_of(what_a_run_did_is_told_before_its_end),
		test_of(what_was_told_last_is_how_it_is),
		cmocka_unit_test_setup_teardown(
			what_is_mounted_over_a_folder_is_told, start_apart, stop),
	};
	int rc = agent_prepare();

	if (rc)
		return rc;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	agent_tidy();
	return rc;
}
