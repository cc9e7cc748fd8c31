#include "plugin/local/server.h"
#include "common/base/log.h"
#include "plugin/local/conn.h"
#include "plugin/local/pods.h"
#include "plugin/local/pump.h"
#include "plugin/local/status.h"

#define SERVICE_BUFFER (64u * 1024)
#define HEADERS_MAX    (64u * 1024)
#define CONNECTIONS    1000
#define PROTOCOLS      8

struct server {
	struct engine *engine;
	struct lws_context *context;
	struct lws_protocols protocols[PROTOCOLS];
	lws_retry_bo_t keepalive;
	struct conn *conns; /* service thread */
	bool stopping;      /* atomic */
	bool woken;         /* atomic: bodies that go on are to be asked */
};

static struct server *server_of(struct lws *wsi)
{
	return lws_context_user(lws_get_context(wsi));
}

static struct conn *conn_of(struct lws *wsi)
{
	struct server *s = server_of(wsi);
	struct conn *c = lws_get_opaque_user_data(wsi);

	if (c)
		return c;
	c = xcalloc(1, sizeof(*c));
	c->server = s;
	c->wsi = wsi;
	call_init(&c->call);
	answer_init(&c->answer);
	conn_reset(c);
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	lws_set_opaque_user_data(wsi, c);
	return c;
}

static void conn_free(struct conn *c)
{
	struct server *s = c->server;

	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (c->stream) {
		stream_abandon(c->stream);
		stream_unref(c->stream);
		pump_kick(s->engine->pump);
	}
	conn_reset(c);
	buf_fini(&c->out);
	buf_fini(&c->message);
	lws_set_opaque_user_data(c->wsi, NULL);
	free(c);
}

static uint64_t content_length(struct lws *wsi)
{
	char text[24] = "";

	if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0)
		return 0;
	return strtoull(text, NULL, 10);
}

static int refuse_body(struct conn *c, int code, const char *text)
{
	answer_status(&c->answer, status_make(code, NULL, "%s", text));
	c->must_close = true;
	conn_refuse(c);
	return -1;
}

static int on_request(struct conn *c)
{
	uint64_t length = content_length(c->wsi);

	conn_take_request(c);
	if (length > CALL_BODY_MAX)
		return refuse_body(c, 413, "the request is larger than 3 MiB");
	if (!length && lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING))
		return refuse_body(c, 411, "send a Content-Length");
	if (!length)
		conn_serve(c, c->server->engine);
	return 0;
}

static int on_body(struct conn *c, const void *bytes, size_t n)
{
	if (c->served)
		return 0;
	/*
	 * libwebsockets 4.1.6 spins for ever in its list of buffered bytes when several requests with
	 * bodies follow on one kept connection; so one with a body is the last of its connection.
	 */
	c->must_close = true;
	buf_add(&c->call.body, bytes, n);
	return buf_check(&c->call.body) < 0 ? -1 : 0;
}

/* The protocol is chosen here, by the same rule as libwebsockets goes by: the first that we know.
 */
static int on_upgrade(struct conn *c, const char *what)
{
	struct server *s = c->server;
	auto_with(stream_target_fini) struct stream_target target = { 0 };
	char offered[512] = "";

	conn_take_request(c);
	if (!what || strcasecmp(what, "websocket") != 0)
		return -1;
	if (api_stream_target(s->engine, &c->call, &target, &c->answer) < 0) {
		conn_audit(c, c->answer.code);
		conn_refuse(c);
		return 1;
	}
	lws_hdr_copy(c->wsi, offered, sizeof(offered), WSI_TOKEN_PROTOCOL);
	c->protocol = *offered ? protocol_choose(offered) : protocol_named("channel.k8s.io");
	if (target.kind == STREAM_FORWARD && c->protocol != protocol_named("v4.channel.k8s.io"))
		c->protocol = NULL; /* nor any of those that tunnel SPDY */
	if (!c->protocol) {
		conn_audit(c, 403);
		c->answer.code = 403;
		c->answer.type = "text/plain";
		buf_reset(&c->answer.body);
		conn_refuse(c);
		return 1;
	}
	conn_audit(c, 101);
	return conn_open_stream(c, s->engine, &target);
}

static int on_established(struct conn *c)
{
	if (!c->stream)
		return -1;
	lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
	if (pump_start(c->server->engine->pump, c->stream) < 0)
		return -1;
	lws_callback_on_writable(c->wsi);
	return 0;
}

/* The target has no reason to be asked again but for these: a body that goes on, a stream. */
static void on_wake(struct server *s)
{
	bool all = __atomic_exchange_n(&s->woken, false, __ATOMIC_ACQ_REL);

	for (struct conn *c = s->conns; c; c = c->next) {
		if (__atomic_exchange_n(&c->dirty, false, __ATOMIC_ACQ_REL) ||
			(all && c->answer.source))
			lws_callback_on_writable(c->wsi);
	}
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *in, size_t n)
{
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return on_request(conn_of(wsi));
	case LWS_CALLBACK_HTTP_BODY:
		return on_body(conn_of(wsi), in, n);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		if (!conn_of(wsi)->served)
			conn_serve(conn_of(wsi), server_of(wsi)->engine);
		return 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return conn_write_http(conn_of(wsi));
	case LWS_CALLBACK_TIMER:
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return on_upgrade(conn_of(wsi), in);
	default:
		return 0;
	}
}

static int on_websocket(struct lws *wsi, enum lws_callback_reasons reason, void *in, size_t n)
{
	struct conn *c = lws_get_opaque_user_data(wsi);

	if (!c)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		return on_established(c);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return conn_write_stream(c, c->server->engine);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return c->closing ? -1 : 0;
	case LWS_CALLBACK_RECEIVE:
		return conn_read_stream(c, c->server->engine, in, n);
	default:
		return 0;
	}
}

static int callback(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	struct conn *c;

	switch (reason) {
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		on_wake(server_of(wsi));
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
	case LWS_CALLBACK_CLOSED_HTTP:
	case LWS_CALLBACK_CLOSED:
		c = lws_get_opaque_user_data(wsi);
		if (c)
			conn_free(c);
		return 0;
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return on_websocket(wsi, reason, in, n);
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_HTTP_BODY:
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
	case LWS_CALLBACK_HTTP_WRITEABLE:
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
	case LWS_CALLBACK_TIMER:
		return on_http(wsi, reason, in, n);
	default:
		return 0;
	}
}

static void library_says(int level, const char *line)
{
	trace(LOCAL, "libwebsockets: %s", line);
}

static void name_protocols(struct server *s)
{
	s->protocols[0] = (struct lws_protocols){ .name = "http", .callback = callback };
	for (size_t i = 0; protocol_nth(i) && i + 2 < PROTOCOLS; i++)
		s->protocols[i + 1] = (struct lws_protocols){ .name = protocol_nth(i)->name,
			.callback = callback,
			.rx_buffer_size = SERVICE_BUFFER,
			.tx_packet_size = SERVICE_BUFFER };
}

int server_open(struct engine *e, int port, struct server **ret, struct err *err)
{
	auto_free char *cert = xprintf("%s/tls/server.crt", e->home);
	auto_free char *key = xprintf("%s/tls/server.key", e->home);
	struct server *s = xcalloc(1, sizeof(*s));
	struct lws_context_creation_info info = {
		.port = port,
		.iface = "lo",
		.protocols = s->protocols,
		.ssl_cert_filepath = cert,
		.ssl_private_key_filepath = key,
		.alpn = "http/1.1",
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.user = s,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_IPV6,
		.max_http_header_data2 = HEADERS_MAX,
		.max_http_header_pool2 = CONNECTIONS,
		.fd_limit_per_thread = CONNECTIONS + 24,
		.pt_serv_buf_size = SERVICE_BUFFER,
		.keepalive_timeout = 90,
		.timeout_secs = 32,
		.retry_and_idle_policy = &s->keepalive,
	};

	s->engine = e;
	name_protocols(s);
	lws_set_log_level(LLL_ERR | LLL_WARN, library_says);
	s->context = lws_create_context(&info);
	if (!s->context) {
		free(s);
		return err_set(err, -EADDRINUSE,
			"listening on 127.0.0.1:%d failed: another program may have the port",
			port);
	}
	*ret = s;
	return 0;
}

void server_close(struct server *s)
{
	if (!s)
		return;
	lws_context_destroy(s->context);
	free(s);
}

void server_run(struct server *s)
{
	while (!__atomic_load_n(&s->stopping, __ATOMIC_ACQUIRE))
		if (lws_service(s->context, 0) < 0)
			return;
}

void server_stop(struct server *s)
{
	__atomic_store_n(&s->stopping, true, __ATOMIC_RELEASE);
	lws_cancel_service(s->context);
}

void server_wake(void *server)
{
	struct server *s = server;

	__atomic_store_n(&s->woken, true, __ATOMIC_RELEASE);
	lws_cancel_service(s->context);
}
