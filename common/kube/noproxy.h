/* NO_PROXY, for a host that libcurl does not see (tls-server-name). Pure. */
#ifndef SBX_KUBE_NOPROXY_H
#define SBX_KUBE_NOPROXY_H

#include <stdbool.h>

/*
 * list: names (with all below them), addresses, a.b.c.d/n, "*"; by commas or blanks. NULL: none.
 * host: without brackets.
 */
bool noproxy_has(const char *list, const char *host);

#endif
