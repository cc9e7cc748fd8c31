/*
 * Folders of our own: making, and taking away with all that is in them.
 */
#ifndef SBX_LOCAL_FOLDER_H
#define SBX_LOCAL_FOLDER_H

#include "common/base/err.h"

/* Makes it, and what is above it. An existing one is fine. */
int folder_make(const char *path, unsigned mode, struct err *err);

/*
 * Removes a tree without following links or crossing into other file systems; folders that
 * forbid it are opened up first. An absent one is fine.
 */
int folder_remove(const char *path, struct err *err);

int folder_write(const char *dir, const char *name, const char *text, unsigned mode); /* -errno */

#endif
