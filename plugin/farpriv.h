/*
 * Parts of farsys.c: files there, by names (farname.c), by numbers (farfile.c), and before they are opened
 * (farahead.c).
 *
 * Files have a number here as descriptors have: what it stands for is a path, and for a file that is open a
 * handle there.
 */
#ifndef SBX_PLUGIN_FARPRIV_H
#define SBX_PLUGIN_FARPRIV_H

#include "common/remote/pack/copy.h"
#include "plugin/farsys.h"

#define FAR_CALL_MS   60000
#define FAR_FILES_MAX 4096

struct far_ahead;

struct far_file {
	bool used, dir, stale; /* stale: something was made in it since it was listed */
	char *path;
	uint64_t handle;
	struct stat st;
	struct entry *entries; /* of a folder that was listed: its reply's, by name */
	struct remote_reply list;
	unsigned ahead;         /* requests that are not answered yet */
	int rc;                 /* the first of them that failed */
	struct far_ahead *walk; /* of a folder whose files were opened in order */
	bool held;              /* content is all of the file; it is not open there */
	struct remote_reply content;
};

struct far_agent {
	struct pack_sys sys; /* first */
	struct session *session;
	int fd, theirs;
	pthread_t thread;
	bool running;
	struct session_far far;
	pthread_mutex_t lock; /* files, and all in them */
	pthread_cond_t wake;
	struct far_file files[FAR_FILES_MAX];
	size_t ahead_bytes;
	size_t peeked; /* bytes asked for and not used */
};

static inline struct far_agent *far_of(struct pack_sys *s)
{
	return (struct far_agent *)s;
}

/* The members of *ret that go by names, and by numbers. */
void far_names(struct pack_sys *ret);
void far_files(struct pack_sys *ret);

/* A number for path, which is taken; -EMFILE. */
int far_number(struct far_agent *f, char *path);

/* name as it is seen from dir (-1: the container's working folder); the caller's. */
char *far_path(struct far_agent *f, int dir, const char *name);

/* Something was made or changed in dir (-1: nothing): what was listed is old. */
void far_touched(struct far_agent *f, int dir);

/* Waits for the answer. A lost sandbox is -EIO. */
int far_call(struct far_agent *f, const struct remote_request *rq, struct remote_reply *reply);
int far_simple(struct far_agent *f, const struct remote_request *rq); /* for its success alone */

void far_stat_of(const struct attr *a, struct stat *ret);
struct remote_request far_set_of(const struct pack_set *set);

int far_stat_path(struct far_agent *f, const char *path, struct stat *ret);
int far_open_dir(struct far_agent *f, char *path, bool follows); /* takes path; its number */
bool far_cut_slashes(char *path); /* "/a/b/" is "/a/b" with its link followed: true */

/* --- farahead.c --- */

/* Puts entries in order. */
void far_sort(struct far_file *d);
struct entry *far_listed(const struct far_file *d, const char *name);

/* For reading: a number for a small file in a folder that was listed, as it was a moment ago. -EAGAIN: open it. */
int far_ahead_open(struct far_agent *f, int dir, const char *name);
ssize_t far_ahead_read(const struct far_file *file, void *to, size_t n, uint64_t offset);
void far_ahead_end(struct far_agent *f,
	struct far_file *d); /* nobody opens its files by that listing any more */

#endif
