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
#include "plugin/sink.h"

struct pump_spec {
	struct session *session;
	struct run_spec run; /* window is set by the pump */
	int64_t start_deadline_ms;
	int in; /* read when run.wants_stdin */
	struct sink out[2];
	int signals;         /* interrupt_fd's, or what interrupt_send writes to */
	int64_t deadline_ms; /* 0, or when the pump lets go: -ETIMEDOUT */

	bool detach; /* with run.keep: done once it has started */
	/* Of an attached run: */
	bool leaves;       /* an interrupt lets go of it, instead of reaching it */
	bool bounded;      /* lets go as well when so much has come: */
	uint64_t until[2]; /* bytes of each output since its beginning */
};

struct pump_end {
	struct run_end run; /* RUN_KEPT: it goes on */
	bool started;       /* the far end has said so */
	uint32_t kept_id;   /* by its word; 0: it is not kept */
	int signal;         /* the last of ours that came, or 0 */
};

/*
 * Runs to the end and closes the session, also on failure. 0: ret->run says how it ended. -EINTR:
 * interrupted twice, or before it had started. -EBADMSG: the sandbox sent more, or told less, than
 * was agreed. The rest: descriptors cannot be had. ret->signal and ret->started are always set.
 */
int pump_run(const struct pump_spec *spec, struct pump_end *ret, struct err *err);

/* "INT" for SIGINT and so on: what a run is sent when we get that. */
const char *pump_signal_word(int sig);

#endif
