#include "plugin/local/conn.h"
#include "common/base/log.h"
#include "plugin/local/status.h"

#include <errno.h>
#include <sys/socket.h>

#define HEADER_MAX (16u * 1024)
#define PIECE      (32u * 1024)
#define OUT_MAX    (64u << 20)
#define LOOK_MS    200 /* whether the client of a body that goes on is still there */

static char *header(struct lws *wsi, enum lws_token_indexes token)
{
	int n = lws_hdr_total_length(wsi, token);
	char *text;

	if (n <= 0 || (unsigned)n > HEADER_MAX)
		return NULL;
	text = xcalloc(1, (size_t)n + 1);
	if (lws_hdr_copy(wsi, text, n + 1, token) < 0)
		*text = '\0';
	return text;
}

static const struct {
	enum lws_token_indexes token;
	const char *method;
} methods[] = {
	{ WSI_TOKEN_GET_URI, "GET" },
	{ WSI_TOKEN_POST_URI, "POST" },
	{ WSI_TOKEN_PUT_URI, "PUT" },
	{ WSI_TOKEN_PATCH_URI, "PATCH" },
	{ WSI_TOKEN_DELETE_URI, "DELETE" },
	{ WSI_TOKEN_HEAD_URI, "HEAD" },
	{ WSI_TOKEN_OPTIONS_URI, "OPTIONS" },
};

static void take_arguments(struct conn *c)
{
	auto_free char *text = xcalloc(1, HEADER_MAX * 2);
	int i = 0;

	while (lws_hdr_copy_fragment(c->wsi, text, HEADER_MAX * 2, WSI_TOKEN_HTTP_URI_ARGS, i++) >=
		0)
		call_add_arg(&c->call, text);
}

void conn_reset(struct conn *c)
{
	call_fini(&c->call);
	answer_fini(&c->answer);
	buf_fini(&c->out);
	buf_init(&c->out, OUT_MAX);
	c->sent = 0;
	c->served = c->head_sent = c->ending = c->must_close = false;
}

void conn_take_request(struct conn *c)
{
	conn_reset(c);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!lws_hdr_total_length(c->wsi, methods[i].token))
			continue;
		snprintf(c->call.method, sizeof(c->call.method), "%s", methods[i].method);
		c->call.path = header(c->wsi, methods[i].token);
		break;
	}
	if (!c->call.path)
		c->call.path = xstrdup("/");
	c->call.accept = header(c->wsi, WSI_TOKEN_HTTP_ACCEPT);
	c->call.content_type = header(c->wsi, WSI_TOKEN_HTTP_CONTENT_TYPE);
	c->call.user_agent = header(c->wsi, WSI_TOKEN_HTTP_USER_AGENT);
	c->call.authorization = header(c->wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
	take_arguments(c);
}

static void put_head(struct conn *c)
{
	buf_printf(&c->out,
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nCache-Control: no-cache, private\r\n",
		c->answer.code, status_http_text(c->answer.code), c->answer.type);
	if (c->answer.source)
		buf_str(&c->out, "Transfer-Encoding: chunked\r\n");
	else
		buf_printf(&c->out, "Content-Length: %zu\r\n", c->answer.body.len);
	if (c->must_close)
		buf_str(&c->out, "Connection: close\r\n");
	buf_str(&c->out, "\r\n");
	if (!c->answer.source && strcmp(c->call.method, "HEAD") != 0)
		buf_add(&c->out, buf_text(&c->answer.body), c->answer.body.len);
	c->head_sent = true;
}

void conn_serve(struct conn *c, struct engine *e)
{
	api_serve(e, &c->call, &c->answer);
	c->served = true;
	trace(LOCAL, "%s %s %d", c->call.method, c->call.path, c->answer.code);
	put_head(c);
	buf_fini(&c->call.body);
	buf_fini(&c->answer.body);
	lws_set_timeout(
		c->wsi, c->answer.source ? NO_PENDING_TIMEOUT : PENDING_TIMEOUT_HTTP_CONTENT, 60);
	lws_callback_on_writable(c->wsi);
}

/* The next chunk of a body that goes on, with its length in front. */
static void fill(struct conn *c)
{
	auto_buf piece = BUF_INIT(OUT_MAX);
	int rc = c->answer.source->next(c->answer.source, &piece);

	if (piece.len) {
		buf_printf(&c->out, "%zx\r\n", piece.len);
		buf_add(&c->out, buf_text(&piece), piece.len);
		buf_str(&c->out, "\r\n");
	}
	if (rc < 0) {
		buf_str(&c->out, "0\r\n\r\n");
		c->ending = true;
	}
}

static int complete(struct conn *c)
{
	bool close = c->must_close;

	conn_reset(c);
	return lws_http_transaction_completed(c->wsi) || close ? -1 : 0;
}

/*
 * libwebsockets 4.1.6 reads nothing while it answers: when the client goes it spins on what there is to read,
 * until a write fails. So we look. (Its flow control would stop the answer, too.) Who waits for a body
 * that goes on says nothing but that he goes.
 */
static bool client_has_gone(const struct conn *c)
{
	char byte;

	return recv(lws_get_socket_fd(c->wsi), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EINTR);
}

static void wait_for_more(struct conn *c)
{
	int ms = c->answer.source->wait_ms;

	lws_set_timer_usecs(c->wsi, (lws_usec_t)(ms < LOOK_MS ? ms : LOOK_MS) * 1000);
}

int conn_write_http(struct conn *c)
{
	uint8_t room[LWS_PRE + PIECE];
	size_t n;

	if (!c->served)
		return 0;
	if (c->answer.source && client_has_gone(c))
		return -1;
	if (c->sent == c->out.len) {
		buf_reset(&c->out);
		c->sent = 0;
		if (c->ending || !c->answer.source)
			return complete(c);
		fill(c);
	}
	n = c->out.len - c->sent < PIECE ? c->out.len - c->sent : PIECE;
	if (n) {
		memcpy(room + LWS_PRE, c->out.data + c->sent, n);
		if (lws_write(c->wsi, room + LWS_PRE, n, LWS_WRITE_HTTP) < 0)
			return -1;
		c->sent += n;
		lws_callback_on_writable(c->wsi);
	} else {
		wait_for_more(c);
	}
	return buf_check(&c->out) < 0 ? -1 : 0;
}

void conn_refuse(struct conn *c)
{
	auto_buf out = BUF_INIT(64 * 1024);
	char pre[LWS_PRE] = "";

	put_head(c);
	buf_add(&out, pre, sizeof(pre));
	buf_add(&out, buf_text(&c->out), c->out.len);
	if (buf_check(&out) == 0)
		lws_write(c->wsi, (unsigned char *)out.data + LWS_PRE, out.len - LWS_PRE,
			LWS_WRITE_HTTP);
	conn_reset(c);
}

void conn_audit(struct conn *c, int code)
{
	log_info("audit %s %s %d \"%s\"", c->call.method, c->call.path, code,
		c->call.user_agent ? c->call.user_agent : "");
}
