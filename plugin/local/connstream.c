#include "plugin/local/conn.h"
#include "common/base/log.h"
#include "plugin/local/podstatus.h"
#include "plugin/local/pump.h"
#include "plugin/local/server.h"
#include "plugin/local/status.h"

#define MESSAGE_MAX  CHANNEL_MESSAGE_MAX
#define CLOSE_WAIT_S 3

static void stream_woke(void *arg)
{
	struct conn *c = arg;

	__atomic_store_n(&c->dirty, true, __ATOMIC_RELEASE);
	lws_cancel_service(lws_get_context(c->wsi));
}

static void take_options(struct conn *c, struct engine *e, struct snap *pod, const char *container,
	struct stream_options *o)
{
	const cJSON *status = podstatus_of(pod->json, container);
	const char *id = json_text_or(status, "containerID", "");
	size_t n = 0;

	o->in = call_flag(&c->call, "stdin");
	o->out = call_flag(&c->call, "stdout");
	o->tty = call_flag(&c->call, "tty");
	o->err = call_flag(&c->call, "stderr") && !o->tty;
	o->container = xstrdup(container);
	o->container_id = xstrdup(strncmp(id, "runc://", 7) ? id : id + 7);
	o->pod_dir = xprintf("%s/pods/%s", e->home, pod->uid);
	o->container_dir = xprintf("%s/containers/%s", o->pod_dir, container);
	o->restarts = json_int(status, "restartCount", 0);
	while (call_arg_nth(&c->call, "command", n))
		n++;
	o->argv = xcalloc(n + 1, sizeof(*o->argv));
	for (size_t i = 0; i < n; i++)
		o->argv[i] = xstrdup(call_arg_nth(&c->call, "command", i));
}

int conn_open_stream(struct conn *c, struct engine *e, const struct stream_target *t)
{
	struct stream_options o = { .attach = t->kind == STREAM_ATTACH, .port = t->port };

	c->forwards = t->kind == STREAM_FORWARD;
	take_options(c, e, t->pod, t->container, &o);
	buf_init(&c->message, MESSAGE_MAX);
	c->stream = stream_new(&o, stream_woke, c);
	return 0;
}

static int send_piece(struct conn *c, struct piece *p)
{
	uint8_t *bytes = p->bytes + STREAM_PRE;
	int rc;

	if (!c->protocol->base64)
		return lws_write(c->wsi, bytes, p->len, LWS_WRITE_BINARY) < 0 ? -1 : 0;
	{
		auto_buf text = BUF_INIT(4 * STREAM_PIECE_BYTES);
		char pre[LWS_PRE] = "";

		buf_add(&text, pre, sizeof(pre));
		channel_encode_text(bytes[0], bytes + 1, p->len - 1, &text);
		rc = lws_write(c->wsi, (unsigned char *)text.data + LWS_PRE, text.len - LWS_PRE,
			LWS_WRITE_TEXT);
	}
	return rc < 0 ? -1 : 0;
}

/*
 * "The stream is up": an empty message on the lowest channel that we write. It waits for the
 * process, since kubectl complains of what comes before it has set itself up behind the 101.
 */
static struct piece *first_piece(struct conn *c)
{
	struct piece *p = xcalloc(1, sizeof(*p));

	p->bytes[STREAM_PRE] = call_flag(&c->call, "stdout")   ? CHANNEL_STDOUT
			       : call_flag(&c->call, "stderr") ? CHANNEL_STDERR
							       : CHANNEL_STATUS;
	p->len = 1;
	return p;
}

/* The old protocols have no Status: nothing on success, a text else. */
static bool make_old(struct piece *p)
{
	auto_json cJSON *status = NULL;
	const char *message;
	size_t n;

	if (json_parse((char *)p->bytes + STREAM_PRE + 1, p->len - 1, &status) < 0 ||
		!strcmp(json_text_or(status, "status", ""), "Success"))
		return false;
	message = json_text_or(status, "message", "failed");
	n = strlen(message) < STREAM_PIECE_BYTES ? strlen(message) : STREAM_PIECE_BYTES;
	memcpy(p->bytes + STREAM_PRE + 1, message, n);
	p->len = n + 1;
	return true;
}

static void resume_reading(struct conn *c)
{
	if (!c->reading_stopped || stream_input_full(c->stream))
		return;
	c->reading_stopped = false;
	lws_rx_flow_control(c->wsi, 1);
}

/*
 * The connection is kept, and read, until the client has closed its side: to close it with bytes
 * of the client's unread would make the kernel throw away what the client has not read yet.
 */
static int send_close(struct conn *c)
{
	/* FIN and opcode 8, two bytes: 1000. The library has no call for a close that goes on
	 * reading. */
	static const uint8_t frame[] = { 0x88, 2, 1000 >> 8, 1000 & 0xff };
	uint8_t room[LWS_PRE + sizeof(frame)];

	if (c->closing)
		return 0;
	c->closing = true;
	memcpy(room + LWS_PRE, frame, sizeof(frame));
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, CLOSE_WAIT_S);
	return lws_write(c->wsi, room + LWS_PRE, sizeof(frame), LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

int conn_write_stream(struct conn *c, struct engine *e)
{
	struct piece *p;
	int rc = 0;

	if (!c->stream)
		return 0;
	resume_reading(c);
	if (!stream_is_up(c->stream))
		return 0;
	p = c->first_sent || c->forwards ? stream_next_output(c->stream) : first_piece(c);
	c->first_sent = true;
	if (stream_has_room(c->stream))
		pump_kick(e->pump);
	if (!p && stream_is_finished(c->stream))
		return send_close(c);
	if (!p)
		return 0;
	if (p->bytes[STREAM_PRE] != CHANNEL_STATUS || c->protocol->status || p->len == 1 ||
		make_old(p))
		rc = send_piece(c, p);
	free(p);
	lws_callback_on_writable(c->wsi);
	return rc;
}

static void end_message(struct conn *c)
{
	uint16_t columns, rows;

	if (c->channel == CHANNEL_RESIZE &&
		channel_parse_resize(buf_text(&c->message), c->message.len, &columns, &rows) == 0)
		stream_resize(c->stream, columns, rows);
	if (c->channel == CHANNEL_CLOSE && c->protocol->close && c->message.len == 1 &&
		c->message.data[0] == CHANNEL_STDIN)
		stream_close_input(c->stream);
}

static void take_bytes(struct conn *c, const uint8_t *bytes, size_t n)
{
	if (c->channel == CHANNEL_STDIN) {
		if (c->forwards || call_flag(&c->call, "stdin"))
			stream_put_input(c->stream, bytes, n);
	} else if (c->message.len + n <= 4096) {
		buf_add(&c->message, bytes, n);
	}
}

static int read_text(struct conn *c, const void *bytes, size_t n)
{
	auto_buf data = BUF_INIT(MESSAGE_MAX);

	buf_add(&c->message, bytes, n);
	if (buf_check(&c->message) < 0)
		return -1;
	if (!lws_is_final_fragment(c->wsi))
		return 0;
	if (c->message.len) {
		if (channel_decode_text(buf_text(&c->message), c->message.len, &c->channel, &data) <
			0)
			return -1;
		buf_reset(&c->message);
		take_bytes(c, (const uint8_t *)buf_text(&data), data.len);
		end_message(c);
	}
	buf_reset(&c->message);
	return 0;
}

int conn_read_stream(struct conn *c, struct engine *e, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	if (!c->stream || c->closing)
		return 0;
	if (c->protocol->base64) {
		if (read_text(c, bytes, n) < 0)
			return -1;
	} else {
		if (lws_is_first_fragment(c->wsi)) {
			buf_reset(&c->message);
			if (!n)
				return 0;
			c->channel = *at++;
			n--;
		}
		take_bytes(c, at, n);
		if (lws_is_final_fragment(c->wsi))
			end_message(c);
	}
	pump_kick(e->pump);
	if (stream_input_full(c->stream) && !c->reading_stopped) {
		c->reading_stopped = true;
		lws_rx_flow_control(c->wsi, 0);
	}
	return 0;
}
