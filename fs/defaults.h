/*
 * Where and with which variables runs start: the texts of cwd and env.
 *
 * Pure. A list of variables is "NAME=VALUE" strings, NULL-ended, each name once; NULL is an empty
 * one. A name is any text without '=', as the kernel has it.
 */
#ifndef SBX_FS_DEFAULTS_H
#define SBX_FS_DEFAULTS_H

#include "common/base/buf.h"

#define DEFAULTS_CWD_MAX   4095
#define DEFAULTS_TEXT_MAX  (128 * 1024) /* of the file env */
#define DEFAULTS_LINES_MAX 4096

/* One absolute path, LF optional; "" gives NULL: the container's own. -EINVAL. */
int cwd_parse(const char *text, size_t n, char **ret);

bool env_pair_ok(const char *pair); /* without LF */

/* A line each; empty ones are nothing. Of two with one name the later counts. -EINVAL. */
int env_parse(const char *text, size_t n, char ***ret);
void env_put(char ***env, const char *pair);
char **env_copy(char *const *env);
void env_print(char *const *env, struct buf *ret); /* env_parse gives the same list back */
void env_free(char **env);

#endif
