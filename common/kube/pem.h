/*
 * Checks of PEM text before it reaches TLS, so that a person reads what is
 * wrong with which file instead of a library's error number.
 */
#ifndef SBX_KUBE_PEM_H
#define SBX_KUBE_PEM_H

#include "common/base/err.h"

/* The sentences have no subject: "holds no certificate ..."; the caller puts it before. All
 * -EINVAL, or crypto.h's. */

/* At least one block CERTIFICATE, and each of them can be read. Text between blocks is fine. */
int pem_check_certificates(const char *text, struct err *err);

/*
 * The first certificate of cert belongs to the key of key: PKCS#8, PKCS#1 or SEC 1; RSA, EC,
 * Ed25519. An encrypted key is refused, never asked a password for.
 */
int pem_check_pair(const char *cert, const char *key, struct err *err);

#endif
