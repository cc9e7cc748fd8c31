#include "plugin/copywatch.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define RATE_MS 3000 /* the rate is that of so long, or longer */

/* Where the walk stands after an entry. */
struct position {
	uint32_t root;
	char *path;
	bool left;
	bool file;
	uint64_t bytes;
};

struct copy_watch {
	struct copy_watch_spec spec;
	pthread_mutex_t lock; /* all below */
	uint32_t root;
	struct buf path;                   /* of the folders that were entered */
	size_t starts[PACK_DEPTH_MAX + 2]; /* where in it the name of each begins */
	int depth;
	char *begun; /* the path of the large file */
	uint64_t begun_bytes;
	uint64_t sure_bytes;

	struct position *at; /* a ring: entries that are not sure yet */
	size_t first, count, cap;
	uint64_t base;        /* the number of the first of them in its stream */
	struct position last; /* the last that is sure; path NULL: none */

	struct copy_sum sum;
	int64_t rate_from_ms;
	uint64_t rate_from_bytes, rate;
	bool line; /* stands on the terminal */
};

struct copy_watch *copy_watch_open(const struct copy_watch_spec *spec)
{
	struct copy_watch *w = xcalloc(1, sizeof(*w));

	w->spec = *spec;
	w->cap = 1024;
	w->at = xcalloc(w->cap, sizeof(*w->at));
	buf_init(&w->path, PACK_PATH_MAX);
	pthread_mutex_init(&w->lock, NULL);
	w->rate_from_ms = clock_now_ms();
	return w;
}

static void forget(struct copy_watch *w)
{
	for (; w->count; w->count--) {
		free(w->at[w->first].path);
		w->first = (w->first + 1) % w->cap;
	}
	w->base = 0;
	w->depth = 0;
	buf_reset(&w->path);
	free(take_ptr(w->begun));
}

void copy_watch_close(struct copy_watch *w)
{
	if (!w)
		return;
	forget(w);
	free(w->last.path);
	free(w->at);
	buf_fini(&w->path);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void copy_watch_again(struct copy_watch *w, struct pack_job *job)
{
	scoped_lock(&w->lock);
	forget(w);
	w->sum.bytes = w->sure_bytes;
	w->rate_from_ms = clock_now_ms();
	w->rate_from_bytes = w->sum.moved;
	if (!w->last.path || job->flags & PACK_JOB_SYNC)
		return; /* a sync finds out by itself */
	job->again = true;
	job->after_root = w->last.root;
	free(job->after);
	job->after = xstrdup(w->last.path);
	job->after_left = w->last.left;
}

/* --- what is told ------------------------------------------------------------------------ */

void copy_bytes_print(uint64_t n, char ret[static 24])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)n;
	int u = 0;

	for (; v >= 1000 && u < 6; u++)
		v /= 1024;
	snprintf(ret, 24, u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static void clear_line(struct copy_watch *w)
{
	if (w->line)
		fputs("\r\033[K", stderr);
	w->line = false;
}

void copy_watch_clear(struct copy_watch *w)
{
	scoped_lock(&w->lock);
	clear_line(w);
}

void copy_watch_say(struct copy_watch *w, const char *fmt, ...)
{
	va_list ap;
	scoped_lock(&w->lock);

	clear_line(w);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* lock held. SRC/path of the source's; DST: path of the sink's. */
static void tell(struct copy_watch *w, const struct pack_trouble *t, bool fail, bool sink)
{
	auto_buf what = BUF_INIT(4 * PACK_PATH_MAX);
	auto_buf why = BUF_INIT(4 * PACK_PATH_MAX);
	const char *src = t->root < w->spec.sources->count ? w->spec.sources->at[t->root] : "";
	FILE *to = fail || !sink || !w->spec.plain_notes ? stderr : stdout;

	if (t->root == UINT32_MAX) {
		log_escape(&what, w->spec.dst, strlen(w->spec.dst));
	} else {
		log_escape(&what, src, strlen(src));
		if (*t->path) {
			if (what.len && what.data[what.len - 1] != '/')
				buf_char(&what, '/');
			log_escape(&what, t->path, strlen(t->path));
		}
	}
	log_escape(&why, t->text, strlen(t->text));
	if (t->code) {
		if (why.len)
			buf_str(&why, ": ");
		buf_str(&why, strerror((int)(t->code & 0xfff)));
	}
	clear_line(w);
	if (to == stdout) {
		buf_reset(&what);
		log_escape(&what, t->path, strlen(t->path));
		fprintf(to, "%s %s\n", buf_text(&why), what.len ? buf_text(&what) : ".");
	} else
		fprintf(to, "%s%s%s: %s\n", fail ? "error: " : "",
			fail ? sink && t->root != UINT32_MAX ? "cannot write what is "
				: sink                       ? ""
							     : "cannot read "
			     : "",
			buf_text(&what), buf_text(&why));
}

static void take_trouble(
	struct copy_watch *w, uint8_t type, const uint8_t *data, size_t n, bool sink)
{
	auto_buf keep = BUF_INIT(PACK_FRAME_MAX);
	struct pack_trouble t;

	if (pack_trouble_take(data, n, &keep, &t) < 0)
		return;
	w->sum.failures += type == PACK_FAIL;
	if (type == PACK_FAIL || !w->spec.quiet)
		tell(w, &t, type == PACK_FAIL, sink);
}

/* --- what passes ---------------------------------------------------------------------------- */

static char *path_of(struct copy_watch *w, const char *name, size_t n)
{
	auto_buf b = BUF_INIT(PACK_PATH_MAX);

	buf_add(&b, buf_text(&w->path), w->path.len);
	if (b.len && n)
		buf_char(&b, '/');
	buf_add(&b, name, n);
	return xstrdup(buf_text(&b));
}

static void add_entry(struct copy_watch *w, char *path, bool left, bool file, uint64_t bytes)
{
	if (w->count == w->cap) {
		struct position *more = xcalloc(w->cap * 2, sizeof(*more));

		for (size_t i = 0; i < w->count; i++)
			more[i] = w->at[(w->first + i) % w->cap];
		free(w->at);
		w->at = more;
		w->first = 0;
		w->cap *= 2;
	}
	w->at[(w->first + w->count++) % w->cap] =
		(struct position){ w->root, path, left, file, bytes };
}

static void enter(struct copy_watch *w, const char *name, size_t n)
{
	add_entry(w, path_of(w, name, n), false, false, 0);
	if (w->depth > PACK_DEPTH_MAX)
		return;
	w->starts[w->depth++] = w->path.len;
	if (w->path.len && n)
		buf_char(&w->path, '/');
	buf_add(&w->path, name, n);
}

static void leave(struct copy_watch *w)
{
	add_entry(w, path_of(w, "", 0), true, false, 0);
	if (w->depth)
		buf_trim(&w->path, w->starts[--w->depth]);
}

static void moved(struct copy_watch *w, uint64_t n)
{
	w->sum.moved += n;
	w->sum.bytes += n;
}

static void take_total(struct copy_watch *w, const uint8_t *data, size_t n)
{
	struct pack_count c;

	if (pack_count_take(data, n, &c) < 0 || w->sum.all_known)
		return;
	w->sum.all_files = c.entries;
	w->sum.all_bytes = c.bytes;
	w->sum.all_known = c.failures;
}

static void take_entry(struct copy_watch *w, uint8_t type, const uint8_t *data, size_t n)
{
	struct reader r = reader_of(data, n);
	struct pack_meta m;

	if (pack_meta_take(&r, type, &m) < 0)
		return;
	if (type == PACK_ENTER) {
		enter(w, m.name, m.name_n);
	} else if (type == PACK_BEGIN) {
		free(w->begun);
		w->begun = path_of(w, m.name, m.name_n);
		w->begun_bytes = 0;
	} else {
		if (type == PACK_FILE)
			moved(w, r.left);
		add_entry(w, path_of(w, m.name, m.name_n), false, true,
			type == PACK_FILE ? r.left : 0);
	}
}

static void source_says(void *arg, uint8_t type, const uint8_t *data, size_t n)
{
	struct copy_watch *w = arg;
	struct reader r = reader_of(data, n);
	uint64_t at;
	scoped_lock(&w->lock);

	switch (type) {
	case PACK_ROOT:
		w->root = reader_u32(&r);
		return;
	case PACK_DATA_AT:
		moved(w, n > 8 ? n - 8 : 0);
		w->begun_bytes += n > 8 ? n - 8 : 0;
		return;
	case PACK_JUMP:
		at = reader_u64(&r);
		w->sum.bytes += at > w->begun_bytes ? at - w->begun_bytes : 0;
		w->begun_bytes = at;
		return;
	case PACK_END:
		if (w->begun)
			add_entry(w, take_ptr(w->begun), false, true, w->begun_bytes);
		return;
	case PACK_LEAVE:
		leave(w);
		return;
	case PACK_FAIL:
	case PACK_NOTE:
		take_trouble(w, type, data, n, false);
		return;
	case PACK_TOTAL:
		take_total(w, data, n);
		return;
	case PACK_LISTED:
		forget(w);
		return;
	case PACK_ENTER:
	case PACK_FILE:
	case PACK_BEGIN:
	case PACK_LINK:
	case PACK_FIFO:
	case PACK_HARD:
	case PACK_SAME:
		take_entry(w, type, data, n);
		return;
	}
}

/* lock held */
static void take_sure(struct copy_watch *w, uint64_t sure)
{
	while (w->count && w->base < sure) {
		struct position *p = &w->at[w->first];

		w->sum.files += p->file;
		w->sure_bytes += p->bytes;
		free(w->last.path);
		w->last = *p;
		w->first = (w->first + 1) % w->cap;
		w->count--;
		w->base++;
	}
}

static void sink_says(void *arg, uint8_t type, const uint8_t *data, size_t n)
{
	struct copy_watch *w = arg;
	struct reader r = reader_of(data, n);
	scoped_lock(&w->lock);

	if (type == PACK_SURE || type == PACK_DONE)
		take_sure(w, reader_u64(&r));
	else if (type == PACK_FAIL || type == PACK_NOTE)
		take_trouble(w, type, data, n, true);
}

struct pack_watch copy_watch_of(struct copy_watch *w)
{
	return (struct pack_watch){ source_says, sink_says, w };
}

struct copy_sum copy_watch_sum(struct copy_watch *w)
{
	scoped_lock(&w->lock);
	return w->sum;
}

/* --- progress ------------------------------------------------------------------------------- */

static void print_left(char *to, size_t n, uint64_t left, uint64_t rate)
{
	uint64_t s = rate ? left / rate : 0;

	if (!rate)
		snprintf(to, n, " ");
	else if (s >= 3600)
		snprintf(to, n, "  %ju:%02ju:%02ju left", (uintmax_t)(s / 3600),
			(uintmax_t)(s / 60 % 60), (uintmax_t)(s % 60));
	else
		snprintf(to, n, "  %ju:%02ju left", (uintmax_t)(s / 60), (uintmax_t)(s % 60));
}

static void measure(struct copy_watch *w)
{
	int64_t now = clock_now_ms();
	int64_t span = now - w->rate_from_ms;

	if (span > 0)
		w->rate = (w->sum.moved - w->rate_from_bytes) * 1000 / (uint64_t)span;
	if (span < RATE_MS)
		return;
	/* half of what was counted stays, so that it does not jump */
	w->rate_from_ms = now - span / 2;
	w->rate_from_bytes = w->sum.moved - w->rate * (uint64_t)(span / 2) / 1000;
}

static unsigned columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

void copy_watch_tick(struct copy_watch *w)
{
	char bytes[24], rate[24], all[32] = "", files[32] = "", left[40] = "", line[200];
	char rest_of[24];
	scoped_lock(&w->lock);

	if (!w->spec.progress)
		return;
	measure(w);
	copy_bytes_print(w->sum.bytes, bytes);
	copy_bytes_print(w->rate, rate);
	if (w->sum.all_known) {
		uint64_t rest =
			w->sum.all_bytes > w->sum.bytes ? w->sum.all_bytes - w->sum.bytes : 0;

		snprintf(files, sizeof(files), " of %ju", (uintmax_t)w->sum.all_files);
		copy_bytes_print(w->sum.all_bytes, rest_of);
		snprintf(all, sizeof(all), " of %s", rest_of);
		print_left(left, sizeof(left), rest, w->rate);
	}
	snprintf(line, sizeof(line), "%ju%s files, %s%s  %s/s%s", (uintmax_t)w->sum.files, files,
		bytes, all, rate, left);
	fprintf(stderr, "\r%.*s\033[K", (int)columns() - 1, line);
	w->line = true;
}
