/* The process that becomes a run's command. */
#ifndef SBX_AGENT_CHILD_H
#define SBX_AGENT_CHILD_H

#include "common/base/buf.h"
#include "common/remote/agent/static/world.h"

/* What is to run. All borrowed, and the same in the processes forked from here. */
struct start {
	const struct world *world;
	const char *script;
	size_t script_n;
	const char *cwd;  /* "": the container's */
	const char *user; /* "": the agent's own */
	const char *env;  /* NAME=VALUE lines in TEXT form */
	size_t env_n;
	uint64_t timeout_ms;
	uint32_t keep; /* 0, or the wanted id */
	uint32_t tag;
	bool wants_in, terminal;
	int stdio[3]; /* the command's, -1: none; a terminal's are all the same */
	int boss;     /* keeper.h */
};

/* -EINVAL: not lines of NAME=VALUE in TEXT form. */
int child_check_env(const char *env, size_t n);

/*
 * A "#!" script is a file of its own, as some interpreters want to know where they read. Its name
 * is put into ret, "" when nothing can be written; the caller unlinks it when the command has ended.
 */
void child_script_file(const struct start *s, char ret[static 64]);

/* After a fork: a session and process group of its own, signals as a command expects them. */
void child_lead(void);
/* After that. Says on standard error what cannot be had: 126, or 127 for an interpreter. */
void child_become(const struct start *s, const char *script_file) __attribute__((noreturn));

#endif
