/*
 * What sbxfs was asked for: argv, checked, in one struct.
 */
#ifndef SBX_FS_OPTIONS_H
#define SBX_FS_OPTIONS_H

#include "common/kube/target.h"

#include <stdint.h>

struct fuse_args;

#define OPTIONS_LIST_MAX 64
#define OPTIONS_NUMBERS  5

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
	const char *
		manage; /* kubectl-sbx, to make and destroy sandboxes with; NULL: that may not be done */
	const char *kube_words[OPTIONS_LIST_MAX]; /* those of argv that are in kube */
	size_t kube_word_count;
	bool agent_sh;
	bool foreground;
	bool help, version;
	int deadline_ms; /* of one request to a sandbox */

	/* -o */
	int notify_fd; /* -1: none */
	char *trace, *logfile;
	char *oplog;            /* the operation log; NULL: none */
	unsigned oplog_max_mib; /* of it; then it is begun anew */
	int read_only, nonempty, raw_symlinks, one_stream, allow_other, default_permissions, xattr,
		setid;
	char *squash[2];  /* only while they are parsed, into these: */
	int64_t uid, gid; /* whose all files are shown to be; -1: as the sandbox says */
	char *numbers[OPTIONS_NUMBERS]; /* only while they are parsed, into these: */
	unsigned spool_max_mib;         /* of each output of each run */
	unsigned spool_total_mib;       /* of all outputs of all runs together */
	unsigned runs_max;              /* runs of one sandbox that are kept here */
	unsigned nodes_max;             /* files that the kernel may know at once: limit.h */
	char *spool_full;               /* likewise */
	char *max_read;                 /* likewise; the kernel would end the mount over it */
	bool spool_drop; /* at the ceiling the oldest bytes go; else the command waits */
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
