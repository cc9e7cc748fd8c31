/*
 * The far side of a terminal, in one of two forms: a run of an agent that gives terminals
 * (termrun.c), or an exec stream with tty=true (termexec.c). terminal.c is the near side.
 *
 * All calls are for one thread and never wait, but for the opens, leave and close.
 */
#ifndef SBX_PLUGIN_TERMFAR_H
#define SBX_PLUGIN_TERMFAR_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/session/session.h"
#include "plugin/terminal.h"

#include <poll.h>

#define TERMFAR_TAKE (64 * 1024) /* bytes that one take appends at most */

enum far_state { FAR_STARTING, FAR_RUNNING, FAR_ENDED };

enum far_leave {
	FAR_DETACH, /* it shall go on, where it can */
	FAR_HANGUP, /* it shall end, as when a terminal is closed */
};

struct far_end {
	int status; /* of the command; -1: not known, rc and err say why */
	bool began;
	int rc;
	struct err err;
};

struct far {
	const struct far_ops *ops;
	int64_t due_ms; /* take again then, though nothing has come; INT64_MAX: never */
};

struct far_ops {
	/* What to wait for. can_take: there is room for TERMFAR_TAKE bytes; has_keys: give has something. */
	void (*poll)(struct far *f, bool can_take, bool has_keys, struct pollfd *ret);
	/* Appends what has come, if there is room for TERMFAR_TAKE bytes. ENDED: all has come. */
	enum far_state (*take)(struct far *f, struct buf *screen);
	/* How many of these bytes were taken; 0: not now. */
	size_t (*give)(struct far *f, const void *bytes, size_t n);
	void (*resize)(struct far *f, unsigned cols, unsigned rows);
	/* At most a second. The id under which it is kept, or 0: it ends. */
	uint32_t (*leave)(struct far *f, enum far_leave how);
	void (*end)(struct far *f, struct far_end *ret); /* once ENDED */
	void (*close)(struct far *f);                    /* frees */
};

/* What both are made from. All is borrowed. */
struct far_ask {
	struct net *net;
	const struct kube_target *target;
	const struct sandbox *sandbox;
	const struct terminal_spec *spec;
	unsigned cols, rows; /* 0: not known */
	int64_t deadline_ms; /* of the start */
	const volatile bool *stop;
};

/* Takes session, also on failure. */
int termrun_open(
	struct session *session, const struct far_ask *ask, struct far **ret, struct err *err);
int termexec_open(const struct far_ask *ask, struct far **ret, struct err *err);

#endif
