#include "plugin/sink.h"

#include "common/base/io.h"
#include "common/base/log.h"

#include <limits.h>

#define OUT_MAX (4 * 1024 * 1024) /* a piece's lines, each with its name */

ssize_t sink_write(const struct sink *s, const void *bytes, size_t n)
{
	ssize_t taken;

	if (n > PIPE_BUF)
		n = PIPE_BUF;
	if (s->write)
		return s->write(s->arg, bytes, n);
	taken = write(s->fd, bytes, n);
	return taken < 0 ? -errno : taken;
}

void sink_end(const struct sink *s)
{
	if (s->end)
		s->end(s->arg);
}

/* --- safe for a terminal ----------------------------------------------------------- */

static size_t utf8_want(unsigned char first)
{
	return first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
}

/* How many of the last bytes may be the beginning of a character. */
static size_t unfinished(const unsigned char *at, size_t n)
{
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		unsigned char c = at[n - back];

		if (c >= 0xf5)
			return 0;
		if (c >= 0xc0)
			return utf8_want(c) > back ? back : 0;
		if (c < 0x80)
			return 0;
	}
	return 0;
}

static bool passes(const struct plain *p, char c)
{
	return c == '\t' || c == '\n' || (c == '\r' && !p->lines);
}

static void escape(const struct plain *p, const char *at, size_t n, struct buf *ret)
{
	while (n) {
		size_t run = 0;

		while (run < n && !passes(p, at[run]))
			run++;
		log_escape(ret, at, run);
		if (run < n)
			buf_char(ret, at[run++]);
		at += run;
		n -= run;
	}
}

void plain_escape(struct plain *p, const void *bytes, size_t n, struct buf *ret)
{
	auto_buf all = BUF_INIT(n + sizeof(p->held));
	size_t hold;

	buf_add(&all, p->held, p->held_n);
	buf_add(&all, bytes, n);
	hold = unfinished((const unsigned char *)buf_text(&all), all.len);
	escape(p, buf_text(&all), all.len - hold, ret);
	memcpy(p->held, buf_text(&all) + all.len - hold, hold);
	p->held_n = hold;
}

void plain_escape_end(struct plain *p, struct buf *ret)
{
	escape(p, p->held, p->held_n, ret);
	p->held_n = 0;
}

static ssize_t plain_write(void *arg, const void *bytes, size_t n)
{
	struct plain *p = arg;
	auto_buf text = BUF_INIT(4 * PIPE_BUF + 64);
	int rc;

	plain_escape(p, bytes, n, &text);
	rc = io_put_all(p->fd, buf_text(&text), text.len);
	return rc < 0 ? rc : (ssize_t)n;
}

static void plain_end(void *arg)
{
	struct plain *p = arg;
	auto_buf text = BUF_INIT(64);

	plain_escape_end(p, &text);
	io_put_all(p->fd, buf_text(&text), text.len);
}

struct sink sink_for(int fd, struct plain *p)
{
	*p = (struct plain){ .fd = fd };
	if (!isatty(fd))
		return (struct sink){ .fd = fd };
	return (struct sink){ .fd = fd, .write = plain_write, .end = plain_end, .arg = p };
}

/* --- lines with a name in front ------------------------------------------------------- */

static void add_line(struct lines *l, struct buf *ret)
{
	buf_str(ret, l->name);
	buf_str(ret, ": ");
	buf_add(ret, buf_text(&l->line), l->line.len);
	buf_char(ret, '\n');
	buf_reset(&l->line);
}

static void add_piece(struct lines *l, const char *at, size_t n)
{
	if (l->to->terminal)
		plain_escape(&l->plain, at, n, &l->line);
	else
		buf_add(&l->line, at, n);
}

static void gather(struct lines *l, const char *at, size_t n, struct buf *ret)
{
	while (n) {
		const char *end = memchr(at, '\n', n);
		size_t len = end ? (size_t)(end - at) : n;

		add_piece(l, at, len);
		if (end && l->to->terminal)
			plain_escape_end(&l->plain, &l->line);
		if (end || l->line.len >= LINE_MAX_BYTES)
			add_line(l, ret);
		at += len + (end != NULL);
		n -= len + (end != NULL);
	}
}

static int put_whole(struct lines_to *to, const struct buf *text)
{
	scoped_lock(&to->lock);
	return io_put_all(to->fd, buf_text(text), text->len);
}

static ssize_t lines_write(void *arg, const void *bytes, size_t n)
{
	struct lines *l = arg;
	auto_buf text = BUF_INIT(OUT_MAX);
	int rc;

	if (l->copy >= 0 && !l->copy_rc)
		l->copy_rc = io_put_all(l->copy, bytes, n);
	gather(l, bytes, n, &text);
	rc = put_whole(l->to, &text);
	return rc < 0 ? rc : (ssize_t)n;
}

static void lines_end(void *arg)
{
	struct lines *l = arg;
	auto_buf text = BUF_INIT(OUT_MAX);

	plain_escape_end(&l->plain, &l->line);
	if (!l->line.len)
		return;
	add_line(l, &text);
	put_whole(l->to, &text);
}

void lines_init(struct lines *l, struct lines_to *to, const char *name, int copy)
{
	*l = (struct lines){ .to = to, .name = name, .copy = copy, .plain.lines = true };
	buf_init(&l->line, LINE_MAX_BYTES + 8 * PIPE_BUF);
}

void lines_fini(struct lines *l)
{
	buf_fini(&l->line);
}

struct sink sink_lines(struct lines *l)
{
	return (struct sink){ .fd = l->to->fd, .write = lines_write, .end = lines_end, .arg = l };
}
