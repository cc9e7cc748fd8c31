#include "common/remote/agent/static/pump.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/agent/static/terminal.h"
#include "common/remote/fields.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define PIECE  (64 * 1024)
#define ROUNDS 16 /* pieces of one output before the other has its turn */

static const char *const names[] = { "out", "err" };

void pump_init(struct pump *p)
{
	*p = (struct pump){ .ctl = -1, .in = -1, .in_to = -1 };
	for (int k = 0; k < 2; k++)
		p->flow[k] = (struct pump_flow){ .from = -1, .file = -1, .over = true };
}

/* --- making ------------------------------------------------------------------- */

/* Reading and writing, so that it never is at its end. */
static int make_fifo(const struct kept_dir *d, const char *name)
{
	char path[KEPT_PATH + 8];
	auto_buf b = BUF_INIT(sizeof(path));

	buf_str(&b, d->path);
	buf_char(&b, '/');
	buf_str(&b, name);
	if (b.bad || mkfifo(b.data, 0600) < 0)
		return -errno;
	return kept_open(d, name, O_RDWR | O_NONBLOCK);
}

static int make_outputs(struct pump *p, const uint64_t sent[2])
{
	auto_buf b = BUF_INIT(64);

	for (int k = 0; k < 2; k++) {
		struct pump_flow *f = &p->flow[k];

		f->file = kept_open(&p->dir, names[k], O_WRONLY | O_CREAT | O_EXCL);
		if (f->file < 0)
			return f->file;
		if (sent[k] && ftruncate(f->file, (off_t)sent[k]) < 0)
			return -errno;
		f->start = f->kept = sent[k];
	}
	if (!sent[0] && !sent[1])
		return 0;
	put_u64(&b, sent[0]);
	buf_char(&b, ' ');
	put_u64(&b, sent[1]);
	buf_char(&b, '\n');
	return kept_write(&p->dir, "start", &b);
}

int pump_files(struct pump *p, const uint64_t sent[2], bool has_in)
{
	int rc = make_outputs(p, sent);

	if (rc < 0)
		return rc;
	p->ctl = make_fifo(&p->dir, "ctl");
	if (p->ctl < 0)
		return p->ctl;
	if (has_in)
		p->in = make_fifo(&p->dir, "in");
	return has_in && p->in < 0 ? p->in : 0;
}

static int direct_input(struct pump *p, bool wants_in)
{
	int fd = wants_in ? kept_open(&p->dir, "in", O_RDONLY | O_NONBLOCK)
			  : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && wants_in)
		fcntl(fd, F_SETFL, 0);
	return fd;
}

int pump_stdio(struct pump *p, bool terminal, bool wants_in, int stdio[3], int ends[3])
{
	int pair[2];

	if (terminal) {
		int rc = terminal_open(&ends[0], &stdio[0]);

		if (rc < 0)
			return rc;
		stdio[1] = stdio[2] = stdio[0];
		ends[2] = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
		return 0;
	}
	stdio[0] = direct_input(p, wants_in);
	for (int i = 1; i < 3; i++) {
		if (stdio[0] < 0 || pipe2(pair, O_CLOEXEC) < 0)
			return -errno;
		ends[i - 1] = pair[0];
		stdio[i] = pair[1];
	}
	return 0;
}

void pump_take(struct pump *p, bool terminal, const int ends[3])
{
	p->in_to = ends[2];
	p->terminal = terminal;
	for (int k = 0; k < 2; k++) {
		p->flow[k].from = ends[k];
		p->flow[k].over = p->flow[k].from < 0;
		if (!p->flow[k].over)
			io_nonblock(p->flow[k].from);
	}
	if (p->in_to >= 0)
		io_nonblock(p->in_to);
}

/* --- outputs --------------------------------------------------------------------- */

static void end_flow(struct pump_flow *f)
{
	f->over = true;
	close_at(&f->from);
	f->from = -1;
}

static void keep(struct pump_flow *f, const char *bytes, size_t n)
{
	uint64_t max = f->start + PROTO_KEPT_MAX;
	size_t room = f->kept < max && !f->dropped ? max - f->kept : 0;
	ssize_t did;

	if (room > n)
		room = n;
	while (room) {
		did = pwrite(f->file, bytes, room, (off_t)f->kept);
		if (did <= 0)
			break;
		f->kept += (uint64_t)did;
		bytes += did;
		room -= (size_t)did;
		n -= (size_t)did;
	}
	f->dropped += n;
}

/* At most limit bytes; false: there is no more for now. */
static bool carry(struct pump_flow *f, size_t limit, size_t *ret_n)
{
	char piece[PIECE];
	ssize_t n = read(f->from, piece, limit < PIECE ? limit : PIECE);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		end_flow(f);
		return false;
	}
	keep(f, piece, (size_t)n);
	*ret_n = (size_t)n;
	return true;
}

static void carry_some(struct pump_flow *f)
{
	size_t n;

	for (int i = 0; i < ROUNDS && !f->over; i++) {
		if (!carry(f, PIECE, &n))
			break;
	}
}

/* What was written before the command's end is taken; who writes on is not waited for. */
static void carry_rest(struct pump_flow *f, bool terminal)
{
	int there = 0;
	size_t left, n;

	if (terminal || ioctl(f->from, FIONREAD, &there) < 0)
		there = PIECE;
	for (left = (size_t)there; left && !f->over; left -= n) {
		if (!carry(f, left, &n))
			break;
	}
	if (!f->over)
		end_flow(f);
}

/* --- input ----------------------------------------------------------------------- */

static void end_input(struct pump *p)
{
	close_at(&p->in);
	p->in = -1;
	close_at(&p->in_to);
	p->in_to = -1;
	/* Nothing may come behind the end. */
	kept_unlink(&p->dir, "in");
}

static void put_eof(struct pump *p)
{
	p->eof = false;
	if (!p->terminal) {
		end_input(p);
		return;
	}
	p->queued = terminal_eof(p->flow[0].from, p->last, p->queue);
	p->last = '\n';
}

static void carry_input(struct pump *p)
{
	ssize_t n = 0;

	if (p->in < 0 || p->in_to < 0)
		return;
	if (!p->queued) {
		n = read(p->in, p->queue, sizeof(p->queue));
		p->queued = n > 0 ? (size_t)n : 0;
		if (!p->queued && p->eof)
			put_eof(p);
	}
	if (!p->queued)
		return;
	n = write(p->in_to, p->queue, p->queued);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end_input(p);
		p->queued = 0;
	}
	if (n <= 0)
		return;
	p->last = p->queue[n - 1];
	p->queued -= (size_t)n;
	memmove(p->queue, p->queue + n, p->queued);
}

void pump_eof(struct pump *p)
{
	if (p->in_to < 0)
		end_input(p); /* the command reads what is in the fifo, then its end */
	else
		p->eof = true;
}

/* --- ctl ------------------------------------------------------------------------- */

static int numbers(struct fields *f, uint64_t v[2])
{
	int count = 0;

	while (fields_left(f) && count < 2)
		v[count++] = fields_u64(f, INT32_MAX);
	return fields_end(f) < 0 ? -1 : count;
}

bool pump_ctl_line(struct pump *p, char *word, size_t n, uint64_t v[2], int *ret_count)
{
	ssize_t got = read(p->ctl, p->line + p->line_n, sizeof(p->line) - p->line_n);
	size_t line_n, word_n;
	struct fields f;
	const char *at, *lf;

	if (got > 0)
		p->line_n += (size_t)got;
	lf = memchr(p->line, '\n', p->line_n);
	if (!lf) {
		if (p->line_n == sizeof(p->line))
			p->line_n = 0;
		return false;
	}
	line_n = (size_t)(lf - p->line);
	f = fields_of(p->line, line_n);
	at = fields_word(&f, &word_n);
	word[0] = '\0';
	if (at && word_n < n) {
		memcpy(word, at, word_n);
		word[word_n] = '\0';
	}
	*ret_count = numbers(&f, v);
	p->line_n -= line_n + 1;
	memmove(p->line, lf + 1, p->line_n);
	return true;
}

/* --- turns ----------------------------------------------------------------------- */

int pump_polls(const struct pump *p, struct pollfd *ret)
{
	int n = 0;

	ret[n++] = (struct pollfd){ .fd = p->ctl, .events = POLLIN };
	for (int k = 0; k < 2; k++)
		ret[n++] = (struct pollfd){ .fd = p->flow[k].from, .events = POLLIN };
	if (p->in >= 0 && p->in_to >= 0 && (p->queued || p->eof))
		ret[n++] = (struct pollfd){ .fd = p->in_to, .events = POLLOUT };
	else if (p->in >= 0 && p->in_to >= 0)
		ret[n++] = (struct pollfd){ .fd = p->in, .events = POLLIN };
	return n;
}

void pump_turn(struct pump *p)
{
	bool late = p->linger_ms && deadline_passed(p->linger_ms);

	for (int k = 0; k < 2; k++) {
		if (!p->flow[k].over)
			carry_some(&p->flow[k]);
		if (!p->flow[k].over && late)
			carry_rest(&p->flow[k], p->terminal);
	}
	carry_input(p);
}

void pump_linger(struct pump *p)
{
	p->linger_ms = deadline_after(PROTO_LINGER_MS);
}

bool pump_over(const struct pump *p)
{
	return p->flow[0].over && p->flow[1].over;
}
