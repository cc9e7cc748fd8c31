/*
 * The URL of an API server, and of the proxy before it, taken apart and
 * checked. What is in user-info is never in a sentence.
 */
#ifndef SBX_KUBE_SERVERURL_H
#define SBX_KUBE_SERVERURL_H

#include "common/base/err.h"

#include <stdbool.h>

struct serverurl {
	char *url;  /* scheme://host[:port][/prefix], no slash at the end */
	char *host; /* without brackets */
	int port;
	bool tls;
};

/*
 * text: a URL, or host[:port][/prefix]: then https when tls_by_default. Query and fragment are
 * dropped. -EINVAL: err says what is wrong, without a subject.
 */
int serverurl_parse(const char *text, bool tls_by_default, struct serverurl *ret, struct err *err);
void serverurl_fini(struct serverurl *u);

/* http, https or socks5 with a host; user:password@ is fine. -EINVAL. */
int proxyurl_check(const char *text, struct err *err);

#endif
