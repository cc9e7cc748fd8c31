#include "common/kube/http.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/easy.h"
#include "common/kube/rest.h"

#include <limits.h>
#include <poll.h>

#define SLOTS_KEPT      8
#define SLICE_MS        100 /* a flag has no descriptor to wait on */
#define TICK_MS         1000
#define START_MS        30000        /* for credentials, and then for the connection */
#define REFUSAL_MAX     (256 * 1024) /* of an error's body; more tells nothing */
#define RETRY_AFTER_MAX 60   /* s; a page for maintenance may say hours, and be gone sooner */
#define CLOCK_MS        5000 /* less is no difference, and an answer that took longer tells none */

struct slot {
	CURLM *multi;
	struct slot *next;
};

struct http {
	const struct kube_target *target; /* borrowed */
	int64_t ahead_ms;                 /* by __atomic */
	pthread_mutex_t lock;             /* the two below */
	struct slot *idle;
	int idle_count;
};

/* One attempt, while it runs. */
struct attempt {
	struct http *http;
	struct exchange *x;
	int64_t began_wall_ms;
	struct easy easy;
	size_t sent;      /* of the body */
	int64_t heard_ms; /* when the last byte came */
	int64_t ticked_ms;
	int result; /* of chunk, tick or a full buffer; ends the attempt */
};

bool halted(const struct halt *halt)
{
	for (int i = 0; i < 2; i++) {
		if (halt->flag[i] && __atomic_load_n(halt->flag[i], __ATOMIC_ACQUIRE))
			return true;
	}
	return false;
}

/* Is there a flag that no descriptor speaks for? */
static bool must_look(const struct halt *halt)
{
	return (halt->flag[0] && halt->fd[0] < 0) || (halt->flag[1] && halt->fd[1] < 0);
}

/* Every flag is looked at after each slice; a descriptor only shortens the wait. */
int halt_wait(const struct halt *halt, int wait_ms)
{
	int64_t deadline = deadline_after(wait_ms);

	while (!halted(halt)) {
		struct pollfd fds[2] = { { halt->fd[0], POLLIN, 0 }, { halt->fd[1], POLLIN, 0 } };
		int left = deadline_left(deadline);

		if (left == 0)
			return 0;
		if (poll(fds, 2, left < SLICE_MS || !must_look(halt) ? left : SLICE_MS) > 0)
			return -EINTR;
	}
	return -EINTR;
}

static void slot_close(struct slot *s)
{
	if (s->multi)
		curl_multi_cleanup(s->multi);
	free(s);
}

static struct slot *slot_take(struct http *h)
{
	struct slot *s;

	{
		scoped_lock(&h->lock);
		s = h->idle;
		if (s) {
			h->idle = s->next;
			h->idle_count--;
			return s;
		}
	}
	s = xcalloc(1, sizeof(*s));
	s->multi = curl_multi_init();
	if (!s->multi)
		abort();
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, 2L);
	return s;
}

static void slot_give(struct http *h, struct slot *s)
{
	{
		scoped_lock(&h->lock);
		if (h->idle_count < SLOTS_KEPT) {
			s->next = h->idle;
			h->idle = s;
			h->idle_count++;
			return;
		}
	}
	slot_close(s);
}

int http_open(const struct kube_target *t, struct http **ret)
{
	struct http *h = xcalloc(1, sizeof(*h));

	h->target = t;
	pthread_mutex_init(&h->lock, NULL);
	*ret = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	while (h->idle) {
		struct slot *s = h->idle;

		h->idle = s->next;
		slot_close(s);
	}
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void exchange_fini(struct exchange *x)
{
	buf_fini(&x->answer);
}

static int status_of(CURL *curl)
{
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

/* A refusal's body is only for its sentence: what is too much is dropped, not an error. */
static void keep(struct attempt *a, const char *bytes, size_t n, bool ok)
{
	struct buf *answer = &a->x->answer;

	if (!ok) {
		size_t room = answer->len < REFUSAL_MAX ? REFUSAL_MAX - answer->len : 0;

		buf_add(answer, bytes, n < room ? n : room);
		return;
	}
	buf_add(answer, bytes, n);
	a->result = buf_check(answer);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;
	bool ok = http_ok(status_of(a->easy.curl));

	n *= size;
	a->heard_ms = clock_now_ms();
	if (ok && a->x->chunk)
		a->result = a->x->chunk(a->x->arg, bytes, n);
	else
		keep(a, bytes, n, ok);
	return a->result == 0 ? n : 0;
}

/* Seconds or a date (RFC 9110 10.2.3). */
static int64_t parse_retry_after(const char *value)
{
	char *end;
	long s = strtol(value, &end, 10);

	if (end == value || *end) {
		time_t at = curl_getdate(value, NULL);

		s = at == -1 ? -1 : (long)(at - clock_wall_ms() / 1000);
		if (at != -1 && s < 0)
			s = 0;
	}
	if (s < 0)
		return -1;
	return (s > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : s) * 1000;
}

/* 299 AGENT "TEXT" ["DATE"] */
static void take_warning(struct exchange *x, const char *value)
{
	const char *open = strchr(value, '"');
	const char *close = open ? strrchr(open + 1, '"') : NULL;
	auto_buf text = BUF_INIT(8192);

	if (strncmp(value, "299 ", 4) != 0 || !close)
		return;
	log_escape(&text, open + 1,
		(size_t)(close - open - 1) < 1024 ? (size_t)(close - open - 1) : 1024);
	trace(REST, "warning: %s", buf_text(&text));
	if (x->warning)
		x->warning(x->warning_arg, buf_text(&text));
}

/* Whole seconds: in the middle it is half a second more. */
static void take_date(struct attempt *a, const char *value)
{
	int64_t date_ms = (int64_t)curl_getdate(value, NULL) * 1000;
	int64_t now_ms = clock_wall_ms(), ahead_ms = date_ms + 500 - now_ms;

	if (a->x->line)
		a->x->line->date_ms = date_ms;
	if (date_ms <= 0 || now_ms - a->began_wall_ms > CLOCK_MS)
		return;
	if (ahead_ms > -CLOCK_MS && ahead_ms < CLOCK_MS)
		ahead_ms = 0;
	__atomic_store_n(&a->http->ahead_ms, ahead_ms, __ATOMIC_RELAXED);
}

int64_t http_ahead_ms(const struct http *h)
{
	return __atomic_load_n(&h->ahead_ms, __ATOMIC_RELAXED);
}

static const char *header_value(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	for (line += n + 1; *line == ' ' || *line == '\t'; line++)
		;
	return line;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;
	auto_free char *line = xstrndup(bytes, size * n);
	const char *value;

	line[strcspn(line, "\r\n")] = '\0';
	a->heard_ms = clock_now_ms();
	if (!*line && a->x->begun && http_ok(status_of(a->easy.curl)))
		a->result = a->x->begun(a->x->arg);
	else if (strncmp(line, "HTTP/", 5) == 0) /* also after a proxy's answer and after 1xx */
		a->x->retry_after_ms = -1;
	else if ((value = header_value(line, "Retry-After")))
		a->x->retry_after_ms = parse_retry_after(value);
	else if ((value = header_value(line, "Warning")))
		take_warning(a->x, value);
	else if ((value = header_value(line, "Date")))
		take_date(a, value);
	return a->result == 0 ? size * n : 0;
}

static size_t on_send(char *bytes, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;
	size_t left = a->x->body_bytes - a->sent;

	n *= size;
	if (n > left)
		n = left;
	memcpy(bytes, a->x->body + a->sent, n);
	a->sent += n;
	return n;
}

/*
 * libcurl seeks when it would repeat a request on another connection, for any method. What must not
 * be done twice refuses here, and the caller learns that the connection was lost.
 */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct attempt *a = arg;

	if (!a->x->repeatable || origin != SEEK_SET || offset < 0 ||
		(size_t)offset > a->x->body_bytes)
		return CURL_SEEKFUNC_FAIL;
	a->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static void set_body(struct attempt *a)
{
	CURL *c = a->easy.curl;

	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)a->x->body_bytes);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(c, CURLOPT_READDATA, a);
	curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(c, CURLOPT_SEEKDATA, a);
	easy_header(&a->easy, "Expect:");
	easy_header(&a->easy, "Content-Type: %s", a->x->content_type);
}

static void set_request(struct attempt *a)
{
	CURL *c = a->easy.curl;

	if (a->x->body)
		set_body(a);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, a->x->method);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L); /* a halt must not wait for a name server */
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, a);
	if (a->x->accept)
		easy_header(&a->easy, "Accept: %s", a->x->accept);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, 0L); /* drive() watches the deadline */
}

/* true when libcurl is done with it. */
static bool finished(CURLM *multi, CURLcode *ret)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(multi, &left))) {
		if (m->msg == CURLMSG_DONE) {
			*ret = m->data.result;
			return true;
		}
	}
	return false;
}

/* The nearest of all that must be looked at by time. */
static int next_look(const struct attempt *a, int64_t now)
{
	const struct exchange *x = a->x;
	int64_t at = x->deadline_ms;

	if (x->silence_ms && a->heard_ms + x->silence_ms < at)
		at = a->heard_ms + x->silence_ms;
	if (x->tick && a->ticked_ms + TICK_MS < at)
		at = a->ticked_ms + TICK_MS;
	if (must_look(&x->halt) && now + SLICE_MS < at)
		at = now + SLICE_MS;
	return at <= now ? 0 : at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

static void wait_a_little(struct attempt *a, CURLM *multi)
{
	struct curl_waitfd extra[2];
	unsigned n = 0;

	for (int i = 0; i < 2; i++) {
		if (a->x->halt.fd[i] >= 0)
			extra[n++] = (struct curl_waitfd){ .fd = a->x->halt.fd[i],
				.events = CURL_WAIT_POLLIN };
	}
	curl_multi_poll(multi, extra, n, next_look(a, clock_now_ms()), NULL);
}

static int look_at_clock(struct attempt *a)
{
	struct exchange *x = a->x;
	int64_t now = clock_now_ms();

	if (halted(&x->halt))
		return -EINTR;
	if (now >= x->deadline_ms || (x->silence_ms && now - a->heard_ms >= x->silence_ms))
		return -ETIMEDOUT;
	if (x->tick && now - a->ticked_ms >= TICK_MS) {
		a->ticked_ms = now;
		return x->tick(x->arg);
	}
	return 0;
}

/* 0: libcurl ended it, and *ret is its word. */
static int drive(struct attempt *a, CURLM *multi, CURLcode *ret)
{
	int running, rc;

	for (;;) {
		curl_multi_perform(multi, &running);
		if (finished(multi, ret))
			return 0;
		rc = look_at_clock(a);
		if (rc != 0)
			return rc;
		wait_a_little(a, multi);
	}
}

static int explain(struct http *h, struct attempt *a, int rc, CURLcode code, struct err *err)
{
	if (a->result)
		return a->result == -EMSGSIZE
			       ? err_set(err, -EMSGSIZE, "the answer of %s is too large",
					 h->target->server)
			       : a->result;
	if (rc == -EINTR)
		return err_set(err, rc, "interrupted");
	if (rc == -ETIMEDOUT)
		return err_set(err, rc,
			"%s did not answer in time; is the cluster reachable from here?",
			h->target->server);
	if (rc != 0)
		return rc;
	if (code == CURLE_OK)
		return 0;
	if (code == CURLE_SEND_FAIL_REWIND || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM)
		return err_set(
			err, -ECONNRESET, "the connection to %s was lost", h->target->server);
	return easy_failed(&a->easy, h->target, code, err);
}

static const char *version_of(CURL *curl)
{
	long version = 0;

	curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
	return version == CURL_HTTP_VERSION_2_0 ? "HTTP/2" : "HTTP/1";
}

static int64_t time_of(CURL *curl, CURLINFO what)
{
	curl_off_t us = 0;

	curl_easy_getinfo(curl, what, &us);
	return us;
}

static void show_line(CURL *curl, struct rest_line *ret)
{
	long connects = 0, version = 0;

	curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
	curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
	ret->http2 = version == CURL_HTTP_VERSION_2_0;
	ret->took_us = time_of(curl, CURLINFO_TOTAL_TIME_T);
	ret->here_ms = clock_wall_ms() - ret->took_us / 2000;
	if (!connects)
		return;
	ret->connect_us = time_of(curl, CURLINFO_CONNECT_TIME_T);
	ret->tls_us = time_of(curl, CURLINFO_APPCONNECT_TIME_T);
}

/* The credentials did not come: of what is not to be done twice it is sure that it was not done. */
static int unsent(const struct exchange *x, int rc)
{
	return !x->repeatable && (rc == -EINTR || rc == -ETIMEDOUT) ? -ECANCELED : rc;
}

static int attempt(struct http *h, struct exchange *x, unsigned *generation, struct err *err)
{
	struct attempt a = { .http = h, .x = x };
	CURLcode code = CURLE_OK;
	int64_t start_by = deadline_after(START_MS);
	struct slot *s;
	int rc;

	if (halted(&x->halt))
		return err_set(err, -EINTR, "interrupted");
	if (start_by > x->deadline_ms)
		start_by = x->deadline_ms;
	rc = easy_init(&a.easy, h->target, x->path, *generation, start_by, &x->halt, err);
	if (rc < 0)
		return unsent(x, rc);
	*generation = a.easy.cred.generation;
	x->deadline_ms = easy_later(&a.easy, x->deadline_ms);
	set_request(&a);
	a.heard_ms = a.ticked_ms = clock_now_ms();
	a.began_wall_ms = clock_wall_ms();
	s = slot_take(h);
	curl_multi_add_handle(s->multi, a.easy.curl);
	rc = drive(&a, s->multi, &code);
	curl_multi_remove_handle(s->multi, a.easy.curl);
	slot_give(h, s);
	x->status = status_of(a.easy.curl);
	if (x->line)
		show_line(a.easy.curl, x->line);
	rc = explain(h, &a, rc, code, err);
	trace(REST, "%s %s: %s, status %d, %s", x->method, x->path, version_of(a.easy.curl),
		x->status, rc < 0 ? errno_name(rc) : "ok");
	easy_fini(&a.easy);
	return rc;
}

static void forget_answer(struct exchange *x)
{
	buf_fini(&x->answer);
	buf_init(&x->answer, x->answer_max);
	x->status = 0;
	x->retry_after_ms = -1;
}

int http_exchange(struct http *h, struct exchange *x, struct err *err)
{
	unsigned generation = 0;
	int rc;

	forget_answer(x);
	rc = attempt(h, x, &generation, err);
	if (rc != 0 || x->status != 401 || !cred_renewable(h->target->cred))
		return rc;
	forget_answer(x);
	return attempt(h, x, &generation, err);
}
