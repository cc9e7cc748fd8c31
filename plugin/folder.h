/*
 * A sandbox's folder in a mount, as a program uses it: its runs, by number.
 *
 * Everything here waits for sbxfs. It has been asked just now whether it is
 * alive (shown.h); should it stop meanwhile, these calls hang. So they belong
 * in a process that can be left behind (guard.h).
 */
#ifndef SBX_PLUGIN_FOLDER_H
#define SBX_PLUGIN_FOLDER_H

#include "plugin/pump.h"
#include "plugin/runs.h"

/*
 * As pump_run, of which session and start_deadline_ms do not count. number: 0: a new run, else that of a
 * run that is there, to attach to (without standard input); bounded: what is there now, without waiting
 * for more. A new one that has ended and told all is forgotten in the mount, unless it is detached.
 * -ENOENT and other failures before anything was started: ret->started is false, err may be empty.
 */
int folder_run(const char *dir, uint32_t number, const struct pump_spec *spec, struct pump_end *ret,
	struct err *err);

/* All runs, ordered. -ENOENT: the folder has gone. */
int folder_list(const char *dir, struct runs *ret, struct err *err);

/* The number there of the run that people call id: the kept one of that id, else the mount's own. -ENOENT. */
int folder_number(const char *dir, uint32_t id, uint32_t *ret);

/* "signal TERM". -ENOENT no such run, -ESRCH it has ended, -EINVAL. */
int folder_ctl(const char *dir, uint32_t number, const char *line);

/* Its status. -ENOENT. */
int folder_status(const char *dir, uint32_t number, struct run_row *ret);

/* A run's own folder, for several such calls: a descriptor (O_PATH), or -errno. */
int folder_open(const char *dir, uint32_t number);
int folder_ctl_at(int at, const char *line);
int folder_status_at(int at, uint32_t number, struct run_row *ret);

#endif
