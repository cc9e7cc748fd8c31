/*
 * libcurl, loaded when it is first needed (library.h).
 *
 * curl.c defines each function of it that is used here, under its own name and
 * by its own declaration, and passes it on: callers include curl/curl.h and see no
 * difference, its checks of setopt's arguments included. A function that
 * curl.c lacks fails to link.
 */
#ifndef SBX_KUBE_CURL_H
#define SBX_KUBE_CURL_H

#include "common/base/err.h"

/*
 * Before any other of its functions; any thread. Also curl_global_init. -ELIBACC, -ELIBBAD: library_need's.
 */
int curl_load(struct err *err);

#endif
