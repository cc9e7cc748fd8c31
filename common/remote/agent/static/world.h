/* What the agent found when it started, and gives to those it starts in its turn. */
#ifndef SBX_AGENT_WORLD_H
#define SBX_AGENT_WORLD_H

#include <sys/resource.h>
#include <sys/types.h>

struct world {
	char *home;   /* the container's working directory */
	char *shell;  /* sh */
	char **env;   /* NULL-ended */
	mode_t umask; /* the agent's own is 0 */
	struct rlimit files;
	uid_t uid;
	gid_t gid;
};

void world_init(struct world *w);

#endif
