/*
 * Exec credential plugins, client.authentication.k8s.io/v1 and v1beta1
 * (KUBERNETES.md 4.5): what the kubeconfig says about one, and one run of it.
 */
#ifndef SBX_KUBE_CREDEXEC_H
#define SBX_KUBE_CREDEXEC_H

#include "common/kube/cred.h"
#include "common/kube/kubeconfig.h"

#include <stdint.h>

#define CREDEXEC_OUTPUT_MAX (1024 * 1024)

struct credexec;

/* What it gave; the caller's. */
struct credexec_answer {
	char *token;              /* or NULL */
	char *cert_pem, *key_pem; /* both or neither */
	int64_t expires_wall_ms;  /* 0: never */
};

/*
 * Reads user's "exec". cluster: what provideClusterInfo hands over (borrowed; copied when asked
 * for). may_interact: the terminal may be used if there is one. -EINVAL.
 */
int credexec_new(const struct kubeconfig_entry *user, const cJSON *cluster, bool may_interact,
	struct credexec **ret, struct err *err);
void credexec_free(struct credexec *x);

/*
 * Runs it. Blocks until deadline_ms, or without end where it has a terminal: a person may log in
 * there, and a Ctrl-C reaches it; halt (or NULL): -EINTR. Thread-safe, but the caller should run one at a time: it may
 * open a browser. -ENOENT not installed; -EACCES it failed, has no terminal, or gave expired
 * credentials -EBADMSG what it printed is no ExecCredential of the version asked for, or holds no
 * credentials -EMSGSIZE it printed too much; -ETIMEDOUT; it was killed in both cases
 */
int credexec_run(const struct credexec *x, int64_t deadline_ms, const struct halt *halt,
	struct credexec_answer *ret, struct err *err);
/* The program, its arguments and its environment: for cred_settings. */
void credexec_settings(const struct credexec *x, cred_setting *fn, void *arg);
void credexec_answer_fini(struct credexec_answer *a);

#endif
