#include "common/kube/dial.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/easy.h"
#include "common/kube/http.h"
#include "common/kube/status.h"
#include "common/kube/tls.h"
#include "common/kube/upgrade.h"

#include <poll.h>
#include <sys/random.h>

#define STOP_POLL_MS 100

struct dial {
	struct easy easy;
	CURLM *multi; /* must hold the handle for as long as its connection is used */
	int fd;
	void *tls; /* tls.h; NULL: unknown */
	bool plain;
	char protocol[64];
	struct buf early; /* came behind the upgrade's head; to be received first */
};

/* One attempt's surroundings. */
struct attempt {
	const struct kube_target *t;
	const struct dial_ask *ask;
	int64_t deadline_ms;
	struct err *err;
	char key[UPGRADE_KEY_BYTES];
	struct upgrade_answer answer;
	struct buf *body; /* of a refusal */
};

#define auto_dial struct dial *auto_with(close_dial_at)

static void close_dial_at(struct dial **d)
{
	dial_close(*d);
}

static int interrupted(const struct attempt *a)
{
	if (a->ask->stop && __atomic_load_n(a->ask->stop, __ATOMIC_RELAXED))
		return err_set(a->err, -ECANCELED, "cannot %s: interrupted", a->ask->what);
	if (deadline_passed(a->deadline_ms))
		return err_set(a->err, -ETIMEDOUT,
			"cannot %s: no answer from %s in time; try again", a->ask->what,
			a->t->server);
	return 0;
}

static int slice_ms(const struct attempt *a)
{
	int left_ms = deadline_left(a->deadline_ms);

	return left_ms < STOP_POLL_MS ? left_ms : STOP_POLL_MS;
}

/* Name, proxy, TCP and TLS, on the caller's thread but in steps, so that stop is seen. */
static int connect_tls(struct dial *d, const struct attempt *a)
{
	int running = 1, queued;
	CURLMsg *msg;
	int rc;

	curl_easy_setopt(d->easy.curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(d->easy.curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(d->easy.curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* Else giving up waits for a name server. */
	curl_easy_setopt(d->easy.curl, CURLOPT_QUICK_EXIT, 1L);
	d->multi = curl_multi_init();
	if (!d->multi || curl_multi_add_handle(d->multi, d->easy.curl) != CURLM_OK)
		return err_set(a->err, -ENOMEM, "cannot start libcurl");
	while (curl_multi_perform(d->multi, &running) == CURLM_OK && running) {
		rc = interrupted(a);
		if (rc < 0)
			return rc;
		curl_multi_poll(d->multi, NULL, 0, slice_ms(a), NULL);
	}
	msg = curl_multi_info_read(d->multi, &queued);
	if (!msg || msg->data.result != CURLE_OK)
		return easy_failed(
			&d->easy, a->t, msg ? msg->data.result : CURLE_FAILED_INIT, a->err);
	return 0;
}

static int find_socket(struct dial *d, const struct attempt *a)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (curl_easy_getinfo(d->easy.curl, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
		fd == CURL_SOCKET_BAD)
		return err_set(
			a->err, -EIO, "cannot reach %s: the connection has gone", a->t->server);
	d->fd = fd;
	return 0;
}

static void add_request(struct dial *d, struct attempt *a, struct buf *ret)
{
	uint8_t random[16];

	if (getrandom(random, sizeof random, 0) != sizeof random)
		abort();
	upgrade_key(random, a->key);
	buf_printf(ret, "GET %s%s HTTP/1.1\r\n", easy_prefix(a->t), a->ask->path);
	for (const struct curl_slist *h = d->easy.headers; h; h = h->next)
		buf_printf(ret, "%s\r\n", h->data);
	buf_str(ret, "User-Agent: " EASY_USER_AGENT "\r\n");
	upgrade_request(ret, a->key, a->ask->protocols);
	buf_str(ret, "\r\n");
}

static int wait_for(struct dial *d, short events, const struct attempt *a)
{
	struct pollfd p = { .fd = d->fd, .events = events };
	int rc = interrupted(a);

	if (rc == 0 && poll(&p, 1, slice_ms(a)) < 0 && errno != EINTR)
		rc = -errno;
	return rc;
}

static int send_all(struct dial *d, const char *bytes, size_t n, const struct attempt *a)
{
	while (n > 0) {
		ssize_t sent = dial_send(d, bytes, n);
		int rc = 0;

		if (sent == -EAGAIN)
			rc = wait_for(d, POLLOUT, a);
		else if (sent < 0)
			rc = easy_failed(&d->easy, a->t, CURLE_SEND_ERROR, a->err);
		if (rc < 0)
			return rc;
		if (sent > 0) {
			bytes += sent;
			n -= sent;
		}
	}
	return 0;
}

static int send_request(struct dial *d, struct attempt *a)
{
	auto_buf request = BUF_INIT(1024 * 1024); /* the API server's own limit */
	int rc;

	add_request(d, a, &request);
	rc = buf_check(&request);
	if (rc < 0)
		err_set(a->err, rc, "cannot %s: the request is over 1 MiB", a->ask->what);
	else
		rc = send_all(d, request.data, request.len, a);
	if (request.data)
		explicit_bzero(request.data, request.cap); /* the token */
	return rc;
}

/* Waits for some bytes and appends them. 1: got some; 0: the end. */
static int recv_more(struct dial *d, struct buf *into, const struct attempt *a)
{
	char chunk[16 * 1024];

	for (;;) {
		ssize_t n = dial_recv(d, chunk, sizeof chunk);
		int rc;

		if (n > 0)
			buf_add(into, chunk, n);
		if (n >= 0)
			return n > 0;
		if (n != -EAGAIN)
			return easy_failed(&d->easy, a->t, CURLE_RECV_ERROR, a->err);
		rc = wait_for(d, POLLIN, a);
		if (rc < 0)
			return rc;
	}
}

static int bad_answer(const struct attempt *a, int code)
{
	return err_set(a->err, code,
		"cannot %s: %s did not answer as a WebSocket server does; is a proxy between that "
		"cannot pass them?",
		a->ask->what, a->t->server);
}

static int recv_head(struct dial *d, struct buf *in, struct attempt *a)
{
	int rc;

	for (;;) {
		rc = upgrade_answer(buf_text(in), in->len, a->key, a->ask->protocols, &a->answer);
		if (rc != 0)
			return rc < 0 ? bad_answer(a, rc) : 0;
		rc = recv_more(d, in, a);
		if (rc == 0)
			return err_set(a->err, -ECONNRESET,
				"cannot %s: %s closed the connection without an answer",
				a->ask->what, a->t->server);
		if (rc < 0)
			return rc;
	}
}

/* A body that breaks off is shown as far as it came. */
static void recv_body(struct dial *d, struct buf *in, struct attempt *a)
{
	bool ended = false;
	int rc;

	do {
		rc = upgrade_body(&a->answer, in->data + a->answer.head_n,
			in->len - a->answer.head_n, ended, a->body);
		if (rc == 0)
			ended = recv_more(d, in, a) <= 0 || in->bad;
	} while (rc == 0);
}

static int converse(struct dial *d, struct attempt *a)
{
	auto_buf in = BUF_INIT(UPGRADE_HEAD_MAX + UPGRADE_BODY_MAX + 32 * 1024);
	int rc = send_request(d, a);

	if (rc == 0)
		rc = recv_head(d, &in, a);
	if (rc < 0)
		return rc;
	trace(EXEC, "upgrade of %s: HTTP %d %s", a->ask->what, a->answer.status,
		a->answer.protocol);
	if (a->answer.status != 101) {
		recv_body(d, &in, a);
		return 0;
	}
	memcpy(d->protocol, a->answer.protocol, sizeof d->protocol);
	d->plain = !a->t->tls;
	d->tls = d->plain ? NULL : tls_of(d->easy.curl);
	if (d->tls)
		tls_read_ahead(d->tls);
	buf_add(&d->early, in.data + a->answer.head_n, in.len - a->answer.head_n);
	return 0;
}

/* 0: a->answer tells what came. *generation: of the credentials presented. */
static int attempt(struct attempt *a, unsigned rejected, unsigned *generation, struct dial **ret)
{
	const struct halt halt = { .flag = { a->ask->stop }, .fd = { -1, -1 } };
	auto_dial d = xcalloc(1, sizeof *d);
	int rc;

	buf_init(&d->early, UPGRADE_HEAD_MAX + UPGRADE_BODY_MAX + 32 * 1024);
	d->fd = -1;
	rc = easy_init(&d->easy, a->t, a->ask->path, rejected, a->deadline_ms, &halt, a->err);
	if (rc < 0)
		return rc == -EINTR ? -ECANCELED : rc;
	*generation = d->easy.cred.generation;
	a->deadline_ms = easy_later(&d->easy, a->deadline_ms);
	rc = connect_tls(d, a);
	if (rc == 0)
		rc = find_socket(d, a);
	if (rc == 0)
		rc = converse(d, a);
	if (rc == 0)
		*ret = take_ptr(d);
	return rc;
}

static int open_twice(struct attempt *a, struct dial **ret)
{
	unsigned generation = 0;
	int rc = attempt(a, 0, &generation, ret);

	if (rc < 0 || a->answer.status != 401 || !a->t->tls || !cred_renewable(a->t->cred))
		return rc;
	dial_close(take_ptr(*ret));
	memset(&a->answer, 0, sizeof a->answer);
	return attempt(a, generation, &generation, ret);
}

int dial_open(const struct kube_target *t, const struct dial_ask *ask, int64_t deadline_ms,
	struct dial **ret, struct dial_refusal *ret_refusal, struct err *err)
{
	auto_buf body = BUF_INIT(UPGRADE_BODY_MAX);
	struct attempt a = {
		.t = t, .ask = ask, .deadline_ms = deadline_ms, .err = err, .body = &body
	};
	auto_dial d = NULL;
	int rc = open_twice(&a, &d);

	if (rc == 0 && a.answer.status != 101)
		rc = status_error(a.answer.status, buf_text(&body), body.len, ask->what, err);
	if (rc < 0) {
		if (ret_refusal)
			*ret_refusal = (struct dial_refusal){ a.answer.status, body.len == 0 };
		return rc;
	}
	*ret = take_ptr(d);
	return 0;
}

void dial_close(struct dial *d)
{
	if (!d)
		return;
	if (d->multi)
		curl_multi_remove_handle(d->multi, d->easy.curl);
	easy_fini(&d->easy);
	curl_multi_cleanup(d->multi);
	buf_fini(&d->early);
	free(d);
}

const char *dial_protocol(const struct dial *d)
{
	return d->protocol;
}

int dial_fd(const struct dial *d)
{
	return d->fd;
}

ssize_t dial_send(struct dial *d, const void *bytes, size_t n)
{
	size_t sent = 0;
	CURLcode code = curl_easy_send(d->easy.curl, bytes, n, &sent);

	if (code == CURLE_OK)
		return sent;
	return code == CURLE_AGAIN ? -EAGAIN : -ECONNRESET;
}

static size_t recv_early(struct dial *d, void *bytes, size_t n)
{
	size_t take = d->early.len < n ? d->early.len : n;

	memcpy(bytes, d->early.data, take);
	buf_drop(&d->early, take);
	if (d->early.len == 0)
		buf_fini(&d->early);
	return take;
}

ssize_t dial_recv(struct dial *d, void *bytes, size_t n)
{
	size_t got = 0;
	CURLcode code;

	if (d->early.len > 0)
		return recv_early(d, bytes, n);
	code = curl_easy_recv(d->easy.curl, bytes, n, &got);
	if (code == CURLE_OK)
		return got;
	return code == CURLE_AGAIN ? -EAGAIN : -ECONNRESET;
}

bool dial_has_more(const struct dial *d)
{
	return d->early.len > 0 || (d->tls ? tls_holds_more(d->tls) : !d->plain);
}
