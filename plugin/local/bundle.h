/*
 * The OCI bundle of a container: config.json, from the Pod and the image.
 */
#ifndef SBX_LOCAL_BUNDLE_H
#define SBX_LOCAL_BUNDLE_H

#include "plugin/local/image.h"

struct bundle {
	const cJSON *pod;
	const cJSON *container; /* of its spec */
	const cJSON *image;
	const char *dir;     /* the container's folder: config.json goes there, root is below it */
	const char *pod_dir; /* etc/ and volumes/ are below it */
	const char *cgroup;  /* or NULL: no control groups */
	int holder;          /* the process whose net, ipc and uts namespaces are joined */
	bool one_user;       /* a user namespace with only one user in it */
};

/*
 * -EINVAL, -ENOENT, -ENOTSUP with a sentence: the Pod asks for what cannot be given
 * (CreateContainerConfigError).
 */
int bundle_write(const struct bundle *b, struct err *err);

/* $(NAME) in text replaced by what env ("NAME=value" strings) says; $$( is a plain $(. malloc'ed.
 */
char *bundle_expand(const char *text, const cJSON *env);

#endif
