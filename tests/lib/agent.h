/*
 * An agent to ask, named by SBX_AGENT_SHELL. static: the program SBX_AGENT_PROGRAM. Else agent.sh,
 * started by dash, bash and busybox with all their tools; toybox, which has no dd; ls, an image
 * without dd and stat; reduced, with sh, cat and tee alone. The last three are PATHs of links around
 * dash.
 */
#ifndef SBX_TESTS_LIB_AGENT_H
#define SBX_TESTS_LIB_AGENT_H

#include "common/remote/remote.h"

#define LONG_MS 60000

struct agent {
	struct remote *r;
	int pid;
	char dir[64]; /* a folder of its own */
};

const char *agent_tier(void);

/* Sets PATH for the tier, and has folders of its own (owntmp.h). 77: what it needs is not here; else 0 or 1. */
int agent_prepare(void);
void agent_tidy(void);

/* An array of struct CMUnitTest, between the two; gives what main gives. */
#define agent_run_tests(tests)                                                                     \
	({                                                                                         \
		int rc_ = agent_prepare();                                                         \
                                                                                                   \
		if (rc_ == 0) {                                                                    \
			rc_ = cmocka_run_group_tests_name(agent_tier(), tests, NULL, NULL);        \
			agent_tidy();                                                              \
		}                                                                                  \
		rc_;                                                                               \
	})

/* The shell with agent.sh sent: its descriptor, or negative. */
int agent_spawn(int *ret_pid);

/* For cmocka's setup and teardown. */
int agent_start(void **state);
int agent_stop(void **state);

bool agent_serves(struct agent *f, enum remote_op op);
int agent_ask(struct agent *f, struct remote_request rq, struct remote_reply *reply);
/* Only the errno matters. */
int agent_try(struct agent *f, struct remote_request rq);
/* The kept run as the agent lists it, without its script; id 0 and RUN_KEPT: it does not,
 * or does not answer. */
struct kept agent_listed(struct agent *f, uint32_t id);
/* Path of name in the agent's folder. One of 16 that take turns. */
const char *agent_in(struct agent *f, const char *name);

/* Bytes of every value, the same each time. */
void fill(char *bytes, size_t n);

#endif
