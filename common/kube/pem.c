#include "common/kube/pem.h"
#include "common/base/buf.h"
#include "common/kube/crypto.h"

static void bio_at_fini(BIO **at)
{
	crypto()->BIO_free_all(*at);
}
static void x509_at_fini(X509 **at)
{
	crypto()->X509_free(*at);
}
static void key_at_fini(EVP_PKEY **at)
{
	crypto()->EVP_PKEY_free(*at);
}
#define auto_bio  BIO *auto_with(bio_at_fini)
#define auto_x509 X509 *auto_with(x509_at_fini)
#define auto_key  EVP_PKEY *auto_with(key_at_fini)

/* OpenSSL's own callback would ask on the terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
	return -1;
}

static BIO *reader(const char *text)
{
	BIO *bio = crypto()->BIO_new_mem_buf(text, (int)strlen(text));

	if (!bio)
		abort();
	return bio;
}

static X509 *next_certificate(BIO *bio)
{
	return crypto()->PEM_read_bio_X509(bio, NULL, no_password, NULL);
}

static bool ended(void)
{
	unsigned long e = crypto()->ERR_peek_last_error();

	return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

static int check_certificates(const char *text, struct err *err)
{
	auto_bio bio = reader(text);
	int count = 0;

	crypto()->ERR_clear_error();
	for (;;) {
		auto_x509 cert = next_certificate(bio);

		if (!cert)
			break;
		count++;
	}
	if (!ended()) {
		crypto()->ERR_clear_error();
		return err_set(err, -EINVAL, "holds a certificate that cannot be read (number %d)",
			count + 1);
	}
	crypto()->ERR_clear_error();
	if (count == 0)
		return err_set(
			err, -EINVAL, "holds no certificate (no PEM block \"BEGIN CERTIFICATE\")");
	return 0;
}

static bool encrypted(const char *text)
{
	return strstr(text, "BEGIN ENCRYPTED PRIVATE KEY") ||
	       strstr(text, "Proc-Type: 4,ENCRYPTED");
}

static int check_pair(const char *cert, const char *key, struct err *err)
{
	auto_bio cert_bio = reader(cert);
	auto_bio key_bio = reader(key);
	auto_x509 leaf = NULL;
	auto_key private = NULL;
	int rc = check_certificates(cert, err);

	if (rc < 0)
		return err_wrap(err, rc, "the client certificate");
	if (encrypted(key))
		return err_set(err, -EINVAL,
			"the client key is encrypted, which kubectl does not take either; decrypt "
			"it with "
			"\"openssl pkey\"");
	leaf = next_certificate(cert_bio);
	private = crypto()->PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL);
	if (!private)
		rc = err_set(err, -EINVAL,
			"the client key holds no private key that can be read (PEM: PKCS#8, "
			"PKCS#1 or SEC 1)");
	else if (!leaf || crypto()->X509_check_private_key(leaf, private) != 1)
		rc = err_set(
			err, -EINVAL, "the client key does not belong to the client certificate");
	crypto()->ERR_clear_error();
	return rc;
}

int pem_check_certificates(const char *text, struct err *err)
{
	int rc = crypto_load(err);

	return rc < 0 ? rc : check_certificates(text, err);
}

int pem_check_pair(const char *cert, const char *key, struct err *err)
{
	int rc = crypto_load(err);

	return rc < 0 ? rc : check_pair(cert, key, err);
}
