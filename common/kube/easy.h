/*
 * A libcurl easy handle made ready for a cluster: URL, TLS from memory,
 * proxy rules, credentials, impersonation. With easy.c, rest.c and dial.c are the
 * only callers of libcurl; replacing the library touches these, and curl.c.
 *
 * What Go does and libcurl does not by itself is done here (KUBERNETES.md 4.3,
 * 5.2): no environment proxy for loopback, proxy-url ignores NO_PROXY, socks5
 * resolves at the proxy, no credentials over plain http, TLS 1.2 at least, an
 * intermediate as trust anchor, tls-server-name by CURLOPT_CONNECT_TO, no
 * prompt for an encrypted key.
 */
#ifndef SBX_KUBE_EASY_H
#define SBX_KUBE_EASY_H

#include "common/kube/cred.h"
#include "common/kube/target.h"

#include <curl/curl.h>

#define EASY_USER_AGENT "kubectl-sbx"

struct easy {
	CURL *curl;
	struct curl_slist *headers; /* what goes with the request; add by easy_header */
	struct curl_slist *connect_to;
	struct cred_now cred;
	int64_t asked_ms; /* spent on credentials */
	char message[CURL_ERROR_SIZE];
};

/*
 * path: begins with "/", put behind the server's prefix; query included. Blocks for credentials,
 * until deadline_ms or halt (or NULL). What that takes is not the server's time: easy_later. The time left is set as the whole transfer's timeout; set CURLOPT_TIMEOUT_MS anew where more is
 * wanted (a watch). t must outlive e. On failure e holds nothing (cred.h's errnos, -EINVAL,
 * -ETIMEDOUT, curl.h's).
 */
int easy_init(struct easy *e, const struct kube_target *t, const char *path, unsigned rejected,
	int64_t deadline_ms, const struct halt *halt, struct err *err);

/* A deadline, later by what the credentials took. */
int64_t easy_later(const struct easy *e, int64_t deadline_ms);
void easy_fini(struct easy *e);

/* Which proxy leads there, before NO_PROXY, with its credentials: borrowed, not for eyes. NULL: none. */
const char *easy_proxy(const struct kube_target *t);

/* The server's path prefix, what follows host and port: "" or "/...". Borrowed. */
const char *easy_prefix(const struct kube_target *t);

/* Appends a header line to the request. -EINVAL: it holds a line break. */
int easy_header(struct easy *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * libcurl's code -> errno and sentence ("cannot reach https://...: ..."): -ETIMEDOUT,
 * -EHOSTUNREACH, -ECONNREFUSED and the like, -ECONNRESET, -EPROTO (TLS, or the certificate is not
 * trusted), -EINVAL (what the kubeconfig says cannot be used), -ECANCELED, -EMSGSIZE (the caller's
 * own writer refused), -EIO.
 */
int easy_failed(const struct easy *e, const struct kube_target *t, CURLcode code, struct err *err);

#endif
