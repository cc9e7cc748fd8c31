#include "fs/manage.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "fs/box.h"
#include "fs/ops.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TEXT_MAX   8192
#define WORDS_MAX  (OPTIONS_LIST_MAX + 8)
#define LOOK_MS    20    /* for the folder, which the watch brings */
#define FOLDER_MS  20000 /* and no longer */
#define ERRNO_LINE "\n" ERRNO_WORD

/* One mkdir or rmdir; the op's and its thread's: freed with the op. */
struct errand {
	struct op *op;
	const char *verb;
	char *ns, *name;
	int stop; /* an eventfd: the one who waits was signalled */
	bool stopped;
	pid_t pid;
	int ended; /* its pidfd */
	struct buf text;
};

void manage_open(struct fs *fs)
{
	fs->cwd = -1;
	if (!fs->opt->manage)
		return;
	fs->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	setenv(ERRNO_WANTED, "1", 1);
}

static void release(void *held)
{
	struct errand *e = held;

	if (e->ended >= 0)
		close(e->ended);
	close(e->stop);
	buf_fini(&e->text);
	free(e->ns);
	free(e->name);
	free(e);
}

static void cancel(struct op *op)
{
	struct errand *e = op->held;

	eventfd_write(e->stop, 1);
}

/* --- the program ------------------------------------------------------------------ */

static int spawn_with(const struct errand *e, posix_spawn_file_actions_t *files, int errs,
	const char **words, pid_t *ret)
{
	const struct fs *fs = e->op->fs;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(files, errs, STDERR_FILENO);
	if (fs->cwd >= 0)
		posix_spawn_file_actions_addfchdir_np(files, fs->cwd);
	rc = posix_spawn(ret, fs->opt->manage, files, &attr, (char **)words, environ);
	posix_spawnattr_destroy(&attr);
	return -rc;
}

static int spawn(struct errand *e, int errs)
{
	const struct options *o = e->op->fs->opt;
	auto_free char *ns = xprintf("--namespace=%s", e->ns);
	const char *words[WORDS_MAX] = { o->manage };
	posix_spawn_file_actions_t files;
	size_t n = 1;
	int rc;

	for (size_t i = 0; i < o->kube_word_count; i++)
		words[n++] = o->kube_words[i];
	words[n++] = ns;
	words[n++] = e->verb;
	words[n++] = e->name;
	posix_spawn_file_actions_init(&files);
	rc = spawn_with(e, &files, errs, words, &e->pid);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static int start(struct errand *e, int *ret_said)
{
	auto_close int errs = -1;
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	errs = fds[1];
	rc = spawn(e, errs);
	if (!rc)
		e->ended = (int)syscall(SYS_pidfd_open, e->pid, 0);
	if (!rc && e->ended < 0) {
		rc = -errno;
		kill(e->pid, SIGTERM);
		waitpid(e->pid, NULL, 0);
	}
	if (rc < 0)
		close(fds[0]);
	else
		*ret_said = fds[0];
	return rc;
}

static bool hear(struct errand *e, int said)
{
	char bytes[1024];
	ssize_t n = read(said, bytes, sizeof(bytes));

	if (n > 0 && e->text.len + (size_t)n <= TEXT_MAX)
		buf_add(&e->text, bytes, (size_t)n);
	return n > 0;
}

/* It has deadlines of its own. */
static void await_end(struct errand *e, int said)
{
	struct pollfd fds[] = { { e->ended, POLLIN, 0 }, { e->stop, POLLIN, 0 },
		{ said, POLLIN, 0 } };

	while (!fds[0].revents) {
		if (poll(fds, 3, -1) <= 0)
			continue;
		if (fds[2].revents && !hear(e, said))
			fds[2].fd = -1;
		if (!fds[1].revents)
			continue;
		e->stopped = true;
		fds[1].fd = -1;
		fds[1].revents = 0;
		kill(e->pid, SIGTERM);
	}
	fcntl(said, F_SETFL, O_NONBLOCK);
	while (fds[2].fd >= 0 && hear(e, said))
		;
}

/* Its own word for why it failed, which is behind its sentence. */
static int said_errno(const char *text)
{
	const char *at = strstr(text, ERRNO_LINE);
	char name[32] = "";
	int rc;

	if (at)
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + strlen(ERRNO_LINE), "\n"),
			at + strlen(ERRNO_LINE));
	rc = errno_from_name(name);
	return rc ? rc : -EREMOTEIO;
}

static int end_of(struct errand *e)
{
	const char *text = buf_text(&e->text);
	int status;

	if (waitpid(e->pid, &status, 0) < 0)
		return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	log_warn("%s %s/%s: %.*s", e->verb, e->ns, e->name, (int)strcspn(text, "\n"), text);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		return -EINVAL;
	return e->stopped ? -EINTR : said_errno(text);
}

static int do_it(struct errand *e)
{
	auto_close int said = -1;
	int rc = start(e, &said);

	if (rc < 0)
		return rc;
	await_end(e, said);
	return end_of(e);
}

/* --- the folder ---------------------------------------------------------------------- */

static bool is_there(const struct errand *e)
{
	struct fs *fs = e->op->fs;

	scoped_lock(&fs->lock);
	return tree_find(fs, e->ns, e->name) != NULL;
}

/* The cluster's word about it has its own way to us. */
static bool await_folder(const struct errand *e, bool there)
{
	int64_t until_ms = deadline_after(FOLDER_MS);
	struct pollfd fd = { e->stop, POLLIN, 0 };

	while (is_there(e) != there)
		if (deadline_passed(until_ms) || poll(&fd, 1, LOOK_MS) > 0)
			return false;
	return true;
}

static void *work(void *arg)
{
	struct errand *e = arg;
	struct op *op = e->op;
	struct fs *fs = op->fs;
	bool making = !strcmp(e->verb, "create");
	int rc = do_it(e);

	if (!rc && !await_folder(e, making) && making)
		rc = -ESTALE; /* it is not among those that this mount shows */
	atomic_fetch_sub(&fs->errands, 1);
	if (!rc && making)
		top_lookup(op);
	else
		op_reply_err(op, rc);
	return NULL;
}

/* --- what the kernel asks ---------------------------------------------------------------- */

static bool may(const struct op *op)
{
	const struct fs *fs = op->fs;
	bool in_place =
		fs->opt->all_namespaces ? op->node->kind == NODE_NS : op->node->kind == NODE_ROOT;

	return fs->opt->manage && fs->kube && in_place && (!op->uid || op->uid == getuid());
}

static struct errand *errand_new(struct op *op, const char *verb)
{
	struct errand *e = xcalloc(1, sizeof(*e));

	e->op = op;
	e->verb = verb;
	e->ns = xstrdup(op->node->kind == NODE_NS ? op->node->name : kube_target(op->fs->kube)->ns);
	e->name = xstrdup(op->name);
	e->ended = -1;
	e->text = (struct buf)BUF_INIT(TEXT_MAX + 1);
	e->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return e;
}

static int begin(struct op *op, const char *verb)
{
	struct errand *e;
	pthread_t thread;
	int rc;

	if (!may(op))
		return -EPERM;
	if (!path_label_ok(op->name, NAME_MAX))
		return -EINVAL;
	if (atomic_fetch_add(&op->fs->errands, 1) >= MANAGE_MAX) {
		atomic_fetch_sub(&op->fs->errands, 1);
		return -EAGAIN;
	}
	e = errand_new(op, verb);
	op_hold(op, e, release);
	op->cancel = cancel;
	/* after this it may be over at any time */
	op_ref(op);
	rc = op_arm(op, true) ? pthread_create(&thread, NULL, work, e) : EINTR;
	if (rc)
		atomic_fetch_sub(&op->fs->errands, 1);
	else
		pthread_detach(thread);
	op_unref(op);
	return -rc;
}

static void answer(struct op *op, const char *verb)
{
	int rc = begin(op, verb);

	if (rc < 0)
		op_reply_err(op, rc);
}

void manage_mkdir(struct op *op)
{
	answer(op, "create");
}

void manage_rmdir(struct op *op)
{
	answer(op, "rm");
}
