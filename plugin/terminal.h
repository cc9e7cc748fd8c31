/*
 * A command in a sandbox on this side's terminal: `shell`, `run -t`, `attach`.
 *
 * Where the agent gives terminals, it is a run like any other (kept, when that is asked
 * for, so that the detach key leaves it and `attach` comes back to it). Else it is an
 * exec stream of its own with tty=true, whose far end says by a mark in the stream how
 * the command ended (ttymark.h); a stream that ends without that mark is lost, never a success.
 *
 * The keyboard is raw from the moment the command has started: Ctrl-C and Ctrl-Z are the
 * remote program's. Before that Ctrl-C ends the waiting. However this process ends (SIGKILL
 * alone left out) the terminal is as it was.
 */
#ifndef SBX_PLUGIN_TERMINAL_H
#define SBX_PLUGIN_TERMINAL_H

#include "common/kube/rest.h"
#include "common/kube/sandbox.h"

#define TERMINAL_DETACH_KEYS "ctrl-p,ctrl-q"

/* All is borrowed. */
struct terminal_spec {
	int argc; /* 0, without attach: bash where the image has it, else sh */
	char *const *argv;
	const char *cwd;        /* NULL: the container's */
	const char *user;       /* NULL: the container's; else only an agent with terminals can */
	const char *const *env; /* NAME=VALUE..., NULL-ended, or NULL */
	int64_t timeout_ms;     /* 0: none; at most INT_MAX */
	bool keep;       /* a lost connection does not end it, where the agent can keep runs */
	uint32_t attach; /* 0, or the kept run to come back to; then all above are ignored */
	const char *detach_keys; /* "ctrl-p,ctrl-q"; "": none; NULL: TERMINAL_DETACH_KEYS */
};

/*
 * Whether standard input is a terminal. When it is not, -t is not possible: say
 * terminal_none_text and go on without one, as kubectl does.
 */
bool terminal_here(void);
extern const char terminal_none_text[];

/* -EINVAL: detach_keys is not a list of keys; err says which. For the check before anything acts. */
int terminal_check(const struct terminal_spec *spec, struct err *err);

/*
 * Runs to the end, or to the detach key. Says on standard error what there is to say and gives the
 * exit status for this process: the command's own, 128+n, 124; 0 detached; 1 with a sentence: it could
 * not run, or was lost; 128+n when signal n ended this side. Call it before any thread was started (it opens a
 * net of its own): it blocks signals, and leaves them blocked.
 */
int terminal_run(struct kube *k, const struct sandbox *s, const struct terminal_spec *spec);

#endif
