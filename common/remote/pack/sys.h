/*
 * The calls on files that a copy is made of: this machine's (pack_sys_here), or those of a far end that
 * serves one request after the other (plugin/farsys.h). All give -errno.
 *
 * fd, dir: what open gave. dir -1: name is a path, as a person gave it.
 */
#ifndef SBX_PACK_SYS_H
#define SBX_PACK_SYS_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <sys/stat.h>

struct pack_name {
	char *name;
	unsigned char type; /* DT_REG and so on, DT_UNKNOWN */
};

/* Sorted by the bytes of the name. */
struct pack_names {
	struct pack_name *at;
	size_t count;
};
void pack_names_fini(struct pack_names *n);
void pack_names_add(struct pack_names *n, const char *name, unsigned char type); /* copies */
void pack_names_sort(struct pack_names *n);

/* What set changes: fields that are -1 (mtime: tv_nsec UTIME_OMIT) stay. In this order. */
struct pack_set {
	int64_t uid, gid, mode;
	struct timespec mtime;
	bool if_allowed; /* a refusal is the caller's to ignore: fset says it, never close */
};

struct pack_sys {
	/* O_CLOEXEC, O_NOFOLLOW (but for a path) and O_NONBLOCK are added */
	int (*open)(struct pack_sys *s, int dir, const char *name, int flags, unsigned mode);
	/* what was written but not yet told as failed comes here */
	int (*close)(struct pack_sys *s, int fd);
	ssize_t (*read)(struct pack_sys *s, int fd, void *to, size_t n, uint64_t offset);
	int (*write)(struct pack_sys *s, int fd, const void *bytes, size_t n, uint64_t offset);
	/* where the next bytes that are no hole begin and end; -ENXIO: none */
	int (*data)(struct pack_sys *s, int fd, uint64_t from, uint64_t *ret_at, uint64_t *ret_end);
	int (*truncate)(struct pack_sys *s, int fd, uint64_t size);
	int (*zero)(struct pack_sys *s, int fd, uint64_t from,
		uint64_t to); /* a hole, if that can be */
	int (*fstat)(struct pack_sys *s, int fd, struct stat *ret);
	int (*stat)(struct pack_sys *s, int dir, const char *name, bool follow, struct stat *ret);
	int (*list)(struct pack_sys *s, int dir, struct pack_names *ret); /* without . and .. */
	ssize_t (*readlink)(struct pack_sys *s, int dir, const char *name, char *to, size_t n);
	char *(*real)(struct pack_sys *s, const char *path); /* realpath, malloc'ed, or NULL */
	int (*mkdir)(struct pack_sys *s, int dir, const char *name, unsigned mode);
	int (*symlink)(struct pack_sys *s, const char *target, int dir, const char *name);
	int (*fifo)(struct pack_sys *s, int dir, const char *name, unsigned mode);
	int (*link)(struct pack_sys *s, int from, const char *old, int dir, const char *name);
	int (*rename)(struct pack_sys *s, int dir, const char *old, const char *name);
	int (*unlink)(struct pack_sys *s, int dir, const char *name, bool is_dir);
	int (*fset)(struct pack_sys *s, int fd, const struct pack_set *set);
	int (*set)(struct pack_sys *s, int dir, const char *name, const struct pack_set *set);
	bool links_set; /* set works on a symbolic link itself */
	unsigned mask;  /* what a folder may not have that was made for no folder of the source */
	uint32_t (*uid)(struct pack_sys *s); /* whose the files are that are made */
};

extern struct pack_sys pack_sys_here;

/* hash of the first n bytes, as RESUME has it (pack.h). -ESTALE: there are fewer. */
int pack_hash_file(struct pack_sys *sys, int fd, uint64_t n, uint64_t *ret);

#endif
