/*
 * Credentials: token, token file, client certificate, basic, or an exec
 * credential plugin; and when to ask again. Any thread; a plugin runs once at
 * a time, others wait for its answer.
 */
#ifndef SBX_KUBE_CRED_H
#define SBX_KUBE_CRED_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct cred;

/* What to present now. Owned by the caller (cred_now_fini wipes and frees). */
struct cred_now {
	char *authorization; /* "Bearer ..." or "Basic ...", or NULL */
	char *cert_pem;	     /* chain, or NULL */
	char *key_pem;
	unsigned generation; /* changes with what is presented */
};

/*
 * rejected: the generation that the server answered 401 to, or 0. A plugin or token file is then asked
 * again, once per generation; static credentials give -EACCES. Blocks while a plugin runs, until
 * deadline_ms (-ETIMEDOUT).
 */
int cred_get(struct cred *c, unsigned rejected, int64_t deadline_ms, struct cred_now *ret, struct err *err);
void cred_now_fini(struct cred_now *now);

/* May a 401 be cured by asking again? */
bool cred_renewable(const struct cred *c);
void cred_free(struct cred *c);

#endif
