/*
 * What tests of the configuration share: a scratch folder with a small PKI in
 * it, made anew each time, and a kubeconfig from a pattern.
 */
#ifndef SBX_TESTS_KUBEFIX_H
#define SBX_TESTS_KUBEFIX_H

#include "common/base/io.h"
#include "common/base/base64.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#define MARKER "MARKERSECRET" /* in every secret; in no sentence */

static char fix_dir[64];

static inline char *fix_path(const char *name)
{
	return xprintf("%s/%s", fix_dir, name);
}

static inline void fix_write(const char *name, const char *text)
{
	auto_free char *path = fix_path(name);

	assert_int_equal(io_replace_file(path, text, strlen(text), 0700), 0);
}

static inline char *fix_read(const char *name)
{
	auto_free char *path = fix_path(name);
	struct buf b = BUF_INIT(1 << 20);

	assert_int_equal(io_read_file(path, &b), 0);
	return buf_steal(&b);
}

static inline char *fix_bio_text(BIO *bio)
{
	char *bytes, *text;
	long n = BIO_get_mem_data(bio, &bytes);

	text = xstrndup(bytes, (size_t)n);
	BIO_free(bio);
	return text;
}

/* NAME.crt self-signed, NAME.key PKCS#8, NAME.old the traditional form, NAME.enc encrypted. */
static inline void fix_pair(const char *name, EVP_PKEY *key, const EVP_MD *md)
{
	X509 *cert = X509_new();
	char password[] = "x";

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, md) > 0);
	for (int form = 0; form < 4; form++) {
		static const char *const ends[] = { "crt", "key", "old", "enc" };
		auto_free char *file = xprintf("%s.%s", name, ends[form]), *text = NULL;
		BIO *bio = BIO_new(BIO_s_mem());

		if (form == 0)
			PEM_write_bio_X509(bio, cert);
		else if (form == 1)
			PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
		else if (form == 2)
			PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL);
		else
			PEM_write_bio_PKCS8PrivateKey(
				bio, key, EVP_aes_128_cbc(), NULL, 0, NULL, password);
		text = fix_bio_text(bio);
		fix_write(file, text);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* Every "^name^" becomes the base 64 of that file, every "^^" the folder. */
static inline char *fix_fill(const char *pattern)
{
	struct buf b = BUF_INIT(1 << 20);

	while (*pattern) {
		size_t n = strcspn(pattern, "^");
		const char *end;

		buf_add(&b, pattern, n);
		pattern += n;
		if (!*pattern)
			break;
		end = strchr(pattern + 1, '^');
		assert_non_null(end);
		if (end == pattern + 1) {
			buf_str(&b, fix_dir);
		} else {
			auto_free char *name = xstrndup(pattern + 1, (size_t)(end - pattern - 1));
			auto_free char *text = fix_read(name);

			base64_encode(text, strlen(text), &b);
		}
		pattern = end + 1;
	}
	return buf_steal(&b);
}

/* A kubeconfig with context c, cluster k, user u, these mappings being flow YAML without braces. */
static inline void fix_config(const char *name, const char *cluster, const char *user)
{
	auto_free char *pattern =
		xprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\n"
			"contexts: [{name: c, context: {cluster: k, user: u, namespace: dev}}]\n"
			"clusters: [{name: k, cluster: {%s}}]\nusers: [{name: u, user: {%s}}]\n",
			cluster, user);
	auto_free char *text = fix_fill(pattern);

	fix_write(name, text);
}

static inline int fix_setup(void **state)
{
	snprintf(fix_dir, sizeof(fix_dir), "/tmp/sbx-test-XXXXXX");
	if (!mkdtemp(fix_dir))
		return -1;
	setenv("HOME", fix_dir, 1);
	unsetenv("KUBECONFIG");
	unsetenv("KUBECONFIG_B64");
	unsetenv("KUBERNETES_SERVICE_HOST");
	unsetenv("POD_NAMESPACE");
	fix_pair("ca", EVP_EC_gen("P-256"), EVP_sha256());
	fix_pair("ec", EVP_EC_gen("P-256"), EVP_sha256());
	fix_pair("ed", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);
	fix_pair("rsa", EVP_RSA_gen(2048), EVP_sha256());
	fix_write(
		"bad.pem", "-----BEGIN CERTIFICATE-----\n" MARKER "\n-----END CERTIFICATE-----\n");
	fix_write("text.pem", MARKER "\n");
	return 0;
}

static inline int fix_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static inline int fix_teardown(void **state)
{
	return nftw(fix_dir, fix_remove, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
