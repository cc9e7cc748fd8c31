/* Inside a Pod: the service account's files as a kubeconfig (KUBERNETES.md 4.7). */
#ifndef SBX_KUBE_INCLUSTER_H
#define SBX_KUBE_INCLUSTER_H

#include "common/kube/kubeconfig.h"

#define INCLUSTER_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/* Are the environment and dir/token as in a Pod? */
bool incluster_possible(const char *dir);

/* One context "in-cluster", current. */
int incluster_load(const char *dir, struct kubeconfig **ret, struct err *err);

#endif
