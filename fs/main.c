#include "fs/fs.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/kube/cred.h"
#include "common/kube/keep.h"
#include "common/kube/net.h"
#include "common/kube/rest.h"
#include "fs/box.h"
#include "fs/manage.h"
#include "fs/mount.h"
#include "fs/mountwatch.h"
#include "fs/notify.h"
#include "fs/oplog.h"
#include "fs/shutdown.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/wait.h>

#define START_MS     30000 /* credentials and the first list */
#define NOTIFY_MS    2000
#define FUSE_THREADS 4

/* "mounted" or the sentence, to whoever asked to be told. */
static void tell(int fd, const char *text)
{
	auto_free char *line = xprintf("%s\n", text);

	if (fd >= 0) {
		io_write_all(fd, line, strlen(line), deadline_after(NOTIFY_MS));
		close(fd);
	}
}

static int usage(const struct err *err)
{
	fprintf(stderr, "sbxfs: %s\n", err_text(err, -EINVAL));
	return 2;
}

/* Other threads leave all signals to this one; SIGUSR1 is read by the notifier. */
static void block_signals(sigset_t *old)
{
	sigset_t all;

	signal(SIGPIPE, SIG_IGN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
	sigaddset(old, SIGUSR1);
	sigdelset(old, SIGUSR2); /* wakes the loop */
}

/* Stays in the program that the person started: a credential plugin may ask. */
static int load_target(const struct options *o, struct kube_target **ret, struct err *err)
{
	struct cred_now now = { 0 };
	int rc;

	*ret = NULL;
	if (!options_cluster(o))
		return 0;
	rc = kube_target_load(&o->kube, ret, err);
	if (rc < 0)
		return rc;
	rc = cred_get((*ret)->cred, 0, deadline_after(START_MS), NULL, &now, err);
	cred_now_fini(&now);
	return rc;
}

static char *source_of(const struct fs *fs)
{
	const struct kube_target *t = fs->kube ? kube_target(fs->kube) : NULL;

	if (!t)
		return xstrdup("sbxfs:local");
	return xprintf("sbxfs:%s/%s", *t->context ? t->context : t->host,
		fs->opt->all_namespaces ? "*" : t->ns);
}

/* Takes target. */
static int start(struct fs *fs, const struct options *o, struct kube_target *target,
	struct fuse_args *args, struct err *err)
{
	auto_free char *source = NULL;
	int rc = fs_init(fs, o);

	if (rc < 0)
		return err_set(err, rc, "starting: %s", strerror(-rc));
	if (o->oplog)
		rc = oplog_open(
			o->oplog, (uint64_t)o->oplog_max_mib * 1024 * 1024, &fs->oplog, err);
	if (rc < 0)
		return rc;
	manage_open(fs);
	if (target) {
		rc = kube_open(target, &fs->kube, err);
		if (rc == 0)
			fs->keep = keep_open(fs->kube);
		if (rc == 0)
			rc = net_open(&fs->net);
	}
	if (rc == 0)
		rc = tree_open(fs, deadline_after(START_MS), err);
	if (rc < 0)
		return rc;
	source = source_of(fs);
	return mount_open(fs, args, source, err);
}

static void quiet_down(const struct options *o)
{
	int fd = open(o->logfile ? o->logfile : "/dev/null",
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/") < 0)
		trace(OP, "chdir: %s", strerror(errno));
	if (!o->foreground && null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	if (fd >= 0 && (o->logfile || !o->foreground))
		dup2(fd, 2);
	if (fd >= 0)
		close(fd);
	if (null >= 0)
		close(null);
}

struct served {
	struct fs *fs;
	pthread_t thread;
};

static void wake(int sig)
{
	(void)sig;
}

static bool files_are_open(void *arg)
{
	const struct served *l = arg;

	return atomic_load(&l->fs->opens) > 0;
}

/* The loop waits in a sleep that only a signal ends. */
static void end_loop(void *arg)
{
	const struct served *l = arg;

	atomic_store(&l->fs->gone, true);
	fuse_session_exit(l->fs->se);
	pthread_kill(l->thread, SIGUSR2);
}

static int loop(struct fs *fs)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int rc;

	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_loop_cfg_set_max_threads(config, FUSE_THREADS);
	fuse_loop_cfg_set_idle_threads(config, FUSE_THREADS);
	rc = fuse_session_loop_mt(fs->se, config);
	fuse_loop_cfg_destroy(config);
	return rc < 0 ? rc : 0;
}

static int watched_loop(struct fs *fs)
{
	const struct sigaction sa = { .sa_handler = wake };
	struct served l = { fs, pthread_self() };
	const struct mountwatch_calls calls = { files_are_open, end_loop, &l };
	struct mountwatch *watch = NULL;
	int rc = -ENOENT;

	sigaction(SIGUSR2, &sa, NULL);
	if (fs->dev)
		rc = mountwatch_open(fs->dev, &calls, &watch);
	if (rc < 0)
		log_warn("the mount cannot be watched: %s", strerror(-rc));
	rc = loop(fs);
	mountwatch_close(watch);
	return rc;
}

/* Everything from the first thread to the last. ready: the parent's end, or -1. Takes target. */
static int serve(
	const struct options *o, struct kube_target *target, struct fuse_args *args, int ready)
{
	struct fs *fs =
		xcalloc(1, sizeof(*fs)); /* threads that outstay the end may still look at it */
	struct err err = { "" };
	sigset_t old;
	int rc;

	block_signals(&old);
	rc = start(fs, o, target, args, &err);
	if (rc < 0) {
		tell(o->notify_fd, err_text(&err, rc));
		tell(ready, err_text(&err, rc));
		if (ready < 0)
			fprintf(stderr, "sbxfs: %s\n", err_text(&err, rc));
		return shutdown_failed(fs);
	}
	fuse_set_signal_handlers(fs->se);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	quiet_down(o);
	tell(o->notify_fd, "mounted");
	tell(ready, "mounted");
	rc = watched_loop(fs);
	if (rc < 0)
		log_error("serving the mount: %s", strerror(-rc));
	return shutdown_all(fs) && rc == 0 ? 0 : 1;
}

/* The parent: waits for the child's line. */
static int await(pid_t child, int fd)
{
	char text[ERR_TEXT_BYTES + 16];
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0 && n < sizeof(text) - 1) {
		got = io_read_some(
			fd, text + n, sizeof(text) - 1 - n, deadline_after(4 * START_MS));
		n += got > 0 ? (size_t)got : 0;
	}
	text[n] = '\0';
	if (strcmp(text, "mounted\n") == 0)
		return 0;
	if (got == -ETIMEDOUT)
		kill(child, SIGTERM);
	fprintf(stderr, "sbxfs: %s", n > 0 ? text : "the daemon ended before it had mounted\n");
	return 1;
}

/* Takes target. Forks before there is any thread; the child becomes the daemon. */
static int daemonize(const struct options *o, struct kube_target *target, struct fuse_args *args)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		fprintf(stderr, "sbxfs: starting the daemon: %s\n", strerror(errno));
		return 1;
	}
	if (pid > 0) {
		close(fds[1]);
		return await(pid, fds[0]);
	}
	close(fds[0]);
	setsid();
	return serve(o, target, args, fds[1]);
}

static int run(const struct options *o, struct fuse_args *args)
{
	struct kube_target *target = NULL;
	struct err err = { "" };
	int rc = mount_check(o, &err);

	if (rc == 0)
		rc = load_target(o, &target, &err);
	if (rc < 0) {
		tell(o->notify_fd, err_text(&err, rc));
		fprintf(stderr, "sbxfs: %s\n", err_text(&err, rc));
		return 1;
	}
	return o->foreground ? serve(o, target, args, -1) : daemonize(o, target, args);
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct options o;
	struct err err = { "" };
	int rc;

	log_open("sbxfs", LOG_LEVEL_INFO);
	if (log_trace_from_env() < 0) {
		err_set(&err, -EINVAL, "SBX_TRACE names an unknown topic");
		return usage(&err);
	}
	rc = options_parse(&o, argc, argv, &args, &err);
	if (rc < 0)
		return usage(&err);
	if (o.help)
		printf("%s%s", options_help(), kube_flags_help());
	else if (o.version)
		printf("sbxfs %s\n", SBX_VERSION);
	else
		rc = run(&o, &args);
	options_fini(&o);
	fuse_opt_free_args(&args);
	return rc;
}
