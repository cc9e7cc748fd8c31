/*
 * A run's three streams between this process's descriptors and a session.
 *
 * Output is copied as it comes, each stream for itself: a full pipe behind one
 * never holds back the other. What a descriptor does not take is held back by
 * credit, so at most one window of each is ever kept here. One poll loop on
 * the caller's thread does all reading and writing; the session's callbacks
 * only fill buffers and ring.
 */
#ifndef SBX_PLUGIN_PUMP_H
#define SBX_PLUGIN_PUMP_H

#include "common/base/buf.h"
#include "common/session/session.h"

struct pump_spec {
	struct session *session;
	struct run_spec run; /* window is set by the pump */
	int64_t start_deadline_ms;
	int in, out, err; /* descriptors; in is read when run.wants_stdin */
	int signals;      /* interrupt_fd's */
};

struct pump_end {
	struct run_end run;
	bool started; /* the far end has said so */
	int signal;   /* the last of ours that came, or 0 */
};

/*
 * Runs to the end and closes the session, also on failure. 0: ret->run says how it ended. -EINTR:
 * interrupted twice, or before it had started. -EBADMSG: the sandbox sent more, or told less, than
 * was agreed. The rest: descriptors cannot be had. ret->signal and ret->started are always set.
 */
int pump_run(const struct pump_spec *spec, struct pump_end *ret, struct err *err);

#endif
