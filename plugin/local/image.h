/*
 * Images that this engine has: "host", and those that were imported.
 *
 * An imported image is <home>/images/<name, escaped>/ with layers/0, layers/1, ... (lowest
 * first, overlay white-outs in them) and image.json: {"name", "id", "layers": N, "config": {...}}
 * with the OCI config's Entrypoint, Cmd, Env, WorkingDir, User.
 */
#ifndef SBX_LOCAL_IMAGE_H
#define SBX_LOCAL_IMAGE_H

#include "common/base/err.h"
#include "plugin/local/json.h"

#define IMAGE_HOST       "host"
#define IMAGE_LAYERS_MAX 128
#define IMAGE_NAME_MAX   200

bool image_name_ok(const char *name);

/* <home>/images/<escaped>; malloc'ed. */
char *image_folder(const char *home, const char *name);

/*
 * image.json of an image, by its name as given, or with ":latest" put on or taken off.
 * -ENOENT: this engine has none such. *ret_folder is malloc'ed.
 */
int image_find(const char *home, const char *name, cJSON **ret, char **ret_folder);

/* (Re)makes the image "host" from this machine: its /etc is a small copy. */
int image_make_host(const char *home, struct err *err);

/* Brings in a root file system, an OCI layout, or an archive of one (or of docker save). */
int image_import(const char *home, const char *name, const char *from, struct err *err);

#endif
