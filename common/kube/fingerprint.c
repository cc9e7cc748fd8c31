#include "common/base/sha256.h"
#include "common/kube/cred.h"
#include "common/kube/target.h"

#include <string.h>

/* Each with its end, and an absent one unlike an empty one: no two lists of settings are the same
 * bytes. */
static void add(void *arg, const char *name, const char *value)
{
	struct sha256 *sum = arg;

	sha256_add(sum, name, strlen(name) + 1);
	sha256_add(sum, value ? "=" : "-", 1);
	if (value)
		sha256_add(sum, value, strlen(value) + 1);
}

static void add_target(struct sha256 *sum, const struct kube_target *t)
{
	add(sum, "server", t->server);
	add(sum, "proxy", t->proxy_url);
	add(sum, "verified", t->insecure ? NULL : "");
	add(sum, "name", t->tls_server_name);
	add(sum, "ca", t->ca_pem);
	for (size_t i = 0; t->impersonate && t->impersonate[i]; i++)
		add(sum, "impersonate", t->impersonate[i]);
	cred_settings(t->cred, add, sum);
}

void kube_target_fingerprint(const struct kube_target *t, char ret[65])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[SHA256_BYTES];
	struct sha256 sum;

	sha256_init(&sum);
	add_target(&sum, t);
	sha256_end(&sum, bytes);
	explicit_bzero(&sum, sizeof(sum));
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * SHA256_BYTES] = '\0';
}
