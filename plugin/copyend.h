/*
 * One end of a copy: a place on this machine, or in a sandbox, with a stream to it.
 */
#ifndef SBX_PLUGIN_COPYEND_H
#define SBX_PLUGIN_COPYEND_H

#include "common/remote/pack/pipe.h"
#include "common/session/line.h"
#include "plugin/place.h"

/* "NAME:PATH", "NAMESPACE/POD:PATH"; what begins with / or . , or has no ':', is of this machine; "-". */
struct copy_word {
	const char *word; /* as it was typed */
	char *pod;        /* NULL: this machine */
	const char *path; /* in word */
	bool stdio;
};
void copy_word_parse(const char *word, struct copy_word *ret);
void copy_word_fini(struct copy_word *w);

struct copy_end {
	struct place place;
	const char *container; /* or NULL */
	bool agent_sh;
	char *uid, *container_id; /* of what the first stream went to */
	struct line *line;
	struct far_agent *far; /* instead of a line: agent.sh behind a session */
	struct pack_pipe *pipe;
};

#define auto_copy_end struct copy_end auto_with(copy_end_fini)

/* No network yet. -EINVAL: no name of a sandbox. */
int copy_end_init(struct copy_end *e, const struct cli *cli, const char *pod, const char *container,
	bool agent_sh, struct err *err);
void copy_end_fini(struct copy_end *e);

/*
 * A new stream, e->pipe. -ESTALE: it is another sandbox, or its container was restarted, since the first; -ENOTCONN:
 * it does not run; else what may pass.
 */
int copy_end_connect(struct copy_end *e, const volatile bool *stop, struct err *err);
void copy_end_hang_up(struct copy_end *e);

#endif
