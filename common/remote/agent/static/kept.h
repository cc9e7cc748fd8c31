/*
 * Kept runs as they lie on disk: "How they are kept" in common/remote/proto.h. Any thread, any
 * process; what another agent has written is read the same way.
 */
#ifndef SBX_AGENT_KEPT_H
#define SBX_AGENT_KEPT_H

#include "common/base/buf.h"
#include "common/remote/agent/static/world.h"

#define KEPT_PATH 4200

/* A run's folder. */
struct kept_dir {
	char path[KEPT_PATH];
	uint32_t id;
};

struct kept_about {
	uint64_t pid, pid_start, keeper, keeper_start, started, terminal;
};

enum kept_state { KEPT_RUNNING, KEPT_EXITED, KEPT_SIGNALED, KEPT_TIMEOUT, KEPT_LOST };

struct kept_end {
	enum kept_state state;
	uint64_t code, out[2], dropped[2], ms;
};

const char *kept_state_name(enum kept_state state);

int kept_find(const struct world *w, uint32_t id, struct kept_dir *ret); /* -ENOENT */
/* Calls for each; fn's first that is not 0 ends it and is returned. */
int kept_each(const struct world *w, int (*fn)(void *arg, const struct kept_dir *d), void *arg);
/*
 * A new folder: id, or the next free one above. When there are too many, the oldest that has ended
 * goes. -ENOSPC none has; -EROFS no place to write.
 */
int kept_make(const struct world *w, uint32_t id, struct kept_dir *ret);
void kept_remove(const struct kept_dir *d);

int kept_open(const struct kept_dir *d, const char *name, int flags); /* a descriptor or -errno */
int kept_write(const struct kept_dir *d, const char *name, const struct buf *b); /* by rename */
void kept_unlink(const struct kept_dir *d, const char *name);
uint64_t kept_size(const struct kept_dir *d, const char *name); /* 0 when absent */

int kept_about(const struct kept_dir *d, struct kept_about *ret); /* -ENOENT, -EBADMSG */
int kept_end(const struct kept_dir *d, struct kept_end *ret);     /* the same */
void kept_start(const struct kept_dir *d, uint64_t ret[static 2]);
/* What it has come to: its end, else whether its keeper is there. about may be NULL. */
void kept_state(const struct kept_dir *d, struct kept_about *about, struct kept_end *ret);

/* Field 22 of /proc/PID/stat; 0 when there is no such process. */
uint64_t process_start(uint64_t pid);
/* It is still that process. */
bool process_is(uint64_t pid, uint64_t start);

#endif
