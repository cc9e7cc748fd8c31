#include "plugin/local/cert.h"
#include "common/base/buf.h"
#include "common/base/io.h"
#include "plugin/local/folder.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAYS 3650

static void free_key(EVP_PKEY **at)
{
	EVP_PKEY_free(*at);
}

static void free_cert(X509 **at)
{
	X509_free(*at);
}

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!ext)
		return -EIO;
	ok = X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok ? 0 : -EIO;
}

static int set_serial(X509 *cert)
{
	unsigned char bytes[8];
	uint64_t n = 0;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		n = n << 8 | bytes[i];
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), n >> 1) ? 0 : -EIO;
}

/* Not signed yet. */
static X509 *blank(const char *name, EVP_PKEY *key)
{
	auto_with(free_cert) X509 *cert = X509_new();
	X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;

	if (!cert || !X509_set_version(cert, 2) || set_serial(cert) < 0 ||
		!X509_gmtime_adj(X509_getm_notBefore(cert), -3600) ||
		!X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * DAYS) ||
		!X509_NAME_add_entry_by_txt(
			subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) ||
		!X509_set_pubkey(cert, key))
		return NULL;
	return take_ptr(cert);
}

static X509 *make_authority(EVP_PKEY *key)
{
	auto_with(free_cert) X509 *cert = blank("sbx-local authority", key);

	if (!cert || !X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
		add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") < 0 ||
		add_extension(cert, cert, NID_key_usage, "critical,keyCertSign") < 0 ||
		add_extension(cert, cert, NID_subject_key_identifier, "hash") < 0 ||
		!X509_sign(cert, key, EVP_sha256()))
		return NULL;
	return take_ptr(cert);
}

static X509 *make_server(EVP_PKEY *key, X509 *authority, EVP_PKEY *authority_key)
{
	auto_with(free_cert) X509 *cert = blank("sbx-local", key);

	if (!cert || !X509_set_issuer_name(cert, X509_get_subject_name(authority)) ||
		add_extension(cert, authority, NID_basic_constraints, "critical,CA:FALSE") < 0 ||
		add_extension(cert, authority, NID_key_usage, "critical,digitalSignature") < 0 ||
		add_extension(cert, authority, NID_ext_key_usage, "serverAuth") < 0 ||
		add_extension(cert, authority, NID_authority_key_identifier, "keyid") < 0 ||
		add_extension(cert, authority, NID_subject_alt_name,
			"IP:127.0.0.1,DNS:localhost,DNS:sbx-local") < 0 ||
		!X509_sign(cert, authority_key, EVP_sha256()))
		return NULL;
	return take_ptr(cert);
}

static int write_pem(const char *dir, const char *name, X509 *cert, EVP_PKEY *key)
{
	auto_free char *path = xprintf("%s/%s", dir, name);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;
	int rc = -EIO;

	if (cert ? PEM_write_bio_X509(bio, cert)
		 : PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) {
		n = BIO_get_mem_data(bio, &text);
		rc = io_replace_file(path, text, (size_t)n, cert ? 0644 : 0600);
	}
	BIO_free(bio);
	return rc;
}

int cert_make(const char *home, struct err *err)
{
	auto_free char *dir = xprintf("%s/tls", home);
	auto_free char *last = xprintf("%s/server.crt", dir);
	auto_with(free_key) EVP_PKEY *authority_key = NULL, *key = NULL;
	auto_with(free_cert) X509 *authority = NULL, *cert = NULL;
	int rc;

	if (access(last, F_OK) == 0)
		return 0;
	rc = folder_make(dir, 0700, err);
	if (rc < 0)
		return rc;
	authority_key = EVP_EC_gen("P-256");
	key = EVP_EC_gen("P-256");
	authority = authority_key ? make_authority(authority_key) : NULL;
	cert = authority && key ? make_server(key, authority, authority_key) : NULL;
	if (!cert)
		return err_set(err, -EIO, "OpenSSL made no certificate");
	rc = write_pem(dir, "ca.crt", authority, NULL);
	if (rc == 0)
		rc = write_pem(dir, "server.key", NULL, key);
	if (rc == 0)
		rc = write_pem(dir, "server.crt", cert, NULL);
	return rc < 0 ? err_set(err, rc, "writing the certificate to %s: %s", dir, strerror(-rc))
		      : 0;
}
