/*
 * kubeconfig files, found and merged as kubectl does: of each cluster, user
 * and context the first file that names it wins as a whole; of
 * current-context the first that is not empty. Immutable once loaded.
 */
#ifndef SBX_KUBE_KUBECONFIG_H
#define SBX_KUBE_KUBECONFIG_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <cjson/cJSON.h>

#define KUBECONFIG_FILE_BYTES_MAX (4 * 1024 * 1024) /* of the files it refers to */

enum kubeconfig_kind { KUBECONFIG_CLUSTER, KUBECONFIG_USER, KUBECONFIG_CONTEXT };

struct kubeconfig_entry {
	enum kubeconfig_kind kind;
	char *name;
	const cJSON *body; /* the mapping under "cluster:", "user:", "context:"; NULL when empty */
	const char *file;  /* that defined it, or "KUBECONFIG_B64", for sentences */
	const char *dir;   /* what its relative paths start from */
};

struct kubeconfig;

/*
 * path: --kubeconfig, or NULL: then KUBECONFIG_B64, KUBECONFIG (a list; missing files skipped),
 * ~/.kube/config (may be missing). -ENOENT: path is missing; -EACCES and others of open(2);
 * -EMSGSIZE; -EINVAL: what is in a file is wrong.
 */
int kubeconfig_load(const char *path, struct kubeconfig **ret, struct err *err);

/* A kubeconfig of this tree (taken): what in-cluster settings come down to, and tests. */
int kubeconfig_from_tree(
	cJSON *tree, const char *file, const char *dir, struct kubeconfig **ret, struct err *err);
void kubeconfig_free(struct kubeconfig *k);

const struct kubeconfig_entry *kubeconfig_find(
	const struct kubeconfig *k, enum kubeconfig_kind kind, const char *name);
/* The n'th of that kind, from 0, in the order of the files; NULL: there are not so many. */
const struct kubeconfig_entry *kubeconfig_nth(
	const struct kubeconfig *k, enum kubeconfig_kind kind, size_t n);
const char *kubeconfig_current(const struct kubeconfig *k); /* "" when none */
bool kubeconfig_empty(const struct kubeconfig *k);          /* no entry of any kind */
const char *kubeconfig_files(const struct kubeconfig *k);   /* "a, b", for sentences */

/* Appends up to ten names of that kind: "a, b, c and 4 more", or "none". */
void kubeconfig_names(const struct kubeconfig *k, enum kubeconfig_kind kind, struct buf *ret);

/* --- fields of an entry. err names file, entry and field. ------------------- */

/* Text, NULL when absent or empty; borrowed. -EINVAL: something else than text. */
int kubeconfig_text(
	const struct kubeconfig_entry *e, const char *field, const char **ret, struct err *err);

/* false when absent. "yes", on, "true" are true. */
int kubeconfig_bool(
	const struct kubeconfig_entry *e, const char *field, bool *ret, struct err *err);

/* A path made absolute, the caller's; NULL when absent. */
int kubeconfig_path(
	const struct kubeconfig_entry *e, const char *field, char **ret, struct err *err);

/* Base 64 decoded, the caller's; NULL when absent. What it says is never in err. */
int kubeconfig_data(
	const struct kubeconfig_entry *e, const char *field, char **ret, struct err *err);

/* The rest of a sentence: "user \"x\" in FILE: " + fmt. Returns code. */
int kubeconfig_wrong(const struct kubeconfig_entry *e, struct err *err, int code, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* A whole text file of at most KUBECONFIG_FILE_BYTES_MAX, the caller's. Sentence: "cannot read
 * PATH: ...". */
int kubeconfig_read(const char *path, char **ret, struct err *err);

#endif
