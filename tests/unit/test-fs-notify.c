#include "tests/lib/fakefuse.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "fs/box.h"
#include "fs/learn.h"
#include "fs/notify.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

struct made {
	struct options opt;
	struct fs fs;
};

static int make(void **state)
{
	struct made *m = xcalloc(1, sizeof(*m));

	assert_int_equal(fs_init(&m->fs, &m->opt), 0);
	*state = m;
	return 0;
}

static int unmake(void **state)
{
	struct made *m = *state;

	nodes_fini(&m->fs.nodes);
	fs_fini(&m->fs);
	free(m);
	return 0;
}

/* The one file of its sandbox, for the caller to drop. */
static struct node *file_of(struct made *m, const char *box)
{
	struct box *b = box_new(&m->fs, "", box, "uid", "", "", true);
	struct node *n;

	pthread_mutex_lock(&m->fs.lock);
	n = node_make(&m->fs.nodes, m->fs.nodes.root, box, NODE_INSIDE, b);
	node_ref(n);
	n->shown_ms = clock_now_ms();
	pthread_mutex_unlock(&m->fs.lock);
	box_unref(b);
	return n;
}

static void drop(struct made *m, struct node *n)
{
	scoped_lock(&m->fs.lock);
	node_unref(&m->fs, n);
}

/* Those of this process, on any thread. */
static void signal_children(int sig)
{
	char path[64];
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;

	while ((e = readdir(d))) {
		auto_buf text = BUF_INIT(8192);

		snprintf(path, sizeof(path), "/proc/self/task/%.20s/children", e->d_name);
		if (e->d_name[0] == '.' || io_read_file(path, &text) < 0)
			continue;
		for (char *at = text.data; at && *at;) {
			pid_t pid = (pid_t)strtol(at, &at, 10);

			if (pid <= 0)
				break;
			kill(pid, sig);
		}
	}
	closedir(d);
}

/* A sandbox that says nothing any more keeps its goodbye waiting; nothing else may wait with it. */
static void a_box_that_ends_slowly_holds_up_nobody(void **state)
{
	struct made *m = *state;
	struct box *b = box_new(&m->fs, "", "b", "uid", "", "", true);
	struct remote_request rq = { .op = OP_PING };
	struct remote_reply reply;
	struct session *s;
	int64_t start;
	sem_t done;

	assert_int_equal(box_session(b, &s), 0);
	CHECK_RC(session_call(s, &rq, deadline_after(20000), &reply), 0);
	remote_reply_fini(&reply);
	signal_children(SIGSTOP);
	sem_init(&done, 0, 0);
	start = clock_now_ms();
	box_unref(b);
	notify_then(m->fs.notifier, fake_post, &done);
	sem_wait(&done);
	assert_in_range(clock_now_ms() - start, 0, 500);
	signal_children(SIGCONT);
}

/* --- requests of a process that dies ------------------------------------------ */

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void gone(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A process with a signal that is blocked stands for one in the kernel that cannot take it yet. */
static pid_t sleeper_with_pending(int sig)
{
	sigset_t set, old;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, &old);
	pid = sleeper();
	sigprocmask(SIG_SETMASK, &old, NULL);
	kill(pid, sig);
	return pid;
}

static void a_signal_that_does_not_kill_lets_the_answer_come(void **state)
{
	struct made *m = *state;
	pid_t pid = sleeper_with_pending(SIGUSR1);
	struct fuse_req *req = fake_req();
	struct op *op = fake_op(&m->fs, req, 0, 1);

	req->ctx.pid = pid;
	assert_true(op_arm(op, false));
	fake_signal(req);
	assert_int_equal(req->answers, 0);
	op_reply_err(op, -ENOENT);
	assert_int_equal(req->err, ENOENT);
	gone(pid);
	fake_req_free(req);
}

/* SIGKILL cannot be blocked: a process that is stopped by a tracer and dies has it pending. Here the
 * text of /proc is asked of a thread that was killed and not yet reaped, where the kernel keeps it. */
static void a_process_that_is_killed_waits_for_no_line(void **state)
{
	struct made *m = *state;
	pid_t pid = sleeper();
	struct fuse_req *req = fake_req();
	struct op *op = fake_op(&m->fs, req, 0, 1);
	siginfo_t info;

	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	req->ctx.pid = pid;
	assert_true(op_arm(op, false));
	fake_signal(req);
	assert_int_equal(req->err, EINTR);
	op_reply_err(op, 0); /* what comes later is dropped */
	assert_int_equal(req->answers, 1);
	waitpid(pid, NULL, 0);
	fake_req_free(req);
}

/* --- what the kernel keeps of a file -------------------------------------------- */

/*
 * Pages that are being read are forgotten when they have come. An unlink's answer waited for the attributes of
 * the file's other names behind that, or did not wait: stat had the old number of links.
 */
static void attributes_are_forgotten_at_once_also_behind_pages(void **state)
{
	struct made *m = *state;
	struct node *n = file_of(m, "b");
	sem_t answered;
	int attrs, pages;

	sem_init(&answered, 0, 0);
	fake_kernel_init();
	pthread_mutex_lock(&m->fs.lock);
	learn_recall(&m->fs, n, true);
	learn_recall(&m->fs, n, true);
	learn_recall(&m->fs, n, false);
	learn_recall(&m->fs, n, false);
	pthread_mutex_unlock(&m->fs.lock);
	notify_then(m->fs.notifier, fake_post, &answered);
	sem_wait(&answered);
	attrs = fake_kernel.attrs;
	pages = fake_kernel.pages;
	sem_post(&fake_kernel.reads); /* before anything can fail: the teardown waits for it */
	notify_last(m->fs.notifier, n->box, fake_post, &answered);
	sem_wait(&answered);
	assert_int_equal(attrs, 1);
	assert_int_equal(pages, 0);
	assert_int_equal(fake_kernel.pages, 1);
	fake_forget = NULL;
	drop(m, n);
}

/* It had asked for them a while ago, and may have got them just now. */
static void the_end_of_a_run_recalls_what_the_kernel_may_have_got_late(void **state)
{
	struct made *m = *state;
	struct node *n = file_of(m, "b");
	sem_t done;

	sem_init(&done, 0, 0);
	fake_kernel_init();
	n->shown_ms -= (int64_t)(KERNEL_TTL_S * 1000) + 500;
	learn_box_changed(&m->fs, n->box);
	notify_then(m->fs.notifier, fake_post, &done);
	sem_wait(&done);
	fake_forget = NULL;
	assert_int_equal(fake_kernel.attrs, 1);
	drop(m, n);
}

/* --- box by box ----------------------------------------------------------------------- */

/* The kernel is reading pages of the files with numbers below that. */
#define READ_BELOW 100
#define MANY       50
#define PATIENT_MS 10000 /* what takes so long has not come */

static struct tale {
	sem_t begun; /* it was told to forget what it is reading */
	sem_t come;  /* what it was reading */
	sem_t last;
	fuse_ino_t inos[2 * MANY]; /* in the order in which it has forgotten their pages */
	atomic_int count;
} tale;

static int forget_and_note(fuse_ino_t ino, off_t offset)
{
	if (ino < READ_BELOW) {
		sem_post(&tale.begun);
		sem_wait(&tale.come);
	}
	tale.inos[tale.count++] = ino;
	return 0;
}

static int make_tale(void **state)
{
	sem_init(&tale.begun, 0, 0);
	sem_init(&tale.come, 0, 0);
	sem_init(&tale.last, 0, 0);
	tale.count = 0;
	fake_forget = forget_and_note;
	return make(state);
}

static int unmake_tale(void **state)
{
	int rc;

	for (int i = 0; i < MANY; i++)
		sem_post(&tale.come); /* what a failed test has left waiting */
	rc = unmake(state);
	fake_forget = NULL;
	return rc;
}

static struct box *box_called(struct made *m, const char *name)
{
	return box_new(&m->fs, "", name, "uid", "", "", true);
}

static bool comes(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENT_MS / 1000;
	return sem_timedwait(sem, &until) == 0;
}

static bool last_comes(struct made *m, struct box *b)
{
	notify_last(m->fs.notifier, b, fake_post, &tale.last);
	return comes(&tale.last);
}

/* The end of a run, and a close whose write had failed, took 20 s, as another sandbox had stopped answering. */
static void a_page_of_one_box_that_does_not_come_holds_up_no_other(void **state)
{
	struct made *m = *state;
	struct box *a = box_called(m, "a"), *b = box_called(m, "b");

	notify_pages(m->fs.notifier, a, 1);
	assert_true(comes(&tale.begun));
	notify_pages(m->fs.notifier, b, 100);
	assert_true(last_comes(m, b));
	assert_true(last_comes(m, NULL));
	assert_int_equal(tale.count, 1);
	assert_int_equal(tale.inos[0], 100);
	sem_post(&tale.come);
	assert_true(last_comes(m, a));
	assert_int_equal(tale.inos[1], 1);
	box_unref(a);
	box_unref(b);
}

/* Also when there are threads that have nothing to do. */
static void what_is_told_of_one_box_is_told_in_order(void **state)
{
	struct made *m = *state;
	struct box *a = box_called(m, "a"), *b = box_called(m, "b");

	notify_pages(m->fs.notifier, a, 1);
	for (unsigned i = 0; i < MANY; i++)
		notify_pages(m->fs.notifier, a, 100 + i);
	assert_true(comes(&tale.begun));
	assert_true(last_comes(m, b));
	assert_int_equal(tale.count, 0);
	assert_int_equal(notify_left(m->fs.notifier, a), MANY);
	sem_post(&tale.come);
	assert_true(last_comes(m, a));
	assert_int_equal(tale.count, 1 + MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(tale.inos[1 + i], 100 + i);
	box_unref(a);
	box_unref(b);
}

/* Not by the folder of them: while some end it shows less. */
static unsigned long threads(void)
{
	auto_buf text = BUF_INIT(8192);
	const char *line;

	assert_true(io_read_file("/proc/self/status", &text) >= 0);
	line = strstr(buf_text(&text), "Threads:");
	assert_non_null(line);
	return strtoul(line + strlen("Threads:"), NULL, 10);
}

static void threads_for_many_boxes_end_when_nothing_is_left(void **state)
{
	struct made *m = *state;
	int64_t until_ms = deadline_after(PATIENT_MS);
	unsigned long before = threads();

	for (unsigned i = 0; i < MANY; i++) {
		auto_free char *name = xprintf("box%u", i);
		struct box *b = box_called(m, name);

		notify_pages(m->fs.notifier, b, 1 + i);
		box_unref(b); /* what is to be told does not need it */
	}
	for (unsigned i = 0; i < MANY; i++)
		assert_true(comes(&tale.begun));
	assert_true(last_comes(m, NULL));
	assert_true(threads() > before + MANY / 2);
	for (unsigned i = 0; i < MANY; i++)
		sem_post(&tale.come);
	while (threads() > before + 1 && !deadline_passed(until_ms))
		sched_yield();
	assert_in_range(threads(), before, before + 1);
	assert_int_equal(tale.count, MANY);
}

/* What is queued behind it is done, but not told. */
static void a_page_that_does_not_come_is_waited_for_in_the_end(void **state)
{
	struct made *m = *state;
	struct box *a = box_called(m, "a");

	notify_pages(m->fs.notifier, a, 1);
	notify_pages(m->fs.notifier, a, 100);
	notify_last(m->fs.notifier, a, fake_post, &tale.last);
	box_unref(a);
	assert_true(comes(&tale.begun));
	notifier_mute(m->fs.notifier);
	sem_post(&tale.come);
	notifier_close(take_ptr(m->fs.notifier));
	assert_int_equal(sem_trywait(&tale.last), 0);
	assert_int_equal(tale.count, 1);
	assert_int_equal(tale.inos[0], 1);
}

/* --- what the kernel is about to know ----------------------------------------------- */

static struct late {
	atomic_int told;
	int unknown; /* so often it does not know the file */
	sem_t known;
} late;

static int forget_when_known(fuse_ino_t ino, off_t offset)
{
	if (late.told++ < late.unknown)
		return -ENOENT;
	sem_post(&late.known);
	return 0;
}

/* Takes and gives back the kernel's reference. */
static void tell_of_an_unknown_file(struct made *m, bool pages)
{
	struct node *n = file_of(m, "b");

	sem_init(&late.known, 0, 0);
	late.told = 0;
	late.unknown = 2;
	fake_forget = forget_when_known;
	pthread_mutex_lock(&m->fs.lock);
	node_looked_up(n);
	learn_recall(&m->fs, n, pages);
	pthread_mutex_unlock(&m->fs.lock);
	sem_wait(&late.known);
	fake_forget = NULL;
	pthread_mutex_lock(&m->fs.lock);
	node_forget(&m->fs, n, 1);
	pthread_mutex_unlock(&m->fs.lock);
	drop(m, n);
}

/*
 * Its first answer is on its way to a program that a busy machine has not woken yet: what the file was like then
 * would be believed for a minute, as it was told to be forgotten too early.
 */
static void what_the_kernel_does_not_know_yet_is_told_again(void **state)
{
	tell_of_an_unknown_file(*state, false);
	assert_int_equal(late.told, 3);
	tell_of_an_unknown_file(*state, true);
	assert_int_equal(late.told, 3);
}

static void what_was_told_in_vain_is_not_taken_for_told(void **state)
{
	struct made *m = *state;
	struct node *n = file_of(m, "b");
	bool before, again, over, after;

	pthread_mutex_lock(&m->fs.lock);
	n->attr_recalled = n->pages_recalled = true;
	pthread_mutex_unlock(&m->fs.lock);
	before = learn_unknown(&m->fs, n->id, false);
	pthread_mutex_lock(&m->fs.lock);
	node_looked_up(n);
	pthread_mutex_unlock(&m->fs.lock);
	again = learn_unknown(&m->fs, n->id, false);
	over = learn_unknown(&m->fs, n->id, true);
	pthread_mutex_lock(&m->fs.lock);
	after = n->attr_recalled || n->pages_recalled;
	node_forget(&m->fs, n, 1);
	pthread_mutex_unlock(&m->fs.lock);
	drop(m, n);
	assert_false(before);
	assert_true(again);
	assert_false(over);
	assert_false(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_box_that_ends_slowly_holds_up_nobody, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_signal_that_does_not_kill_lets_the_answer_come, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_process_that_is_killed_waits_for_no_line, make, unmake),
		cmocka_unit_test_setup_teardown(
			attributes_are_forgotten_at_once_also_behind_pages, make, unmake),
		cmocka_unit_test_setup_teardown(
			the_end_of_a_run_recalls_what_the_kernel_may_have_got_late, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_page_of_one_box_that_does_not_come_holds_up_no_other, make_tale,
			unmake_tale),
		cmocka_unit_test_setup_teardown(
			what_is_told_of_one_box_is_told_in_order, make_tale, unmake_tale),
		cmocka_unit_test_setup_teardown(
			threads_for_many_boxes_end_when_nothing_is_left, make_tale, unmake_tale),
		cmocka_unit_test_setup_teardown(
			a_page_that_does_not_come_is_waited_for_in_the_end, make_tale, unmake_tale),
		cmocka_unit_test_setup_teardown(
			what_the_kernel_does_not_know_yet_is_told_again, make, unmake),
		cmocka_unit_test_setup_teardown(
			what_was_told_in_vain_is_not_taken_for_told, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
