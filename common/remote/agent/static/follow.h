/* A kept run that is followed on this stream: its files, as they grow. */
#ifndef SBX_AGENT_FOLLOW_H
#define SBX_AGENT_FOLLOW_H

#include "common/remote/agent/static/kept.h"
#include "common/remote/agent/static/task.h"

struct follow_spec {
	uint64_t from[2];
	uint64_t window;
	bool wanted[2];
	bool wants_in;
};

/* Says `s` first. -ENOENT. */
int follow_begin(
	struct agent *a, uint32_t tag, const struct kept_dir *d, const struct follow_spec *spec);

/* The end of a kept run's input. */
void follow_eof(const struct kept_dir *d);

/* The request attach, on the loop's thread; takes j. */
void follow_attach(struct job *j);

#endif
