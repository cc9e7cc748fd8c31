/*
 * The second stream of a session, for bulk data: when there is one.
 *
 * It is a second exec of the static agent in the same container, wanted as soon as a large file is open or
 * much of one has been read or written (file.h), never for runs, names and listings. Opening goes on beside
 * all else; nobody waits for it, and what cannot be had (a quota, a policy, agent.sh) costs one attempt, then
 * others at growing distances. It ends with its epoch's first stream, with the session, and
 * when no file has used it for BULK_IDLE_MS; when it is lost, the next that wants it opens another.
 *
 * What it brings (tests/bench/bulk): medians in ms of an `ls` of a folder not seen before on the same sandbox, quiet, and while
 * dd reads or writes a large file there. A real API server and all else on two cores; at 10 ms sbx-local
 * behind a delay, on a loaded machine.
 *				quiet	one stream	two
 *	reading			0.9	5.9 to 13	2.4 to 3.2
 *	writing			0.9	88 to 100	1.8 to 2.1
 *	reading, 10 ms		11 to 15	27	25
 *	writing, 10 ms		11 to 15	57	19
 * What counts is the queue: up to 8 MiB of what was written are on their way in the buffers of one connection, in
 * front of all that follows. dd was as fast with one as with two, within what runs differ.
 *
 * All of these: session->lock held.
 */
#ifndef SBX_SESSION_BULK_H
#define SBX_SESSION_BULK_H

#include "common/base/seldom.h"
#include "common/session/link.h"

#define BULK_IDLE_MS 60000

struct attempt;

struct bulk {
	struct link *link; /* one reference is ours; or NULL */
	struct attempt *attempt;
	struct link_stop stop;
	uint32_t epoch; /* of the first stream when it was tried last */
	bool wanted;    /* try now */
	bool useless;   /* in this epoch: the agent is not one that can */
	int64_t retry_at_ms;
	int backoff_ms;
	unsigned files;  /* that use it */
	int64_t idle_ms; /* since then none does */
	unsigned opened, lost;
	int last_rc; /* why there is none, or 0 */
	struct err last_err;
	struct seldom log; /* of why there is none */
};

void bulk_init(struct bulk *b);
void bulk_fini(struct bulk *b);

/* The stream; NULL: there is none now, but one is opened if it can be had. */
struct link *bulk_wanted(struct session *s);
/* So many files more use it. */
void bulk_files(struct session *s, struct link *l, int by);

/* l, if it is the one, is not used any more and will be hung up. */
bool bulk_lose(struct session *s, struct link *l);

/* On the session's thread; lets go of the lock. True: something was done, look again. */
bool bulk_turn(struct session *s);
int64_t bulk_due_ms(const struct session *s);

/* Members of a JSON object, a comma first; see session_describe. */
void bulk_describe(const struct session *s, struct buf *ret);

#endif
