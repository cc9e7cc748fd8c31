/*
 * RECORDs (proto.h): files' attributes as a hostile far end prints them.
 *
 * Whatever passes here is safe to show: a known type and no bits beyond
 * st_mode's, sizes that fit off_t, fractions below a second, names that are
 * one legal component. Times are clamped to the years 1 to 9999 (so: no int64
 * of nanoseconds can hold them all; compare timespecs).
 */
#ifndef SBX_REMOTE_RECORD_H
#define SBX_REMOTE_RECORD_H

#include "common/remote/remote.h"

#define RECORD_MAX          1024 /* bytes of one record */
#define LISTING_ENTRIES_MAX 1000000

/*
 * One whole record, its "/" LF included. named: with a legal name, else
 * without any. ret->name is allocated when named. -EBADMSG.
 */
int record_parse(const char *bytes, size_t n, bool named, struct entry *ret);

/* The inverse: parses to the same again. For tests and traces. */
void record_print(struct buf *ret, const struct attr *attr, const char *name);

/* Records that arrive in any split. budget, which may be NULL, is set after listing_init. */
struct listing {
	struct entry *entries; /* each with its name */
	size_t count, cap;
	uint64_t bytes;  /* that came: at most PROTO_LIST_MAX */
	struct buf part; /* of a record whose end is still to come */
	bool named;
	struct budget *
		budget; /* what is taken of it is held until listing_fini, also when entries are moved away */
	size_t taken;
};

void listing_init(struct listing *l, bool named);
void listing_fini(struct listing *l);
/* -EBADMSG; -EMSGSIZE: too many bytes or entries; -ENOMEM: the budget is used up. */
int listing_feed(struct listing *l, const void *bytes, size_t n);
/*
 * The same of one record with something behind it: *ret_used of the n bytes are the record's; it is
 * whole when count is 1.
 */
int listing_feed_one(struct listing *l, const void *bytes, size_t n, size_t *ret_used);
/* -EBADMSG when half a record was last. */
int listing_end(const struct listing *l);

void entries_free(struct entry *entries, size_t count);

#endif
