#include "plugin/folderstream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#define PIECE       (128 * 1024)
#define INPUT_PIECE (64 * 1024)
#define SHORT_PIECES                                                                               \
	16 /* so much of an output, each PIPE_BUF, is taken before its thread is there */
#define POLL_MS 1000

void folder_stream_ring(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

/* Until fd is ready; false: the job is to stop. */
static bool await(struct folder_stream *s, int fd, short events, int ms)
{
	struct pollfd fds[] = { { s->stop, POLLIN, 0 }, { fd, events, 0 } };

	for (;;) {
		int n = poll(fds, 2, ms);

		if (fds[0].revents)
			return false;
		if (n > 0 || ms >= 0)
			return true;
	}
}

static bool put(struct folder_stream *s, const char *at, size_t n)
{
	while (n && await(s, s->sink->fd, POLLOUT, -1)) {
		ssize_t taken = sink_write(s->sink, at, n);

		if (taken < 0 && taken != -EAGAIN && taken != -EINTR) {
			s->broken = true;
			return false;
		}
		if (taken > 0) {
			at += taken;
			n -= (size_t)taken;
			s->at += (size_t)taken;
		}
	}
	return n == 0;
}

/*
 * What is there already, without a thread as long as nothing has to be waited for: most runs are short.
 * true: that was all of it.
 */
static bool copy_at_once(struct folder_stream *s)
{
	struct pollfd ready = { s->sink->fd, POLLOUT, 0 };
	char bytes[PIPE_BUF];

	for (int i = 0; i < SHORT_PIECES; i++) {
		ssize_t n, taken;

		if (s->at >= s->until)
			return true;
		n = pread(s->fd, bytes, sizeof(bytes), (off_t)s->at);
		if (n <= 0)
			return n == 0 || (errno != EAGAIN && errno != EINTR);
		if (s->sink->write || poll(&ready, 1, 0) <= 0)
			return false;
		taken = sink_write(s->sink, bytes, (size_t)n);
		if (taken < 0)
			return s->broken = taken != -EAGAIN && taken != -EINTR;
		s->at += (size_t)taken;
	}
	return false;
}

static void *copy_out(void *arg)
{
	struct folder_stream *s = arg;
	auto_free char *bytes = xmalloc(PIECE);

	while (s->at < s->until) {
		ssize_t n = pread(s->fd, bytes, PIECE, (off_t)s->at);

		/* asked again now and then: a wake-up that is lost must not be the end */
		if (n < 0 && errno == EAGAIN && await(s, s->fd, POLLIN, POLL_MS))
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !put(s, bytes, (size_t)n))
			break;
	}
	sink_end(s->sink);
	folder_stream_ring(s->bell);
	return NULL;
}

static bool put_input(struct folder_stream *s, const char *at, size_t n)
{
	while (n) {
		ssize_t put = write(s->fd, at, n);

		if (put < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (put < 0 && !await(s, s->fd, POLLOUT, POLL_MS))
			return false;
		if (put > 0) {
			at += put;
			n -= (size_t)put;
		}
	}
	return true;
}

/* Closing it is end of file there. */
static void *copy_in(void *arg)
{
	struct folder_stream *s = arg;
	auto_free char *bytes = xmalloc(INPUT_PIECE);

	while (await(s, s->from, POLLIN, -1)) {
		ssize_t n = read(s->from, bytes, INPUT_PIECE);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0 || !put_input(s, bytes, (size_t)n))
			break;
	}
	close(s->fd);
	s->fd = -1;
	return NULL;
}

static int start(struct folder_stream *s, void *(*run)(void *))
{
	int rc = pthread_create(&s->thread, NULL, run, s);

	s->running = rc == 0;
	return -rc;
}

int folder_stream_out(struct folder_stream *s)
{
	if (!copy_at_once(s))
		return start(s, copy_out);
	sink_end(s->sink);
	folder_stream_ring(s->bell);
	return 0;
}

int folder_stream_in(struct folder_stream *s)
{
	return start(s, copy_in);
}

void folder_stream_end(struct folder_stream *s)
{
	if (s->running)
		pthread_join(s->thread, NULL);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
