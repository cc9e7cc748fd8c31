/* Whom a run runs as: the container's own passwd and group, read here (libc's look-ups load more). */
#ifndef SBX_AGENT_USER_H
#define SBX_AGENT_USER_H

#include <sys/types.h>

#define USER_GROUPS 64

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS]; /* gid among them */
	int group_count;
	char name[64];
	char home[256];
};

/* A name or a number; a number that has no name is alone in the group of that number. -ENOENT. */
int user_find(const char *who, struct user *ret);
/* Becomes it. 0 or -errno. */
int user_become(const struct user *u);

#endif
