/*
 * How clients get in: the port, the token, and the kubeconfig that says both.
 */
#ifndef SBX_LOCAL_ACCESS_H
#define SBX_LOCAL_ACCESS_H

#include "common/base/err.h"

#include <stdbool.h>

/* The port of last time, or a free one, which is kept in <home>/port. */
int access_port(const char *home, int *ret, struct err *err);

/* Whether an engine answers on the port that home names. */
bool access_answers(const char *home);

/* The token of last time, or a new one, in <home>/token (mode 0600). malloc'ed. */
int access_token(const char *home, char **ret, struct err *err);

/* <home>/kubeconfig, mode 0600: context sbx-local. Needs tls/ca.crt. */
int access_kubeconfig(const char *home, int port, const char *token, struct err *err);

#endif
