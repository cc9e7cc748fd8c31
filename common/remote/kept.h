/*
 * KEPT lines (proto.h): kept runs as a hostile far end lists them.
 *
 * Whatever passes here is safe to compute with and to show: ids and codes in
 * their ranges, no output that starts behind its end, times up to the year
 * 9999, the script's beginning escaped for a terminal.
 */
#ifndef SBX_REMOTE_KEPT_H
#define SBX_REMOTE_KEPT_H

#include "common/remote/remote.h"

#define KEPT_LINE_MAX 1536 /* 14 fields of 20 digits at most, and PROTO_KEPT_SCRIPT bytes as TEXT */

/* One line without its LF. ret->script is allocated. -EBADMSG. */
int kept_parse(const char *line, size_t n, struct kept *ret);

/* Lines that arrive in any split. */
struct kept_list {
	struct kept *runs; /* NULL until the first; as they came, until kept_list_end */
	size_t lines;      /* that came, and runs: the same until kept_list_end */
	size_t count;
	struct buf part; /* of a line whose LF is still to come */
};

void kept_list_init(struct kept_list *l);
void kept_list_fini(struct kept_list *l);
/* -EBADMSG; -EMSGSIZE: more than PROTO_KEPT_RUNS. */
int kept_list_feed(struct kept_list *l, const void *bytes, size_t n);
/* Orders them by id; of several with one id the first stays. -EBADMSG: half a line was last. */
int kept_list_end(struct kept_list *l);

void kept_free(struct kept *runs, size_t count);

#endif
