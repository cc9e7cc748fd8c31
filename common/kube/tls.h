/*
 * What libcurl does not reach of the TLS connection that it has made: reading ahead, so that a record
 * costs one system call and not two (its head, its body), and whether something was read ahead, so
 * that nobody needs a third one to find that there is no more.
 *
 * Only where libcurl goes by OpenSSL; elsewhere nothing is known and nothing is changed.
 */
#ifndef SBX_KUBE_TLS_H
#define SBX_KUBE_TLS_H

#include <curl/curl.h>
#include <stdbool.h>

/* After the first byte was sent: libcurl knows its connection then. NULL: not OpenSSL. Borrowed from curl. */
void *tls_of(CURL *curl);

void tls_read_ahead(void *ssl);
bool tls_holds_more(void *ssl); /* bytes that were read and not yet given out */

#endif
