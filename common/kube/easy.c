#include "common/kube/easy.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/curl.h"
#include "common/kube/noproxy.h"

#include <arpa/inet.h>
#include <strings.h>
#include <sys/socket.h>

#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_GAP_S  15
#define POOL_AGE_S       80 /* the API server closes idle connections after 90 s */

static bool is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcasecmp(host, "localhost") == 0;
}

const char *easy_prefix(const struct kube_target *t)
{
	const char *at = strstr(t->server, "://");
	const char *slash = strchr(at ? at + 3 : t->server, '/');

	return slash ? slash : "";
}

/* host or [host]: a literal of IPv6 needs brackets wherever a port may follow. */
static char *bracketed(const char *host)
{
	return strchr(host, ':') ? xprintf("[%s]", host) : xstrdup(host);
}

static bool default_port(const struct kube_target *t)
{
	return t->port == (t->tls ? 443 : 80);
}

/*
 * SNI and verification go by the URL's host. To verify another name, the URL takes that name,
 * CONNECT_TO leads back to the real address, and the Host header stays the real host.
 */
static int set_url(struct easy *e, const struct kube_target *t, const char *path)
{
	const char *name = t->tls && t->tls_server_name ? t->tls_server_name : t->host;
	auto_free char *url_host = bracketed(name);
	auto_free char *real_host = bracketed(t->host);
	auto_free char *url = xprintf("%s://%s:%d%s%s", t->tls ? "https" : "http", url_host,
		t->port, easy_prefix(t), path);

	if (curl_easy_setopt(e->curl, CURLOPT_URL, url) != CURLE_OK)
		return -EINVAL;
	if (name != t->host) {
		auto_free char *to = xprintf("%s:%d:%s:%d", url_host, t->port, real_host, t->port);

		e->connect_to = curl_slist_append(NULL, to);
		curl_easy_setopt(e->curl, CURLOPT_CONNECT_TO, e->connect_to);
	}
	if (default_port(t))
		return easy_header(e, "Host: %s", real_host);
	return easy_header(e, "Host: %s:%d", real_host, t->port);
}

static const char *env_proxy(const struct kube_target *t)
{
	static const char *const names[2][2] = {
		{ "HTTP_PROXY", "http_proxy" },
		{ "HTTPS_PROXY", "https_proxy" },
	};

	if (is_loopback(t->host))
		return NULL;
	for (int i = 0; i < 2; i++) {
		const char *value = getenv(names[t->tls][i]);

		if (value && *value)
			return value;
	}
	return NULL;
}

const char *easy_proxy(const struct kube_target *t)
{
	return t->proxy_url ? t->proxy_url : env_proxy(t);
}

/* By the server's own name, where libcurl is given another one for it. */
static const char *no_proxy(const struct kube_target *t)
{
	const char *list = getenv("no_proxy");

	return noproxy_has(list ? list : getenv("NO_PROXY"), t->host) ? "*" : "";
}

/*
 * As Go does it: proxy-url overrides the environment and NO_PROXY; ALL_PROXY is not asked; and
 * SOCKS 5 proxies resolve names. libcurl applies NO_PROXY itself when NOPROXY is left alone.
 */
static void set_proxy(struct easy *e, const struct kube_target *t)
{
	const char *proxy = easy_proxy(t);
	auto_free char *socks = NULL;

	if (proxy && strncasecmp(proxy, "socks5://", 9) == 0) {
		socks = xprintf("socks5h://%s", proxy + 9);
		proxy = socks;
	}
	curl_easy_setopt(e->curl, CURLOPT_PROXY, proxy ? proxy : "");
	if (t->proxy_url)
		curl_easy_setopt(e->curl, CURLOPT_NOPROXY, "");
	else if (e->connect_to)
		curl_easy_setopt(e->curl, CURLOPT_NOPROXY, no_proxy(t));
}

/* Not copied: keys stay where they are wiped. */
static void set_pem(struct easy *e, CURLoption option, char *pem)
{
	struct curl_blob blob = { .data = pem, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY };

	curl_easy_setopt(e->curl, option, &blob);
}

/* KEYPASSWD "": else OpenSSL asks on the terminal for an encrypted key's phrase. */
static void set_tls(struct easy *e, const struct kube_target *t)
{
	curl_easy_setopt(e->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e->curl, CURLOPT_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
	curl_easy_setopt(e->curl, CURLOPT_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
	curl_easy_setopt(e->curl, CURLOPT_KEYPASSWD, "");
	if (t->ca_pem) {
		set_pem(e, CURLOPT_CAINFO_BLOB, t->ca_pem);
		/* Built-in paths would be trusted beside it. */
		curl_easy_setopt(e->curl, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(e->curl, CURLOPT_CAPATH, NULL);
	}
	if (e->cred.cert_pem && e->cred.key_pem) {
		curl_easy_setopt(e->curl, CURLOPT_SSLCERTTYPE, "PEM");
		curl_easy_setopt(e->curl, CURLOPT_SSLKEYTYPE, "PEM");
		set_pem(e, CURLOPT_SSLCERT_BLOB, e->cred.cert_pem);
		set_pem(e, CURLOPT_SSLKEY_BLOB, e->cred.key_pem);
	}
}

/* libcurl's own sockets would be inherited by credential plugins and other children. */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *to)
{
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void set_transport(struct easy *e, const struct kube_target *t, int left_ms)
{
	curl_easy_setopt(e->curl, CURLOPT_ERRORBUFFER, e->message);
	curl_easy_setopt(e->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e->curl, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(e->curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e->curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(e->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(e->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e->curl, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	curl_easy_setopt(e->curl, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_GAP_S);
	curl_easy_setopt(e->curl, CURLOPT_MAXAGE_CONN, (long)POOL_AGE_S);
	curl_easy_setopt(e->curl, CURLOPT_USERAGENT, EASY_USER_AGENT);
	if (!t->no_compression)
		curl_easy_setopt(e->curl, CURLOPT_ACCEPT_ENCODING, "gzip");
}

/* Go sends no credentials where there is no TLS. */
static int set_credentials(struct easy *e, const struct kube_target *t, unsigned rejected,
	int64_t deadline_ms, const struct halt *halt, struct err *err)
{
	int64_t began_ms = clock_now_ms();
	int rc;

	for (char **line = t->impersonate; line && *line; line++) {
		rc = easy_header(e, "%s", *line);
		if (rc < 0)
			return err_set(err, rc, "an impersonation value holds a line break");
	}
	if (!t->tls)
		return 0;
	rc = cred_get(t->cred, rejected, deadline_ms, halt, &e->cred, err);
	e->asked_ms = clock_now_ms() - began_ms;
	if (rc < 0)
		return rc;
	if (e->cred.authorization) {
		rc = easy_header(e, "Authorization: %s", e->cred.authorization);
		if (rc < 0)
			return err_set(err, rc, "the token or password holds a line break");
	}
	return 0;
}

int64_t easy_later(const struct easy *e, int64_t deadline_ms)
{
	return deadline_ms > INT64_MAX - e->asked_ms ? INT64_MAX : deadline_ms + e->asked_ms;
}

int easy_init(struct easy *e, const struct kube_target *t, const char *path, unsigned rejected,
	int64_t deadline_ms, const struct halt *halt, struct err *err)
{
	int left_ms;
	int rc;

	memset(e, 0, sizeof *e);
	rc = curl_load(err);
	if (rc < 0)
		return rc;
	e->curl = curl_easy_init();
	if (!e->curl)
		return err_set(err, -ENOMEM, "cannot start libcurl");
	rc = set_credentials(e, t, rejected, deadline_ms, halt, err);
	if (rc == 0) {
		rc = set_url(e, t, path);
		if (rc < 0)
			err_set(err, rc, "'%s' is no usable server address", t->server);
	}
	left_ms = deadline_left(easy_later(e, deadline_ms));
	if (rc == 0 && left_ms == 0)
		rc = err_set(err, -ETIMEDOUT, "no time left to reach %s", t->server);
	if (rc < 0) {
		easy_fini(e);
		return rc;
	}
	set_proxy(e, t);
	if (t->tls)
		set_tls(e, t);
	set_transport(e, t, left_ms);
	return 0;
}

void easy_fini(struct easy *e)
{
	curl_easy_cleanup(e->curl);
	curl_slist_free_all(e->headers);
	curl_slist_free_all(e->connect_to);
	cred_now_fini(&e->cred);
	memset(e, 0, sizeof *e);
}

int easy_header(struct easy *e, const char *fmt, ...)
{
	struct curl_slist *longer;
	auto_free char *line = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	if (strpbrk(line, "\r\n"))
		return -EINVAL;
	longer = curl_slist_append(e->headers, line);
	if (!longer)
		abort();
	e->headers = longer;
	curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, e->headers);
	return 0;
}

/* code 0: the operating system's own (ECONNREFUSED, EHOSTUNREACH...), else -EIO. */
static const struct failure {
	CURLcode curl;
	int code;
	const char *advice;
} failures[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, "check the server's name in the kubeconfig" },
	{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH, "check the proxy's name" },
	{ CURLE_COULDNT_CONNECT, 0, "is the cluster up, and the server's address right?" },
	{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, "is the cluster reachable from here?" },
	{ CURLE_PEER_FAILED_VERIFICATION, -EPROTO,
		"check certificate-authority and the server's name in the kubeconfig" },
	{ CURLE_SSL_CACERT_BADFILE, -EINVAL, "check certificate-authority in the kubeconfig" },
	{ CURLE_SSL_CERTPROBLEM, -EINVAL,
		"check client-certificate and client-key (an encrypted key is not supported)" },
	{ CURLE_SSL_CONNECT_ERROR, -EPROTO, "does the server speak TLS 1.2 or later there?" },
	{ CURLE_ABORTED_BY_CALLBACK, -ECANCELED, NULL },
	{ CURLE_WRITE_ERROR, -EMSGSIZE, NULL },
	{ CURLE_GOT_NOTHING, -ECONNRESET, NULL },
	{ CURLE_SEND_ERROR, -ECONNRESET, NULL },
	{ CURLE_RECV_ERROR, -ECONNRESET, NULL },
	{ CURLE_PARTIAL_FILE, -ECONNRESET, NULL },
	{ CURLE_PROXY, -EHOSTUNREACH, "check the proxy and its credentials" },
	{ CURLE_URL_MALFORMAT, -EINVAL, "check the server's address in the kubeconfig" },
	{ CURLE_OUT_OF_MEMORY, -ENOMEM, NULL },
};

static const struct failure *find_failure(CURLcode code)
{
	static const struct failure other = { CURLE_OK, -EIO, NULL };

	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (failures[i].curl == code)
			return &failures[i];
	return &other;
}

static int os_errno(const struct easy *e)
{
	long number = 0;

	curl_easy_getinfo(e->curl, CURLINFO_OS_ERRNO, &number);
	return number > 0 ? -(int)number : -EHOSTUNREACH;
}

/* libcurl quotes a proxy that it does not understand, with its password. */
static bool quotes_proxy(const char *message)
{
	return !strncmp(message, "Unsupported proxy ", strlen("Unsupported proxy "));
}

int easy_failed(const struct easy *e, const struct kube_target *t, CURLcode code, struct err *err)
{
	const struct failure *f = find_failure(code);
	const char *message = e->message[0] ? e->message : curl_easy_strerror(code);
	auto_buf text = BUF_INIT(8 * CURL_ERROR_SIZE);

	if (quotes_proxy(message))
		return err_set(err, -EINVAL,
			"cannot reach %s: the proxy's address cannot be used; check HTTPS_PROXY "
			"(in a password # / ? @ : are %%23 %%2F %%3F %%40 %%3A)",
			t->server);
	/* A server's certificate may put anything into the message. */
	log_escape(&text, message, strlen(message));
	return err_set(err, f->code ? f->code : os_errno(e), "cannot reach %s: %s%s%s", t->server,
		buf_text(&text), f->advice ? "; " : "", f->advice ? f->advice : "");
}
