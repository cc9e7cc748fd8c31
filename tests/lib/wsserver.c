/*
 * A WebSocket server of another make (libwebsockets) over TLS, to check our
 * framing against. `wsserver DIR` writes DIR/ca.pem, its own certificate for
 * 127.0.0.1, prints its port, and serves until stdin ends.
 *
 * A message is answered with itself. Its first byte chooses how:
 *	'w' in one frame, 'f' in fragments with pings between
 *	'c' not at all: the server closes with the code in the next four digits
 */
#include "common/base/buf.h"

#include <libwebsockets.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define MESSAGE_MAX (1024 * 1024)
#define FRAGMENT    5000

struct session {
	struct buf in;  /* the message so far */
	struct buf out; /* LWS_PRE bytes of room, then the answer */
	size_t sent;
	bool answering, fragments, ping;
};

static void take(struct session *s, struct lws *wsi, const void *bytes, size_t n)
{
	buf_add(&s->in, bytes, n);
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
		return;
	buf_reset(&s->out);
	buf_grew(&s->out, buf_room(&s->out, LWS_PRE) ? LWS_PRE : 0);
	buf_add(&s->out, s->in.data, s->in.len);
	s->fragments = s->in.len > 0 && s->in.data[0] == 'f';
	s->sent = 0;
	s->answering = true;
	buf_reset(&s->in);
	lws_callback_on_writable(wsi);
}

static int close_as_told(struct session *s, struct lws *wsi)
{
	static unsigned char reason[] = "as told";
	unsigned code = strtoul(s->out.data + LWS_PRE + 1, NULL, 10);

	lws_close_reason(wsi, (enum lws_close_status)code, reason, sizeof reason - 1);
	return -1;
}

static int answer(struct session *s, struct lws *wsi)
{
	unsigned char ping[LWS_PRE + 4] = "";
	size_t total = s->out.len - LWS_PRE, n;
	bool last;

	if (!s->answering)
		return 0;
	if (total == 5 && s->out.data[LWS_PRE] == 'c')
		return close_as_told(s, wsi);
	if (s->ping) {
		s->ping = false;
		lws_callback_on_writable(wsi);
		return lws_write(wsi, ping + LWS_PRE, 4, LWS_WRITE_PING) < 0 ? -1 : 0;
	}
	n = total - s->sent;
	if (s->fragments && n > FRAGMENT)
		n = FRAGMENT;
	last = s->sent + n == total;
	if (lws_write(wsi, (unsigned char *)s->out.data + LWS_PRE + s->sent, n,
		    (enum lws_write_protocol)lws_write_ws_flags(
			    LWS_WRITE_BINARY, s->sent == 0, last)) < 0)
		return -1;
	s->sent += n;
	s->answering = !last;
	s->ping = !last;
	if (!last)
		lws_callback_on_writable(wsi);
	return 0;
}

static int serve(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct session *s = user;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		memset(s, 0, sizeof *s);
		buf_init(&s->in, MESSAGE_MAX);
		buf_init(&s->out, MESSAGE_MAX + LWS_PRE);
		return 0;
	case LWS_CALLBACK_CLOSED:
		buf_fini(&s->in);
		buf_fini(&s->out);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		take(s, wsi, in, len);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return answer(s, wsi);
	default:
		return 0;
	}
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static bool write_pem(const char *path, EVP_PKEY *key, X509 *x)
{
	FILE *f = fopen(path, "w");
	bool good = f && (key ? PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL)
			      : PEM_write_X509(f, x));

	return f && fclose(f) == 0 && good;
}

/* A key and a certificate that signs itself. */
static bool make_certificate(const char *ca_path, const char *key_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	bool good;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"wsserver", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	add_extension(x, NID_subject_alt_name, "IP:127.0.0.1");
	good = X509_sign(x, key, EVP_sha256()) && write_pem(key_path, key, NULL) &&
	       write_pem(ca_path, NULL, x);
	X509_free(x);
	EVP_PKEY_free(key);
	return good;
}

static bool ended;

/* lws_service sleeps as it likes; this is the one call that may come from another thread. */
static void *wait_for_end(void *context)
{
	char byte;

	while (read(0, &byte, 1) > 0)
		continue;
	__atomic_store_n(&ended, true, __ATOMIC_RELEASE);
	lws_cancel_service(context);
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct lws_protocols protocols[] = {
		{ "v4.channel.k8s.io", serve, sizeof(struct session), 4096, 0, NULL, 0 },
		{ NULL, NULL, 0, 0, 0, NULL, 0 },
	};
	auto_free char *ca = xprintf("%s/ca.pem", argc > 1 ? argv[1] : ".");
	auto_free char *key = xprintf("%s/key.pem", argc > 1 ? argv[1] : ".");
	struct lws_context_creation_info info = { .port = 0,
		.iface = "127.0.0.1",
		.protocols = protocols,
		.gid = -1,
		.uid = -1,
		.ssl_cert_filepath = ca,
		.ssl_private_key_filepath = key,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.fd_limit_per_thread = 64 };
	struct lws_context *context;
	struct lws_vhost *vhost;
	pthread_t waiter;

	lws_set_log_level(LLL_ERR, NULL);
	context = make_certificate(ca, key) ? lws_create_context(&info) : NULL;
	vhost = context ? lws_create_vhost(context, &info) : NULL;
	if (!vhost)
		return 1;
	printf("%d\n", lws_get_vhost_listen_port(vhost));
	fflush(stdout);
	pthread_create(&waiter, NULL, wait_for_end, context);
	while (!__atomic_load_n(&ended, __ATOMIC_ACQUIRE) && lws_service(context, 0) >= 0)
		continue;
	pthread_join(waiter, NULL);
	lws_context_destroy(context);
	return 0;
}
