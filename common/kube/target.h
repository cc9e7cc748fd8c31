/*
 * Where a cluster is and who we are there: what kubeconfig, environment and
 * flags come down to. Immutable once loaded; any thread may read it. Only the
 * credentials inside change with time, behind cred.h.
 */
#ifndef SBX_KUBE_TARGET_H
#define SBX_KUBE_TARGET_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct cred;

struct kube_target {
	char *context; /* its name, or "" (in-cluster, flags only) */
	char *server;  /* scheme://host[:port][/prefix], no slash at the end */
	char *host;    /* of server, without brackets */
	int port;
	bool tls;              /* https */
	char *ns;              /* namespace to use, never empty */
	char *ca_pem;          /* NULL: the system's trust store */
	char *ca_name;         /* where that is from, for sentences; or NULL */
	bool insecure;         /* do not verify */
	char *tls_server_name; /* NULL: host */
	char *proxy_url;       /* from the kubeconfig; NULL: environment */
	bool no_compression;
	int request_timeout_ms; /* 0: the default */
	char **impersonate;     /* whole header lines "Impersonate-User: x", NULL-ended; or NULL */
	struct cred *cred;      /* never NULL; may hold nothing (anonymous) */
};

/* kubectl's global flags as they were given; NULL, false or 0 when not. Strings are borrowed. */
struct kube_flags {
	const char *kubeconfig, *context, *cluster, *user, *ns, *server, *token, *as, *as_uid;
	const char *client_certificate, *client_key, *certificate_authority, *tls_server_name;
	const char *username, *password, *cache_dir, *request_timeout;
	const char *as_groups[32]; /* repeatable */
	size_t as_group_count;
	const char *as_user_extras[32]; /* KEY=VALUE, repeatable */
	size_t as_user_extra_count;
	bool insecure, insecure_set; /* --insecure-skip-tls-verify[=false] */
	bool no_compression;
	int verbosity;
	bool interactive; /* a credential plugin may use the terminal */
};

/*
 * Takes argv[*i] (and its value) if it is one of kubectl's global flags, in every form kubectl
 * takes:
 * --name=value, --name value, -n value, -nvalue, -s, -v. Moves *i to the last argument used.
 * 1 taken, 0 not one of them, -EINVAL (value missing or bad; err says).
 */
int kube_flags_take(struct kube_flags *flags, int argc, char **argv, int *i, struct err *err);

/* The help text of these flags, fitting 80 columns. Static. */
const char *kube_flags_help(void);

/*
 * Loads and merges (KUBERNETES.md 4: --kubeconfig > KUBECONFIG_B64 > KUBECONFIG > ~/.kube/config >
 * in-cluster) and applies the flags. -EINVAL: what a person wrote is wrong; -ENOENT, -EACCES: a
 * file; -EMSGSIZE: too large. err names file, entry and what to do.
 */
int kube_target_load(const struct kube_flags *flags, struct kube_target **ret, struct err *err);

/*
 * kube_target_load in two steps, for who may not need the cluster: what was read tells where it is and
 * who we are; only what was checked can be presented. The same errors, of certificates, keys and token
 * files by the second.
 */
int kube_target_read(const struct kube_flags *flags, struct kube_target **ret, struct err *err);
int kube_target_check(const struct kube_target *t, struct err *err);

/* kube_target_load with another folder than /var/run/secrets/kubernetes.io/serviceaccount, for tests. */
int kube_target_load_from(const struct kube_flags *flags, const char *serviceaccount_dir,
	struct kube_target **ret, struct err *err);
void kube_target_free(struct kube_target *t);

/*
 * Who we are and where, as 64 hex digits and a NUL: two targets with the same one reach the same
 * server, trusted for the same reason, as the same user. SHA-256 over server, proxy, what it is verified
 * by, credentials and impersonation; of a password and a private key nothing is in it. Of a credential
 * plugin it is what the kubeconfig says, not what the plugin makes of this process's environment. The
 * namespace is not part of it.
 */
void kube_target_fingerprint(const struct kube_target *t, char ret[65]);

#endif
