/*
 * The server's certificate: an authority made for this one, whose key is not kept.
 */
#ifndef SBX_LOCAL_CERT_H
#define SBX_LOCAL_CERT_H

#include "common/base/err.h"

/*
 * Makes <home>/tls/{ca.crt,server.crt,server.key} (the key mode 0600) for 127.0.0.1 and localhost,
 * unless they are there.
 */
int cert_make(const char *home, struct err *err);

#endif
