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
struct credexec;

/*
 * What a kubeconfig's user and the flags come down to. All members may be NULL; paths are absolute.
 * Of token_file, token, username and exec the first one given counts (a token stands in while
 * token_file cannot be read); a certificate goes beside the first three. Of the certificate and the
 * key each, the file wins over the text.
 */
struct cred_spec {
	char *who; /* "user \"x\" in FILE", for sentences */
	char *token_file, *token;
	int64_t token_expires_wall_ms; /* of token; 0: unknown */
	char *username, *password;
	char *cert_file, *cert_pem, *key_file, *key_pem;
	struct credexec *exec;
};

/* Takes all of spec, also on failure. Opens none of its files. -EINVAL. */
int cred_new(struct cred_spec *spec, struct cred **ret, struct err *err);

/*
 * Reads and checks once what will be presented, so that a person hears at once what is wrong; runs no
 * plugin. -EINVAL; -ENOENT, -EACCES: a file.
 */
int cred_check(struct cred *c, struct err *err);

struct halt; /* http.h */

/* What to present now. Owned by the caller (cred_now_fini wipes and frees). */
struct cred_now {
	char *authorization; /* "Bearer ..." or "Basic ...", or NULL */
	char *cert_pem;      /* chain, or NULL */
	char *key_pem;
	unsigned generation; /* changes with what is presented */
};

/*
 * rejected: the generation that the server answered 401 to, or 0. A plugin or token file is then
 * asked again, at most once a minute for the same generation; -EACCES when nothing new comes of it,
 * and for static credentials. Files are looked at each time (a token file at most once a minute) and read again
 * when they changed; a plugin is asked again 45 s before its credentials expire. Other failures:
 * credexec.h. Blocks while a plugin runs, until deadline_ms (-ETIMEDOUT) or halt (-EINTR; may be NULL).
 */
int cred_get(struct cred *c, unsigned rejected, int64_t deadline_ms, const struct halt *halt,
	struct cred_now *ret, struct err *err);
void cred_now_fini(struct cred_now *now);

/*
 * What makes these credentials these: each setting by name, in a fixed order, absent ones as NULL;
 * for a digest. A password and a private key are left out (their names and certificates stand for
 * them), a token is not.
 */
typedef void cred_setting(void *arg, const char *name, const char *value);
void cred_settings(const struct cred *c, cred_setting *fn, void *arg);

/* May a 401 be cured by asking again? */
bool cred_renewable(const struct cred *c);
void cred_free(struct cred *c);

#endif
