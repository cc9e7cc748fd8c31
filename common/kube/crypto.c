#include "common/kube/crypto.h"

#include <assert.h>

static struct crypto table;
static void begin(void)
{
	table.OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

static struct library library = LIBRARY_INIT("libcrypto.so.3", table, CRYPTO_FUNCTIONS, begin);

int crypto_load(struct err *err)
{
	return library_need(&library, err);
}

const struct crypto *crypto(void)
{
	assert(table.BIO_free_all);
	return &table;
}
