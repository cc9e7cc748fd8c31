#include "common/kube/tls.h"

#include "common/kube/library.h"

#include <openssl/ssl.h>

/* Some records at once. OpenSSL lets go of it while a connection is idle (libcurl asks it to). */
#define AHEAD_BYTES (64 * 1024)

#define FUNCTIONS(X)                                                                               \
	X(SSL_has_pending)                                                                         \
	X(SSL_set_default_read_buffer_len)                                                         \
	X(SSL_set_read_ahead)

static struct {
	FUNCTIONS(LIBRARY_MEMBER)
} table;

/* libcurl has loaded the same one before; without it all goes as well, with more calls. */
static struct library library = LIBRARY_INIT("libssl.so.3", table, FUNCTIONS, NULL);

void *tls_of(CURL *curl)
{
	struct curl_tlssessioninfo *info = NULL;

	if (curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
		info->backend != CURLSSLBACKEND_OPENSSL || !info->internals)
		return NULL;
	return library_need(&library, NULL) < 0 ? NULL : info->internals;
}

void tls_read_ahead(void *ssl)
{
	table.SSL_set_default_read_buffer_len(ssl, AHEAD_BYTES);
	table.SSL_set_read_ahead(ssl, 1);
}

bool tls_holds_more(void *ssl)
{
	return table.SSL_has_pending(ssl);
}
