#include "common/remote/agent/static/request.h"

#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/changes.h"
#include "common/remote/agent/static/deep.h"
#include "common/remote/agent/static/dial.h"
#include "common/remote/agent/static/file.h"
#include "common/remote/agent/static/follow.h"
#include "common/remote/agent/static/keeping.h"
#include "common/remote/agent/static/name.h"
#include "common/remote/agent/static/packing.h"
#include "common/remote/agent/static/run.h"
#include "common/remote/agent/static/set.h"
#include "common/remote/agent/static/xattr.h"
#include "common/remote/fields.h"
#include "common/remote/proto.h"
#include "common/remote/text.h"

#include <fcntl.h>
#include <limits.h>

#define JOB_BYTES 1024 /* what a job without content is reckoned at */

/*
 * args, in the order of proto.h: p path, t TEXT, h handle, n number, o octal, i number or "-",
 * N and O the same or "-", f a word, F a handle to copy from, b body; what may be missing at the end: a number
 * (0 then), c the number of a handle that is to be, w a "w", u two of i, v two numbers.
 * work is done by a worker, now() at once by the loop's
 * thread, which takes j.
 */
struct op {
	char name[12];
	char args[8];
	int (*work)(struct job *j);
	void (*after)(struct job *j);
	void (*now)(struct job *j);
	bool streams;
	int (*quick)(struct job *j); /* quick.h */
	enum brief_kind brief;
};

static void ping(struct job *j)
{
	job_answer(j);
}

static void bye(struct job *j)
{
	j->agent->input.bye = true;
	job_answer(j);
}

static const struct op ops[] = {
	{ "stat", "p", name_stat, NULL, NULL, false, quick_stat },
	{ "list", "pw", name_list, NULL, NULL, true },
	{ "zlist", "pw", name_zlist, NULL, NULL, true },
	{ "read", "hnn", file_read, NULL, NULL, false, quick_read },
	{ "write", "hnb", file_write, NULL, NULL, false, NULL, BRIEF_HANDLE },
	{ "zread", "hnn", file_zread, NULL, NULL, false, quick_zread },
	{ "zwrite", "hnnb", file_zwrite, NULL, NULL, false, NULL, BRIEF_HANDLE },
	{ "open", "pfoacu", file_open, file_opened, NULL, false, file_open_quick, BRIEF_NAME },
	{ "peek", "pn", file_peek, NULL, NULL, false },
	{ "close", "h", file_close, NULL, NULL, false, quick_close, BRIEF_HANDLE },
	{ "fstat", "h", file_fstat, NULL, NULL, false, quick_fstat },
	{ "fsync", "h", file_fsync, NULL, NULL, false },
	{ "readlink", "p", name_readlink, NULL, NULL, false },
	{ "mkdir", "pou", name_mkdir, NULL, NULL, false, NULL, BRIEF_NAME },
	{ "mknod", "pouv", name_mknod, NULL, NULL, false, NULL, BRIEF_NAME },
	{ "symlink", "tpu", name_symlink, NULL, NULL, false, NULL, BRIEF_NAME },
	{ "link", "pp", name_link, NULL, NULL, false, NULL, BRIEF_NAME },
	{ "rename", "ppf", name_rename, NULL, NULL, false, NULL, BRIEF_NAME },
	{ "unlink", "p", name_unlink, NULL, NULL, false, NULL, BRIEF_NAME },
	{ "rmdir", "p", name_rmdir, NULL, NULL, false, NULL, BRIEF_NAME },
	{ "set", "pNOiiff", set_path, NULL, NULL, false, NULL, BRIEF_NAME },
	{ "fset", "hNOiiff", set_handle, NULL, NULL, false, NULL, BRIEF_HANDLE },
	{ "fallocate", "hfnn", file_fallocate, NULL, NULL, false },
	{ "seek", "hnf", file_seek, NULL, NULL, false },
	{ "copy", "hnnFn", file_copy, NULL, NULL, false },
	{ "getxattr", "ptn", xattr_get, NULL, NULL, false },
	{ "listxattr", "pn", xattr_list, NULL, NULL, false },
	{ "setxattr", "ptfb", xattr_set, NULL, NULL, false },
	{ "removexattr", "pt", xattr_remove, NULL, NULL, false },
	{ "statfs", "p", name_statfs, NULL, NULL, false },
	{ "ping", "", NULL, NULL, ping, false },
	{ "bye", "", NULL, NULL, bye, false },
	{ "env", "b", NULL, NULL, run_env, false },
	{ "run", "ttnnfnb", NULL, NULL, run_begin, false },
	{ "attach", "nnnnf", NULL, NULL, follow_attach, false },
	{ "keep", "nn", NULL, NULL, run_keep, false },
	{ "past", "nfnb", keeping_past, NULL, NULL, false },
	{ "runs", "", keeping_runs, NULL, NULL, false },
	{ "script", "n", keeping_script, NULL, NULL, false },
	{ "signal", "nf", keeping_signal, NULL, NULL, false },
	{ "forget", "n", keeping_forget, NULL, NULL, false },
	{ "where", "h", file_where, NULL, NULL, false },
	{ "dial", "tnn", NULL, NULL, dial_begin, false },
	{ "pack", "", NULL, NULL, packing_begin, false },
};

static const struct op oneways[] = {
	{ "in", "nb", NULL, NULL, task_in, false },
	{ "more", "nfn", NULL, NULL, task_more, false },
	{ "eof", "n", NULL, NULL, task_eof, false },
	{ "kill", "nf", NULL, NULL, task_kill, false },
	{ "timeout", "nn", NULL, NULL, task_timeout, false },
	{ "resize", "nnn", NULL, NULL, task_resize, false },
	{ "leave", "n", NULL, NULL, task_leave, false },
	{ "unwatch", "n", NULL, NULL, changes_unwatch, false },
};

void request_ops(struct buf *ret)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (i)
			buf_char(ret, ',');
		buf_str(ret, ops[i].name);
	}
}

static const struct op *find(const struct op *table, size_t count, const char *name, size_t n)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0)
			return &table[i];
	}
	return NULL;
}

/* --- arguments ------------------------------------------------------------ */

static int take_text(struct fields *f, bool path, char **ret)
{
	auto_buf b = BUF_INIT((path ? PROTO_PATH_MAX : PATH_MAX) - 1);
	size_t n;
	const char *word = fields_word(f, &n);
	int rc = word ? text_unescape(&b, word, n) : -EBADMSG;

	if (rc < 0)
		return rc == -EMSGSIZE ? -ENAMETOOLONG : -EINVAL;
	if (memchr(buf_text(&b), '\0', b.len) || (path && buf_text(&b)[0] != '/'))
		return -EINVAL;
	*ret = buf_steal(&b);
	return 0;
}

static int take_octal(struct fields *f, uint64_t *ret)
{
	size_t n;
	const char *word = fields_word(f, &n);
	uint64_t v = 0;

	if (!word || !n || n > 7)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (word[i] < '0' || word[i] > '7')
			return -EINVAL;
		v = v * 8 + (uint64_t)(word[i] - '0');
	}
	*ret = v;
	return 0;
}

static int take_number(struct fields *f, uint64_t *ret)
{
	*ret = fields_u64(f, INT64_MAX);
	return f->bad ? -EINVAL : 0;
}

/* "-": leave it as it is. */
static bool take_dash(struct fields *f)
{
	struct fields before = *f;
	size_t n;
	const char *word = fields_word(f, &n);
	bool dash = word && n == 1 && *word == '-';

	if (!dash)
		*f = before;
	return dash;
}

static int take_id(struct fields *f, uint64_t *ret)
{
	*ret = take_dash(f) ? UINT32_MAX /* chown(2) */ : fields_u64(f, UINT32_MAX - 1);
	return f->bad ? -EINVAL : 0;
}

static int take_number_or_dash(struct fields *f, uint64_t *ret)
{
	*ret = SET_KEEP;
	return take_dash(f) ? 0 : take_number(f, ret);
}

static int take_octal_or_dash(struct fields *f, uint64_t *ret)
{
	*ret = SET_KEEP;
	return take_dash(f) ? 0 : take_octal(f, ret);
}

static int take_word(struct fields *f, char *ret, size_t max)
{
	size_t n;
	const char *word = fields_word(f, &n);

	if (!word || n >= max)
		return -EINVAL;
	memcpy(ret, word, n);
	ret[n] = '\0';
	return 0;
}

/* Refused before the handle is made that would wait for its file for ever. */
static int take_ahead(struct fields *f, uint64_t *ret)
{
	int rc = take_number(f, ret);

	return rc == 0 && *ret > PROTO_PIECE_MAX ? -EINVAL : rc;
}

static int take_watch(struct fields *f, uint64_t *ret)
{
	char word[4];

	*ret = fields_left(f);
	return !*ret || (take_word(f, word, sizeof(word)) == 0 && strcmp(word, "w") == 0) ? 0
											  : -EINVAL;
}

static int take_handle(struct job *j, struct fields *f, uint64_t *ret)
{
	if (take_number(f, ret) < 0)
		return -EBADF;
	j->handle = handle_find(&j->agent->handles, *ret);
	return j->handle ? 0 : -EBADF;
}

/* The handle is there from now on: what comes next on it waits for its open. */
static int make_chosen(struct job *j, uint64_t id)
{
	struct handles *hs = &j->agent->handles;

	if (!id)
		return 0;
	if (id < PROTO_HANDLE_MIN)
		return -EINVAL;
	if (handles_full(hs))
		return -EMFILE;
	j->handle = handle_new(hs, id);
	return j->handle ? 0 : -EINVAL;
}

/* Its file stays open for the copy's sake. Its own open must have been answered. */
static int take_from(struct job *j, struct fields *f, uint64_t *ret)
{
	const struct handle *h;

	if (take_number(f, ret) < 0)
		return -EBADF;
	h = handle_find(&j->agent->handles, *ret);
	j->from = h && h->fd >= 0 ? fcntl(h->fd, F_DUPFD_CLOEXEC, 0) : -1;
	return j->from < 0 ? -EBADF : 0;
}

static int take_owner(struct fields *f, uint64_t *ret)
{
	int rc;

	ret[0] = ret[1] = UINT32_MAX;
	if (!fields_left(f))
		return 0;
	rc = take_id(f, &ret[0]);
	return rc < 0 ? rc : take_id(f, &ret[1]);
}

static int take_device(struct fields *f, uint64_t *ret)
{
	int rc;

	ret[0] = ret[1] = 0;
	if (!fields_left(f))
		return 0;
	rc = take_number(f, &ret[0]);
	if (rc == 0)
		rc = take_number(f, &ret[1]);
	return rc < 0 || ret[0] > UINT32_MAX || ret[1] > UINT32_MAX ? -EINVAL : 0;
}

/* What comes before the body; the first that is wrong decides. */
static int take_args(struct job *j, const char *args, struct fields *f)
{
	int texts = 0, numbers = 0, words = 0;
	uint64_t chosen = 0;
	int rc = 0;

	for (; *args && *args != 'b' && rc == 0; args++) {
		switch (*args) {
		case 'p':
		case 't':
			rc = take_text(f, *args == 'p', &j->text[texts++]);
			break;
		case 'h':
			rc = take_handle(j, f, &j->num[numbers++]);
			break;
		case 'n':
			rc = take_number(f, &j->num[numbers++]);
			break;
		case 'a':
			rc = fields_left(f) ? take_ahead(f, &j->num[numbers]) : 0;
			numbers++;
			break;
		case 'c':
			rc = fields_left(f) ? take_number(f, &chosen) : 0;
			break;
		case 'F':
			rc = take_from(j, f, &j->num[numbers++]);
			break;
		case 'u':
			rc = take_owner(f, &j->num[numbers]);
			numbers += 2;
			break;
		case 'v':
			rc = take_device(f, &j->num[numbers]);
			numbers += 2;
			break;
		case 'o':
			rc = take_octal(f, &j->num[numbers++]);
			break;
		case 'N':
			rc = take_number_or_dash(f, &j->num[numbers++]);
			break;
		case 'O':
			rc = take_octal_or_dash(f, &j->num[numbers++]);
			break;
		case 'i':
			rc = take_id(f, &j->num[numbers++]);
			break;
		case 'w':
			rc = take_watch(f, &j->num[numbers++]);
			break;
		case 'f':
			rc = take_word(f, j->word[words], sizeof(j->word[0]));
			words++;
			break;
		}
	}
	if (rc == 0 && !*args && fields_end(f) < 0)
		rc = -EINVAL;
	return rc < 0 ? rc : make_chosen(j, chosen);
}

/* --- a whole request ------------------------------------------------------- */

static void refuse(struct job *j, int rc)
{
	j->handle = NULL;
	if (!j->tag) {
		job_free(j);
		return;
	}
	j->rc = rc;
	job_answer(j);
}

/* Of a file. */
static uint64_t bytes_wanted(const struct job *j, const struct op *op)
{
	if (op->work == file_read || op->work == file_zread || op->work == file_zwrite)
		return j->num[2];
	if (op->work == file_open)
		return j->num[1];
	if (op->work == xattr_get || op->work == xattr_list)
		return PROTO_XATTR_MAX;
	return op->work == file_peek ? j->num[0] : 0;
}

static void dispatch(struct agent *a, struct job *j, const struct op *op)
{
	uint64_t wanted;

	if (j->rc < 0) {
		refuse(j, j->rc);
		return;
	}
	if (op->now) {
		op->now(j);
		return;
	}
	j->shares = op->work == file_read || op->work == file_zread;
	wanted = bytes_wanted(j, op);
	if (wanted > PROTO_PIECE_MAX) {
		refuse(j, -EINVAL);
		return;
	}
	agent_spend(a, wanted);
	j->cost += wanted;
	if (op->work == file_close)
		j->handle->closed = true;
	if (op->work == keeping_past)
		j->handle = &a->past;
	j->quick = op->quick;
	j->brief = op->brief;
	if (op->work == file_open && strchr(j->word[0], 'r') && !strchr(j->word[0], 'c'))
		j->brief = BRIEF_NOT; /* its first bytes may have to be fetched */
	j->work = op->work;
	j->after = op->after;
	j->streams = op->streams;
	deep_prepare(j);
	agent_submit(a, j);
}

/* The N of a body is the last word of the line. */
static int body_count(const char *line, size_t n, size_t *ret)
{
	const char *space = memrchr(line, ' ', n);
	struct fields f;

	if (!space)
		return -EBADMSG;
	f = fields_of(space + 1, n - (size_t)(space + 1 - line));
	*ret = fields_u64(&f, PROTO_SCRIPT_MAX);
	return f.bad ? -EBADMSG : 0;
}

static int begin_body(
	struct agent *a, struct job *j, const struct op *op, const char *line, size_t n)
{
	struct input *in = &a->input;

	if (body_count(line, n, &j->body_n) < 0)
		return -EBADMSG;
	j->body = xmalloc(j->body_n + 1);
	j->body[j->body_n] = '\0';
	j->cost += j->body_n;
	agent_spend(a, j->body_n);
	in->job = j;
	in->op = op;
	in->got = 0;
	return 0;
}

/* One line; what is no request at all is passed over. */
static int take_line(struct agent *a, const char *line, size_t n)
{
	struct fields f = fields_of(line, n);
	uint64_t tag = fields_u64(&f, UINT32_MAX);
	size_t name_n;
	const char *name = fields_word(&f, &name_n);
	const struct op *op;
	struct job *j;

	if (f.bad || !name || a->input.bye)
		return 0;
	op = tag ? find(ops, sizeof(ops) / sizeof(ops[0]), name, name_n)
		 : find(oneways, sizeof(oneways) / sizeof(oneways[0]), name, name_n);
	if (!op && !tag)
		return 0;
	j = job_new(a, (uint32_t)tag);
	j->cost = JOB_BYTES;
	agent_spend(a, JOB_BYTES);
	if (!op) {
		refuse(j, -ENOSYS);
		return 0;
	}
	j->rc = take_args(j, op->args, &f);
	if (!strchr(op->args, 'b')) {
		dispatch(a, j, op);
		return 0;
	}
	if (begin_body(a, j, op, line, n) < 0) {
		refuse(j, -EINVAL);
		return -EBADMSG;
	}
	return 0;
}

static void take_body(struct agent *a)
{
	struct input *in = &a->input;
	struct job *j = in->job;
	size_t n = j->body_n - in->got;

	if (n > in->len - in->at)
		n = in->len - in->at;
	memcpy(j->body + in->got, in->bytes + in->at, n);
	in->got += n;
	in->at += n;
}

static void end_body(struct agent *a)
{
	struct job *j = a->input.job;

	a->input.job = NULL;
	/* The handle may have been closed since the line came. */
	if (j->handle && !handle_find(&a->handles, j->num[0]))
		j->rc = -EBADF;
	dispatch(a, j, a->input.op);
}

/* All that is there; -EBADMSG: the stream cannot be followed. */
static int take_all(struct agent *a)
{
	struct input *in = &a->input;

	for (;;) {
		const char *line = in->bytes + in->at;
		const char *lf;
		int rc;

		if (in->job) {
			take_body(a);
			if (in->got < in->job->body_n)
				return 0;
			end_body(a);
			continue;
		}
		lf = memchr(line, '\n', in->len - in->at);
		if (!lf)
			return in->len - in->at > PROTO_LINE_MAX ? -EBADMSG : 0;
		in->at += (size_t)(lf - line) + 1;
		rc = take_line(a, line, (size_t)(lf - line));
		if (rc < 0)
			return rc;
	}
}

static void on_input(void *arg, uint32_t events)
{
	struct agent *a = arg;
	struct input *in = &a->input;
	ssize_t n;

	if (in->at) {
		memmove(in->bytes, in->bytes + in->at, in->len - in->at);
		in->len -= in->at;
		in->at = 0;
	}
	n = read(in->watch.fd, in->bytes + in->len, REQUEST_READ - in->len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		in->len += (size_t)n;
	if (n <= 0 || take_all(a) < 0) {
		in->ended = true;
		watch_set(a->loop, &in->watch, 0);
	}
}

void input_init(struct agent *a, int fd)
{
	a->input = (struct input){ .watch = { .fd = fd, .ready = on_input, .arg = a },
		.bytes = xmalloc(REQUEST_READ) };
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void input_fini(struct agent *a)
{
	if (a->input.job)
		job_free(a->input.job);
	free(a->input.bytes);
}

void input_wants(struct agent *a, bool more)
{
	struct input *in = &a->input;

	if (!in->ended && watch_set(a->loop, &in->watch, more ? EPOLLIN : 0) < 0)
		in->ended = true;
}
