#include "common/base/log.h"
#include "common/base/clock.h"

#include <stdatomic.h>

#define LINE_BYTES_MAX (16 * 1024)

static const char *const topic_names[] = { "op", "tree", "session", "frame", "exec", "rest",
	"watch", "local" };
#define TOPICS (sizeof(topic_names) / sizeof(*topic_names))

/* The only globals in the tree: who speaks, how much, where to. */
static const char *program_name = "sbx";
static atomic_int level_max = LOG_LEVEL_INFO;
static atomic_uint topics_on;
static atomic_int sink = 2;

void log_open(const char *program, enum log_level level)
{
	program_name = program;
	level_max = (int)level;
}

void log_to_fd(int fd)
{
	sink = fd;
}

static int topic_bit(const char *name, size_t n, unsigned *ret)
{
	if (n == 3 && memcmp(name, "all", 3) == 0) {
		*ret |= (1u << TOPICS) - 1;
		return 0;
	}
	for (size_t i = 0; i < TOPICS; i++) {
		if (strlen(topic_names[i]) == n && memcmp(name, topic_names[i], n) == 0) {
			*ret |= 1u << i;
			return 0;
		}
	}
	return -EINVAL;
}

int log_trace_set(const char *topics)
{
	unsigned on = 0;

	while (*topics) {
		size_t n = strcspn(topics, ",");

		if (n && topic_bit(topics, n, &on) < 0)
			return -EINVAL;
		topics += n;
		if (*topics)
			topics++;
	}
	topics_on = on;
	return 0;
}

int log_trace_from_env(void)
{
	const char *topics = getenv("SBX_TRACE");

	return topics ? log_trace_set(topics) : 0;
}

bool trace_on(enum trace_topic topic)
{
	return atomic_load_explicit(&topics_on, memory_order_relaxed) & (unsigned)topic;
}

/* Bytes that the first one of a UTF-8 sequence announces, or 0. */
static size_t utf8_want(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

/* Length of the valid, printable UTF-8 sequence at s, or 0. */
static size_t utf8_len(const uint8_t *s, size_t n)
{
	size_t want = utf8_want(s[0]);

	if (want == 0 || want > n)
		return 0;
	if (want == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	for (size_t i = 1; i < want; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* U+0080 to U+009F are terminal controls; then overlong, surrogates, past U+10FFFF */
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0))
		return 0;
	if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return want;
}

void log_escape(struct buf *ret, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n;) {
		size_t len = utf8_len(at + i, n - i);

		if (len) {
			buf_add(ret, at + i, len);
			i += len;
		} else {
			if (at[i] == '\n')
				buf_str(ret, "\\n");
			else if (at[i] == '\t')
				buf_str(ret, "\\t");
			else
				buf_printf(ret, "\\x%02x", at[i]);
			i++;
		}
	}
}

/* Where a secret starts after one of these words, it runs to a quote, blank or end. */
static void redact(struct buf *line)
{
	static const char *const before[] = { "Bearer ", "Basic ", "\"token\":\"", "\"token\": \"",
		"token=", "password=", "bearer.authorization.k8s.io." };

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		char *at = line->data;

		while (at && (at = strcasestr(at, before[i]))) {
			at += strlen(before[i]);
			for (; *at && !strchr(" \",'\\&;", *at); at++)
				*at = '*';
		}
	}
}

__attribute__((format(printf, 2, 0))) static void write_line(
	const char *what, const char *fmt, va_list ap)
{
	auto_buf raw = BUF_INIT(LINE_BYTES_MAX);
	auto_buf line = BUF_INIT(LINE_BYTES_MAX * 4 + 256);
	int saved = errno;
	ssize_t ignored;

	buf_vprintf(&raw, fmt, ap);
	if (buf_check(&raw) < 0) {
		buf_reset(&raw);
		buf_str(&raw, "(a line too long to log)");
	}
	if (what)
		buf_printf(&line, "%lld %s ", (long long)clock_now_ms(), what);
	else
		buf_printf(&line, "%s: ", program_name);
	log_escape(&line, buf_text(&raw), raw.len);
	redact(&line);
	buf_char(&line, '\n');
	ignored = write(sink, line.data, line.len); /* nowhere left to report to */
	(void)ignored;
	errno = saved;
}

#define LOG_AT(level)                                                                              \
	do {                                                                                       \
		va_list ap;                                                                        \
		if ((int)(level) > level_max)                                                      \
			return;                                                                    \
		va_start(ap, fmt);                                                                 \
		write_line(NULL, fmt, ap);                                                         \
		va_end(ap);                                                                        \
	} while (0)

void log_error(const char *fmt, ...)
{
	LOG_AT(LOG_LEVEL_ERROR);
}

void log_warn(const char *fmt, ...)
{
	LOG_AT(LOG_LEVEL_WARN);
}

void log_info(const char *fmt, ...)
{
	LOG_AT(LOG_LEVEL_INFO);
}

void trace_write(enum trace_topic topic, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(topic_names[__builtin_ctz((unsigned)topic)], fmt, ap);
	va_end(ap);
}
