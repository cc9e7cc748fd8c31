/*
 * A container's log: lines of "TIME STREAM P|F text", as the kubelet keeps
 * them (P: the line goes on). Written by the shim, read for pods/log and for
 * attach. The name of the file is CONTAINER.RESTARTS.log in the Pod's folder.
 */
#ifndef SBX_LOCAL_PODLOG_H
#define SBX_LOCAL_PODLOG_H

#include "plugin/local/api.h"

#define PODLOG_LINE_BYTES (16u * 1024) /* longer ones are cut into parts */
#define PODLOG_FILE_BYTES                                                                          \
	(64u << 20) /* then the file is begun anew, the old one kept once as .old */

void podlog_answer(struct engine *e, struct snap *pod, struct call *c, struct answer *ret);

struct podlog_line {
	const char *time; /* time_bytes of RFC 3339 with fractions; not terminated */
	size_t time_bytes;
	bool is_stderr;
	bool part;
	const char *text; /* without the newline */
	size_t text_bytes;
};

/* One line of n bytes, without its newline. -EBADMSG. */
int podlog_parse(const char *line, size_t n, struct podlog_line *ret);

/* Appends one such line. */
void podlog_print(struct buf *ret, bool is_stderr, bool part, const char *text, size_t n);

#endif
