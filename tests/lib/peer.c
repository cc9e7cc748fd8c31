#include "tests/lib/peer.h"

#include "common/base/clock.h"
#include "common/base/io.h"

#include <sys/socket.h>

#define PATIENCE_MS 60000

static bool fill(struct peer *p)
{
	ssize_t got =
		io_read_some(p->fd, buf_room(&p->in, 65536), 65536, deadline_after(PATIENCE_MS));

	if (got <= 0)
		return false;
	buf_grew(&p->in, (size_t)got);
	return true;
}

/* One line without its LF, NULL at the end of the input. */
static char *next_line(struct peer *p)
{
	for (;;) {
		const char *lf = p->in.len ? memchr(p->in.data, '\n', p->in.len) : NULL;
		char *line;

		if (!lf && !fill(p))
			return NULL;
		if (!lf)
			continue;
		line = xstrndup(p->in.data, (size_t)(lf - p->in.data));
		buf_drop(&p->in, (size_t)(lf - p->in.data) + 1);
		return line;
	}
}

static char *cut_word(char **at)
{
	char *word = *at;
	char *space = word ? strchr(word, ' ') : NULL;

	if (space)
		*space = '\0';
	*at = space ? space + 1 : NULL;
	return word;
}

static void serve_line(struct peer *p, const char *text)
{
	auto_free char *copy = xstrdup(text);
	auto_free char *whole = xstrdup(text);
	struct peer_line line = { .text = whole };
	char *at = copy;

	line.tag = cut_word(&at);
	line.op = cut_word(&at);
	for (size_t i = 0; i < 7 && at; i++)
		line.args[i] = cut_word(&at);
	p->serve(p, &line);
}

static void *run(void *arg)
{
	struct peer *p = arg;

	for (;;) {
		auto_free char *line = next_line(p);

		if (!line)
			return NULL;
		serve_line(p, line);
	}
}

int peer_open(struct peer *p, const char *hello,
	void (*serve)(struct peer *p, const struct peer_line *line), void *arg)
{
	int fds[2];

	if (io_pair(fds) < 0)
		abort();
	*p = (struct peer){
		.fd = fds[0], .serve = serve, .arg = arg, .in = BUF_INIT(256 * 1024 * 1024)
	};
	peer_send(p, hello, strlen(hello));
	if (pthread_create(&p->thread, NULL, run, p))
		abort();
	return fds[1];
}

void peer_send(struct peer *p, const void *bytes, size_t n)
{
	/* A test that has hung up already does not listen; that is its choice. */
	int rc = io_write_all(p->fd, bytes, n, deadline_after(PATIENCE_MS));

	(void)rc;
}

void peer_say(struct peer *p, const char *fmt, ...)
{
	auto_buf text = BUF_INIT(1024 * 1024);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	peer_send(p, text.data, text.len);
}

void peer_body(struct peer *p, size_t n, struct buf *ret)
{
	while (p->in.len < n && fill(p))
		;
	if (p->in.len < n)
		return;
	buf_add(ret, p->in.data, n);
	buf_drop(&p->in, n);
}

void peer_hang_up(struct peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
}

void peer_close(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->fd);
	buf_fini(&p->in);
}
