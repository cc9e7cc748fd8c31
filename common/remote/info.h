/*
 * The hello: what a far end says of itself (proto.h).
 */
#ifndef SBX_REMOTE_INFO_H
#define SBX_REMOTE_INFO_H

#include "common/remote/remote.h"

struct info {
	struct remote_info said;
	bool body_text; /* bodies go as one TEXT line */
	char *cwd, *why;
};

#define INFO_CALLS_MAX 1024 /* more is taken as this */

bool info_starts(const char *line, size_t n); /* this line is a hello */

/* line without its LF. -EPROTONOSUPPORT: another version; -EBADMSG. ret untouched then. */
int info_parse(const char *line, size_t n, struct info *ret, struct err *err);
void info_fini(struct info *info);

#endif
