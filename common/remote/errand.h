/*
 * One file operation on its way: the call that the mux holds, and what has come of its answer.
 *
 * The answer is foreign bytes: what does not fit the request (another handle than was chosen, more
 * bytes than were asked for, a listing that is cut) is -EBADMSG, and the stream ends by it.
 * Pieces and ends come on the reader thread.
 */
#ifndef SBX_REMOTE_ERRAND_H
#define SBX_REMOTE_ERRAND_H

#include "common/remote/mux.h"
#include "common/remote/remote.h"

struct errand;

/* Its call has no frame yet: request_encode. done is called once, with arg, and then it is freed. */
struct errand *errand_new(const struct remote_request *rq, uint64_t tag, int64_t deadline_ms,
	remote_done *done, void *arg);

/* For the mux, which from then on has it. */
struct call *errand_call(struct errand *e);

/* For one that the mux did not take; rc is negative. */
void errand_end(struct errand *e, int rc);

#endif
