/* The control files of a sandbox: cmd, stdin, stdout, stderr, status, exit, pod.json, log. */
#include "common/base/clock.h"
#include "common/base/io.h"
#include "fs/box.h"
#include "fs/handle.h"
#include "fs/job.h"
#include "fs/ops.h"
#include "fs/podlog.h"

#include <fcntl.h>
#include <poll.h>

#define STATUS_MAX 8192

const char *const ctl_names[] = { "cmd", "stdin", "stdout", "stderr", "status", "exit", "pod.json",
	"log" };

struct ctl_handle {
	enum ctl_kind kind;
	struct box *box; /* holds a reference */
	char *text;      /* what was there at the open; NULL: not such a file */
	size_t text_n;
	struct podlog *log;
	bool input; /* counts among those who have the job's stdin open */

	pthread_mutex_t lock; /* all below; before a job's and an output's */
	struct job *job;      /* holds a reference; the one that is read */
	struct output *out;   /* of the job or the log */
	struct output_reader reader;
	struct buf script; /* written, not started yet */
	pid_t opener;
	uint64_t position; /* of a conversation, which has no offsets */
};

bool ctl_exists(const struct box *b, enum ctl_kind kind)
{
	return !b->local || (kind != CTL_POD && kind != CTL_LOG);
}

/* The process of a thread: the kernel tells threads. */
static pid_t process_of(pid_t tid)
{
	auto_buf text = BUF_INIT(8192);
	char path[64];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (tid <= 0 || io_read_file(path, &text) < 0)
		return tid;
	at = strstr(buf_text(&text), "\nTgid:");
	return at ? (pid_t)strtol(at + 6, NULL, 10) : tid;
}

/* --- status and sizes ------------------------------------------------------ */

static void describe(struct box *b, struct buf *ret)
{
	struct job *j = jobs_newest(b->jobs);
	int down = atomic_load(&b->down);

	buf_char(ret, '{');
	job_describe(j, ret);
	job_unref(j);
	buf_printf(ret, ",\"sandbox\":\"%s\"",
		down == -ESTALE ? "gone"
		: down < 0      ? "not running"
				: "running");
	pthread_mutex_lock(&b->session_lock);
	if (b->session) {
		buf_char(ret, ',');
		session_describe(b->session, ret);
	}
	pthread_mutex_unlock(&b->session_lock);
	buf_str(ret, "}\n");
}

/* The text of a file that is all there at once; -errno. */
static int text_of(struct box *b, enum ctl_kind kind, struct buf *ret)
{
	struct job *j;
	size_t n = 0;

	if (kind == CTL_STATUS) {
		describe(b, ret);
	} else if (kind == CTL_POD) {
		scoped_lock(&b->fs->lock);
		buf_str(ret, b->pod_json ? b->pod_json : "{}\n");
	} else if (kind == CTL_CMD && (j = jobs_newest(b->jobs))) {
		const char *script = job_script(j, &n);

		buf_add(ret, script, n);
		job_unref(j);
	}
	return buf_check(ret);
}

static uint64_t size_of(struct box *b, enum ctl_kind kind, int64_t *ms)
{
	struct job *j = jobs_newest(b->jobs);
	auto_buf text = BUF_INIT(64);
	uint64_t n = 0;

	if (!j)
		return 0;
	*ms = job_started_ms(j);
	if (kind == CTL_STDOUT || kind == CTL_STDERR)
		n = output_size(job_output(j, kind == CTL_STDOUT ? 1 : 2), ms);
	else if (kind == CTL_EXIT && job_exit_text(j, &text) == 0)
		n = text.len;
	else if (kind == CTL_CMD)
		job_script(j, &n);
	job_unref(j);
	return n;
}

/* Called with fs->lock, or without: so status and pod.json are measured by what needs no lock. */
void ctl_stat(struct node *n, struct stat *ret)
{
	static const mode_t modes[] = { 0600, 0200, 0444, 0444, 0444, 0444, 0444, 0444 };
	auto_buf text = BUF_INIT(STATUS_MAX);
	struct box *b = n->box;
	int64_t ms = b->since_wall_ms;
	uint64_t size = size_of(b, n->ctl, &ms);

	if (n->ctl == CTL_STATUS) {
		describe(b, &text);
		size = text.len;
	} else if (n->ctl == CTL_POD) {
		size = atomic_load(&b->pod_json_n);
	}
	*ret = (struct stat){
		.st_ino = attr_ino(b, 0, 16 + n->ctl),
		.st_mode = S_IFREG | modes[n->ctl],
		.st_nlink = 1,
		.st_uid = getuid(),
		.st_gid = getgid(),
		.st_size = (off_t)size,
		.st_blocks = (blkcnt_t)((size + 511) / 512),
		.st_blksize = 4096,
		.st_mtim = { ms / 1000, ms % 1000 * 1000000 },
		.st_ctim = { ms / 1000, ms % 1000 * 1000000 },
		.st_atim = { ms / 1000, ms % 1000 * 1000000 },
	};
}

/* --- open ------------------------------------------------------------------ */

/* c->lock held */
static void listen_to(struct ctl_handle *c, struct job *j, struct output *o)
{
	if (c->out)
		output_close(c->out, &c->reader);
	job_unref(c->job);
	c->job = j;
	c->out = o;
	c->reader = (struct output_reader){ 0 };
	c->position = 0;
	if (o)
		output_open(o, &c->reader);
}

static int open_text(struct ctl_handle *c)
{
	auto_buf text = BUF_INIT(4 * 1024 * 1024);
	int rc = text_of(c->box, c->kind, &text);

	if (rc < 0)
		return rc;
	c->text_n = text.len;
	c->text = buf_steal(&text);
	return 0;
}

static int open_cmd(struct ctl_handle *c, struct op *op)
{
	if ((op->fi.flags & O_ACCMODE) == O_RDONLY)
		return open_text(c);
	if ((op->fi.flags & O_ACCMODE) == O_RDWR)
		op->fi.nonseekable = 1;
	c->opener = process_of(fuse_req_ctx(op->req)->pid);
	return box_can_run(c->box);
}

static int open_output(struct ctl_handle *c, int stream)
{
	struct job *j = jobs_newest(c->box->jobs);

	if (j)
		listen_to(c, j, job_output(j, stream));
	return 0;
}

static int open_stdin(struct ctl_handle *c, struct op *op)
{
	if ((op->fi.flags & O_ACCMODE) != O_WRONLY)
		return -EACCES;
	c->job = jobs_newest(c->box->jobs);
	if (!c->job)
		return -ENXIO; /* as a fifo that nobody reads */
	job_input_open(c->job);
	c->input = true;
	op->fi.nonseekable = 1;
	return 0;
}

static int open_log(struct ctl_handle *c)
{
	int rc = podlog_open(c->box, &c->log);

	if (rc == 0)
		listen_to(c, NULL, podlog_output(c->log));
	return rc;
}

static int open_kind(struct ctl_handle *c, struct op *op)
{
	bool writes = (op->fi.flags & O_ACCMODE) != O_RDONLY;

	if (writes && c->kind != CTL_CMD && c->kind != CTL_STDIN)
		return -EACCES;
	switch (c->kind) {
	case CTL_CMD:
		return open_cmd(c, op);
	case CTL_STDIN:
		return open_stdin(c, op);
	case CTL_STDOUT:
		return open_output(c, 1);
	case CTL_STDERR:
		return open_output(c, 2);
	case CTL_EXIT:
		return open_output(c, 0);
	case CTL_LOG:
		return open_log(c);
	default:
		return open_text(c);
	}
}

void ctl_open(struct op *op)
{
	struct ctl_handle *c = xcalloc(1, sizeof(*c));
	struct fs *fs = op->fs;
	struct handle *h;
	int rc;

	c->kind = op->node->ctl;
	c->box = box_ref(op->box);
	pthread_mutex_init(&c->lock, NULL);
	buf_init(&c->script, JOB_SCRIPT_MAX);
	rc = open_kind(c, op);
	if (rc < 0) {
		ctl_handle_free(c);
		op_reply_err(op, rc);
		return;
	}
	pthread_mutex_lock(&fs->lock);
	h = handle_new(op->node);
	h->ctl = c;
	pthread_mutex_unlock(&fs->lock);
	op->fi.fh = (uintptr_t)h;
	op->fi.direct_io = 1;
	if (!op_reply_open(op))
		handle_unref_unlocked(fs, h);
}

void ctl_handle_free(struct ctl_handle *c)
{
	if (!c)
		return;
	if (c->out)
		output_close(c->out, &c->reader);
	if (c->input)
		job_input_close(c->job);
	podlog_close(c->log);
	job_unref(c->job);
	box_unref(c->box);
	buf_fini(&c->script);
	pthread_mutex_destroy(&c->lock);
	free(c->text);
	free(c);
}

/* --- reading --------------------------------------------------------------- */

static void read_text(struct op *op, const char *text, size_t n)
{
	size_t at = op->offset < n ? op->offset : n;

	op_reply_buf(op, text + at, op->size < n - at ? op->size : n - at);
}

static void exit_known(struct op *op, int ended)
{
	auto_buf text = BUF_INIT(64);
	int rc = job_exit_text(op->h->ctl->job, &text);

	if (rc < 0)
		op_reply_err(op, rc);
	else
		read_text(op, buf_text(&text), text.len);
}

/* Hands over what was written, if anything. c->lock held; op (may be NULL) is answered at the
 * start. */
static bool start_pending(struct ctl_handle *c, struct op *op)
{
	struct job *j;

	if (c->script.len == 0)
		return false;
	j = job_start(c->box, buf_text(&c->script), c->script.len, op);
	buf_fini(&c->script);
	listen_to(c, j, job_output(j, 1));
	return true;
}

static int stream_of(const struct ctl_handle *c)
{
	return c->kind == CTL_STDERR ? 2 : c->kind == CTL_EXIT ? 0 : 1;
}

static void read_output(struct op *op, struct ctl_handle *c)
{
	bool nonblock = op->fi.flags & O_NONBLOCK;
	struct output *o;
	struct job *j;
	size_t more;

	pthread_mutex_lock(&c->lock);
	if (c->kind == CTL_CMD) {
		start_pending(c, NULL);
		op->offset = c->position;
		op->advance = &c->position;
	}
	o = c->out;
	j = c->job ? job_ref(c->job) : NULL;
	pthread_mutex_unlock(&c->lock);
	if (!o) {
		if (c->kind == CTL_EXIT)
			op_reply_err(op, -ENODATA); /* nothing has been run yet */
		else
			op_reply_buf(op, NULL, 0);
		return;
	}
	if (c->kind == CTL_EXIT)
		op->step = exit_known;
	more = output_read(o, &c->reader, op, nonblock);
	if (j)
		job_more(j, stream_of(c), more);
	else if (c->log)
		podlog_more(c->log);
	job_unref(j);
}

void ctl_read(struct op *op)
{
	struct handle *h = op->h;
	struct ctl_handle *c = h->ctl;

	if (c->text) {
		read_text(op, c->text, c->text_n);
		return;
	}
	pthread_mutex_lock(&op->fs->lock);
	handle_ref(h); /* the answer may let go of op's */
	pthread_mutex_unlock(&op->fs->lock);
	read_output(op, c);
	handle_unref_unlocked(c->box->fs, h);
}

/* --- writing --------------------------------------------------------------- */

void ctl_write(struct op *op, const char *bytes)
{
	struct ctl_handle *c = op->h->ctl;
	int rc;

	if (c->kind == CTL_STDIN) {
		job_input(c->job, op, bytes, op->fi.flags & O_NONBLOCK);
		return;
	}
	pthread_mutex_lock(&c->lock);
	buf_add(&c->script, bytes, op->size);
	rc = buf_check(&c->script);
	c->script.bad = false; /* what fitted before still stands */
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		op_reply_err(op, -EFBIG);
	else
		op_reply_write(op, op->size);
}

/*
 * Starts what is pending when the process that opened the file closes it. A child that inherited
 * the descriptor starts nothing by its exit; when it is the last, release does.
 */
void ctl_flush(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;
	bool started = false;

	if (c->kind != CTL_CMD || c->text) {
		op_reply_err(op, 0);
		return;
	}
	op_ref(op);
	pthread_mutex_lock(&c->lock);
	if (c->script.len > 0 && process_of(fuse_req_ctx(op->req)->pid) == c->opener)
		started = start_pending(c, op);
	pthread_mutex_unlock(&c->lock);
	if (!started)
		op_reply_err(op, 0);
	op_unref(op);
}

void ctl_release(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;

	pthread_mutex_lock(&c->lock);
	if (c->kind == CTL_CMD)
		start_pending(c, NULL);
	pthread_mutex_unlock(&c->lock);
	op_reply_err(op, 0);
}

/* --- poll ------------------------------------------------------------------ */

static unsigned out_events(const struct ctl_handle *c)
{
	return c->kind == CTL_CMD || c->kind == CTL_STDIN ? POLLOUT | POLLWRNORM : 0;
}

void ctl_poll(struct op *op, struct fuse_pollhandle *ph)
{
	struct ctl_handle *c = op->h->ctl;
	unsigned events = out_events(c);
	bool now = true;

	pthread_mutex_lock(&c->lock);
	if (c->out) {
		now = output_poll(c->out, &c->reader,
			c->kind == CTL_CMD ? c->position : c->reader.position_read, ph);
		ph = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	if (ph)
		fuse_pollhandle_destroy(ph);
	if (now && c->kind != CTL_STDIN)
		events |= POLLIN | POLLRDNORM;
	op_reply_poll(op, events);
}
