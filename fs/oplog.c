#include "fs/oplog.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/path.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#define TEXT_MAX       4096 /* of a path, before it is quoted */
#define LINE_BYTES_MAX (64 * 1024)
#define GATHER_MS      50 /* lines that come close together are one write */

struct oplog {
	int dir_fd, fd;
	char *name, *old_name; /* in that folder */
	uint64_t max_bytes, size;
	bool sick; /* the last write failed; said once */
	pthread_t thread;

	pthread_mutex_t lock; /* all below; a leaf */
	pthread_cond_t wake;  /* there is something */
	pthread_cond_t idle;  /* the thread has ended */
	struct buf queue;
	bool ending, over;
	uint64_t dropped, told; /* lines that did not fit; those that a line has told of */
};

/* --- lines ------------------------------------------------------------------------ */

/* Bytes of the UTF-8 character at text; 0: it is none. */
static size_t utf8_char(const char *text, size_t n)
{
	const uint8_t *b = (const uint8_t *)text;
	size_t len = b[0] < 0x80                   ? 1
		     : b[0] >= 0xc2 && b[0] < 0xe0 ? 2
		     : b[0] >= 0xe0 && b[0] < 0xf0 ? 3
		     : b[0] >= 0xf0 && b[0] < 0xf5 ? 4
						   : 0;

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
		(b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
		return 0; /* too long, a surrogate, or past the last */
	return len;
}

void oplog_quote(const char *text, size_t n, struct buf *ret)
{
	while (n) {
		size_t len = utf8_char(text, n);

		if (!len)
			buf_str(ret, "\xef\xbf\xbd");
		else if (*text == '"' || *text == '\\')
			buf_printf(ret, "\\%c", *text);
		else if (len == 1 && ((uint8_t)*text < 0x20 || *text == 0x7f))
			buf_printf(ret, "\\u%04x", (uint8_t)*text);
		else
			buf_add(ret, text, len);
		len = len ? len : 1;
		text += len;
		n -= len;
	}
}

static void put_text(struct buf *line, const char *name, const char *text)
{
	if (!text)
		return;
	buf_printf(line, ",\"%s\":\"", name);
	oplog_quote(text, strnlen(text, TEXT_MAX), line);
	buf_char(line, '"');
}

static void put_time(struct buf *line, int64_t wall_ms)
{
	char text[32];

	rfc3339_print(wall_ms, text);
	text[strcspn(text, ".Z")] = '\0';
	buf_printf(line, "{\"time\":\"%s.%03dZ\"", text, (int)(wall_ms % 1000));
}

static void print(struct buf *line, const struct oplog_entry *e)
{
	put_time(line, e->wall_ms);
	put_text(line, "sandbox", e->sandbox);
	put_text(line, "op", e->op);
	put_text(line, "path", e->path);
	put_text(line, "to", e->to);
	buf_printf(line, ",%s\"bytes\":%llu,\"ms\":%lld.%03lld,\"errno\":%d",
		e->more ? e->more : "", (unsigned long long)e->bytes,
		(long long)(e->took_us / 1000), (long long)(e->took_us % 1000), e->error);
	if (e->error)
		put_text(line, "error", errno_name(-e->error));
	buf_str(line, "}\n");
}

/* lock held */
static void enqueue(struct oplog *l, const struct buf *line)
{
	bool first = !l->queue.len;

	if (l->ending)
		return;
	if (line->bad || l->queue.len + line->len > OPLOG_QUEUE_BYTES) {
		l->dropped++;
		return;
	}
	buf_add(&l->queue, line->data, line->len);
	if (first || l->queue.len > OPLOG_QUEUE_BYTES / 2)
		pthread_cond_signal(&l->wake);
}

void oplog_put(struct oplog *l, const struct oplog_entry *e)
{
	auto_buf line = BUF_INIT(LINE_BYTES_MAX);

	if (!l)
		return;
	print(&line, e);
	pthread_mutex_lock(&l->lock);
	enqueue(l, &line);
	pthread_mutex_unlock(&l->lock);
}

uint64_t oplog_dropped(struct oplog *l)
{
	uint64_t dropped;

	if (!l)
		return 0;
	pthread_mutex_lock(&l->lock);
	dropped = l->dropped;
	pthread_mutex_unlock(&l->lock);
	return dropped;
}

/* --- the file ------------------------------------------------------------------------- */

static int open_file(struct oplog *l)
{
	struct stat st;
	int fd = openat(l->dir_fd, l->name,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	l->size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	l->fd = fd;
	return 0;
}

/* One that cannot be put aside is gone on with, past its ceiling, rather than that it is lost. */
static void rotate(struct oplog *l)
{
	int old = l->fd;

	if (renameat(l->dir_fd, l->name, l->dir_fd, l->old_name) < 0 || open_file(l) < 0) {
		l->size = 0;
		return;
	}
	close(old);
}

static bool write_all(struct oplog *l, const char *bytes, size_t n)
{
	while (n) {
		ssize_t put = write(l->fd, bytes, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			break;
		l->size += (uint64_t)put;
		bytes += put;
		n -= (size_t)put;
	}
	if (n && !l->sick)
		log_warn("the operation log cannot be written: %s", strerror(errno));
	l->sick = n;
	return !n;
}

static uint64_t count_lines(const char *bytes, size_t n)
{
	uint64_t lines = 0;

	for (const char *at = bytes; (at = memchr(at, '\n', n - (size_t)(at - bytes))); at++)
		lines++;
	return lines;
}

/* lock held on entry and return, not while it writes */
static void write_queue(struct oplog *l)
{
	auto_buf lines = l->queue;
	uint64_t lost = l->dropped - l->told;
	bool ok;

	buf_init(&l->queue, OPLOG_QUEUE_BYTES);
	l->told = l->dropped;
	pthread_mutex_unlock(&l->lock);
	lines.max += 256; /* for the line that says how many are missing */
	if (lost) {
		put_time(&lines, clock_wall_ms());
		buf_printf(
			&lines, ",\"op\":\"dropped\",\"count\":%llu}\n", (unsigned long long)lost);
	}
	if (l->size && l->size + lines.len > l->max_bytes)
		rotate(l);
	ok = write_all(l, lines.data, lines.len);
	pthread_mutex_lock(&l->lock);
	if (!ok) {
		l->dropped += count_lines(lines.data, lines.len) - (lost > 0);
		l->told -= lost;
	}
}

static void gather(struct oplog *l)
{
	struct timespec until = deadline_timespec(deadline_after(GATHER_MS));

	while (!l->ending && l->queue.len < OPLOG_QUEUE_BYTES / 2 &&
		pthread_cond_timedwait(&l->wake, &l->lock, &until) != ETIMEDOUT)
		;
}

static void *work(void *arg)
{
	struct oplog *l = arg;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		while (!l->ending && !l->queue.len)
			pthread_cond_wait(&l->wake, &l->lock);
		if (!l->queue.len)
			break;
		gather(l);
		write_queue(l);
	}
	l->over = true;
	pthread_cond_broadcast(&l->idle);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* --- life ------------------------------------------------------------------------------- */

static void free_log(struct oplog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->dir_fd >= 0)
		close(l->dir_fd);
	buf_fini(&l->queue);
	pthread_cond_destroy(&l->idle);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->lock);
	free(l->name);
	free(l->old_name);
	free(l);
}

static int start(struct oplog *l, const char *path)
{
	const char *base = path_base(path);
	auto_free char *dir = base == path ? xstrdup(".") : xstrndup(path, (size_t)(base - path));
	int rc;

	l->name = xstrdup(base);
	l->old_name = xprintf("%s.1", base);
	l->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->dir_fd < 0)
		return -errno;
	rc = open_file(l);
	return rc < 0 ? rc : -pthread_create(&l->thread, NULL, work, l);
}

int oplog_open(const char *path, uint64_t max_bytes, struct oplog **ret, struct err *err)
{
	struct oplog *l = xcalloc(1, sizeof(*l));
	int rc;

	l->dir_fd = l->fd = -1;
	l->max_bytes = max_bytes;
	pthread_mutex_init(&l->lock, NULL);
	clock_cond_init(&l->wake);
	clock_cond_init(&l->idle);
	buf_init(&l->queue, OPLOG_QUEUE_BYTES);
	rc = start(l, path);
	if (rc < 0) {
		free_log(l);
		return err_set(err, rc, "opening the operation log %s: %s", path, strerror(-rc));
	}
	*ret = l;
	return 0;
}

void oplog_end(struct oplog *l)
{
	struct timespec until = deadline_timespec(deadline_after(OPLOG_CLOSE_MS));

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->ending = true;
	pthread_cond_broadcast(&l->wake);
	while (!l->over && pthread_cond_timedwait(&l->idle, &l->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&l->lock);
}

void oplog_close(struct oplog *l)
{
	if (!l)
		return;
	oplog_end(l);
	pthread_join(l->thread, NULL);
	free_log(l);
}
