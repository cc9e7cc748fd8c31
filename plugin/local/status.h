/*
 * Status objects: how this API says that a thing went wrong (or right).
 */
#ifndef SBX_LOCAL_STATUS_H
#define SBX_LOCAL_STATUS_H

#include "plugin/local/json.h"

/* reason NULL: the usual one of that HTTP code. */
cJSON *status_make(int code, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
cJSON *status_of(
	cJSON *status, const char *plural, const char *name); /* adds details; returns it */
int status_code(const cJSON *status);

/* What ends an exec stream, on its channel 3. */
cJSON *status_success(void);
cJSON *status_exit(int code);

const char *status_http_text(int code); /* "Not Found" */

#endif
