/*
 * One HTTP exchange with the API server over a pool of kept connections.
 * Knows libcurl and nothing of Kubernetes' objects.
 *
 * A slot of the pool is a libcurl multi handle with its connections; an
 * exchange takes one (the last used first, so that connections stay warm) and
 * drives it on the caller's thread. libcurl's own sharing of connections
 * between threads is not safe in 7.88. Any thread.
 */
#ifndef SBX_KUBE_HTTP_H
#define SBX_KUBE_HTTP_H

#include "common/base/buf.h"
#include "common/kube/target.h"

#include <sys/types.h>

struct http;
struct rest_line;

/*
 * What ends a wait before its time: a flag, and a descriptor that becomes readable with it. NULL
 * and -1 are not there; a flag without a descriptor is seen within 100 ms.
 */
struct halt {
	const volatile bool *flag[2];
	int fd[2]; /* never read from */
};

/* Waits that long, or less: -EINTR when halted. */
int halt_wait(const struct halt *halt, int wait_ms);
bool halted(const struct halt *halt);

/* Not 0: ends the exchange, and is its result. */
typedef int http_chunk(void *arg, const char *bytes, size_t n);
typedef int http_tick(void *arg);
/* The escaped text of a "Warning: 299" header. */
typedef void http_warning(void *arg, const char *text);

struct exchange {
	/* asked; borrowed */
	const char *method, *path;
	const char *accept, *content_type;
	const char *body; /* NULL: none */
	size_t body_bytes;
	bool repeatable;     /* may libcurl send it again when a kept connection turns out dead? */
	int64_t deadline_ms; /* whole exchange */
	int silence_ms;      /* no byte for so long: -ETIMEDOUT; 0: only the deadline counts */
	size_t answer_max;   /* -EMSGSIZE past it */
	http_chunk *chunk;   /* takes a 2xx answer's body; NULL: gathered in answer */
	http_tick *begun;    /* once, when a 2xx answer has begun; NULL: none */
	http_tick *tick;     /* about once a second; NULL: none */
	http_warning *warning;
	void *arg, *warning_arg;
	struct halt halt;

	/* answered */
	int status;             /* 0: no answer came */
	int64_t retry_after_ms; /* -1: the server did not say */
	struct rest_line *line; /* asked; NULL: nobody wants to know */
	struct buf answer;      /* what was not given to chunk */
};

int http_open(const struct kube_target *t, struct http **ret);

/* How far the server's clock is ahead of ours, by the last answer's Date; 0: not known, or next to nothing. */
int64_t http_ahead_ms(const struct http *h);
void http_close(struct http *h);

/*
 * 0: an answer came whole, whatever its status. 401 is tried again once with renewed credentials.
 * Else -errno and the sentence of easy.h, or chunk's or tick's result; -EINTR halted, -ETIMEDOUT
 * (both before it was sent, for credentials: -ECANCELED, unless repeatable), -EMSGSIZE. -ECONNRESET: the connection was lost, and whether the server acted is not known.
 */
int http_exchange(struct http *h, struct exchange *x, struct err *err);
void exchange_fini(struct exchange *x);

static inline bool http_ok(int status)
{
	return status >= 200 && status < 300;
}

#endif
