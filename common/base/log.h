/*
 * Log levels for people, trace topics for developers.
 *
 * log_* is for mains, thread roots and common/session; libraries return
 * errors instead. trace() may stand anywhere: off by default, never
 * compiled out, chosen by SBX_TRACE=frame,exec or log_trace_set().
 *
 * A line: monotonic ms, topic or level, text. Control bytes and non-UTF-8
 * are escaped, and what looks like a credential ("Bearer ...", the values
 * of Authorization headers, JSON "token" members) is cut, at the sink.
 * Any thread. A line is one write.
 */
#ifndef SBX_BASE_LOG_H
#define SBX_BASE_LOG_H

#include "common/base/buf.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO };

enum trace_topic {
	TRACE_OP = 1 << 0,      /* file system operations */
	TRACE_TREE = 1 << 1,    /* the live list of sandboxes */
	TRACE_SESSION = 1 << 2, /* connecting, placing the agent, losing a stream */
	TRACE_FRAME = 1 << 3,   /* messages of the remote protocol */
	TRACE_EXEC = 1 << 4,    /* exec streams and WebSocket frames */
	TRACE_REST = 1 << 5,    /* HTTP requests */
	TRACE_WATCH = 1 << 6,   /* watch events */
	TRACE_LOCAL = 1 << 7,   /* the one-machine engine */
};

void log_open(const char *program, enum log_level level); /* program: borrowed for ever */
void log_to_fd(int fd);                                   /* default 2; borrowed */
int log_trace_set(const char *topics); /* "frame,exec", "all"; -EINVAL: unknown name, nothing set */
int log_trace_from_env(void);          /* SBX_TRACE; unset is 0 */

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool trace_on(enum trace_topic topic);
void trace_write(enum trace_topic topic, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* trace(SESSION, "opened %s", name) */
#define trace(topic, ...)                                                                          \
	do {                                                                                       \
		if (trace_on(TRACE_##topic))                                                       \
			trace_write(TRACE_##topic, __VA_ARGS__);                                   \
	} while (0)

/* Appends bytes so that a terminal is safe: control and non-UTF-8 bytes become \xHH, \n etc. */
void log_escape(struct buf *ret, const void *bytes, size_t n);

#endif
