/* libcrypto, loaded when it is first needed (library.h). */
#ifndef SBX_KUBE_CRYPTO_H
#define SBX_KUBE_CRYPTO_H

#include "common/kube/library.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#define CRYPTO_FUNCTIONS(X)                                                                        \
	X(BIO_free_all)                                                                            \
	X(BIO_new_mem_buf)                                                                         \
	X(ERR_clear_error)                                                                         \
	X(ERR_peek_last_error)                                                                     \
	X(EVP_Digest)                                                                              \
	X(EVP_PKEY_free)                                                                           \
	X(EVP_sha1)                                                                                \
	X(OPENSSL_init_crypto)                                                                     \
	X(PEM_read_bio_PrivateKey)                                                                 \
	X(PEM_read_bio_X509)                                                                       \
	X(X509_check_private_key)                                                                  \
	X(X509_free)

struct crypto {
	CRYPTO_FUNCTIONS(LIBRARY_MEMBER)
};

/*
 * Before anything else that uses it, libcurl too: it is told to have no handler at exit(3). Its own frees,
 * among others, what each thread has, while a thread that is ending just then does the same.
 * Any thread. -ELIBACC, -ELIBBAD: library_need's. Once it has been 0, it always is.
 */
int crypto_load(struct err *err);

/* After a crypto_load that was 0. */
const struct crypto *crypto(void);

#endif
