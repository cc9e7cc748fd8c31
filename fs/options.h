/*
 * What sbxfs was asked for: argv, checked, in one struct.
 */
#ifndef SBX_FS_OPTIONS_H
#define SBX_FS_OPTIONS_H

#include "common/kube/target.h"

#include <stdint.h>

struct fuse_args;

#define OPTIONS_LIST_MAX 64

struct options {
	struct kube_flags kube;
	const char *mountpoint;
	bool all_namespaces;
	const char *selector; /* NULL: SANDBOX_SELECTOR, unless only --pod was given */
	const char *pods[OPTIONS_LIST_MAX];       /* plain Pods by name */
	const char *containers[OPTIONS_LIST_MAX]; /* of the Pod with the same index; NULL: its
						     default */
	size_t pod_count;
	const char *locals[OPTIONS_LIST_MAX]; /* NAME[=ROOTDIR] */
	size_t local_count;
	bool agent_sh;
	bool foreground;
	bool help, version;
	int deadline_ms; /* of one request to a sandbox */

	/* -o */
	int notify_fd; /* -1: none */
	char *trace, *logfile;
	int read_only, nonempty, raw_symlinks, allow_other, default_permissions;
	unsigned spool_max_mib; /* of each output of each run */
};

/*
 * -EINVAL: err says what is wrong with the command line. fuse_args gets what is left for libfuse.
 * Strings are borrowed from argv, but for those of -o.
 */
int options_parse(struct options *o, int argc, char **argv, struct fuse_args *ret, struct err *err);
void options_fini(struct options *o);

/* Does it need a cluster? */
bool options_cluster(const struct options *o);

/* The whole --help, fitting 80 columns. Static. */
const char *options_help(void);

#endif
