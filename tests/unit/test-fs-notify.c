#include "tests/lib/fakefuse.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "fs/box.h"
#include "fs/learn.h"
#include "fs/notify.h"

#include <dirent.h>
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
	notify_last(m->fs.notifier, fake_post, &answered);
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
			what_the_kernel_does_not_know_yet_is_told_again, make, unmake),
		cmocka_unit_test_setup_teardown(
			what_was_told_in_vain_is_not_taken_for_told, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
