/*
 * An open control file: ctlhandle.c opens and ends it, ctlfile.c does all else. Nobody else includes this.
 */
#ifndef SBX_FS_CTLHANDLE_H
#define SBX_FS_CTLHANDLE_H

#include "fs/ctlfile.h"
#include "fs/input.h"
#include "fs/op.h"

struct ctl_handle {
	enum ctl_kind kind;
	unsigned run;    /* 0: the sandbox's own */
	struct box *box; /* holds a reference; NULL: the mount's own */
	char *text;      /* what was there at the open; NULL: not such a file */
	size_t text_n;
	struct podlog *log;
	struct job *job; /* holds a reference, counts as open; NULL: none, or a conversation's */
	struct input *input; /* the job's, open for writing */
	struct input_writer writer;
	pid_t opener;

	pthread_mutex_t lock; /* all below; before a job's and an output's */
	struct talk *talk;    /* what is read; NULL: nothing yet */
	struct buf script;    /* written, not started yet */
	bool begun;           /* runs/new: its run has been started */
	size_t number_at;     /* of its number, that much has been read */
	struct ctl_edit *edit;
};

static inline bool ctl_is_conversation(const struct ctl_handle *c)
{
	return c->kind == CTL_CMD || c->kind == CTL_NEW;
}

/* The process whose thread asks. */
pid_t ctl_caller(const struct op *op);

#endif
