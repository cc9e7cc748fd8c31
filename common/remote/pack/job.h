/*
 * What a copy is to do, as the client tells an agent (JOB), and as it does its own half of it.
 *
 * All texts are ours. Paths of the sandbox are absolute, or relative to the container's folder.
 */
#ifndef SBX_PACK_JOB_H
#define SBX_PACK_JOB_H

#include "common/remote/pack/pack.h"

enum {
	PACK_JOB_SOURCE = 1,     /* else the sink */
	PACK_JOB_OWNER = 2,      /* owner and group are kept */
	PACK_JOB_SETID = 4,      /* set-id bits are kept */
	PACK_JOB_FOLLOW = 8,     /* a SRC that is a link: what it leads to */
	PACK_JOB_SYNC = 16,      /* only what differs */
	PACK_JOB_DELETE = 32,    /* with SYNC: what the source does not have goes */
	PACK_JOB_CHECKSUM = 64,  /* with SYNC: by content, not by size and time */
	PACK_JOB_DRY = 128,      /* with SYNC: nothing is changed, each step is told as a NOTE */
	PACK_JOB_TELL = 256,     /* each step is told as a NOTE, code 0 */
	PACK_JOB_TOTALS = 512,   /* somebody watches: TOTAL is wanted */
	PACK_JOB_PARENTS = 1024, /* the folders that lead to the destination are made */
	PACK_JOB_ALL = 2047,
};

struct pack_list {
	char **at;
	size_t count;
};
void pack_list_add(struct pack_list *l, const char *text, size_t n); /* copies */

struct pack_job {
	uint32_t flags;
	struct pack_list
		paths; /* source: each SRC; sink: the name of each, "." for what is put into DST itself */
	struct pack_list excludes; /* exclude.h */
	char *dst;                 /* of the sink */

	/* Goes on after a lost stream: all up to here is there. */
	bool again;
	uint32_t after_root;
	char *after;     /* path below it */
	bool after_left; /* a folder with all in it; else it was only entered, or is no folder */

	/* Not sent: SRC or DST is this descriptor, one file; -1. */
	int fd;
};

void pack_job_init(struct pack_job *j);
void pack_job_fini(struct pack_job *j);
void pack_job_put(struct buf *b, const struct pack_job *j);
int pack_job_take(const uint8_t *bytes, size_t n, struct pack_job *ret); /* -EBADMSG; ret inited */

/* The last component as cp takes it for the name in a folder: "." for ".", "..", "/" and "". Malloc'ed. */
char *pack_job_name(const char *path);

/* a/b; malloc'ed. */
char *pack_join(const char *a, const char *b);

/* As strlcpy: cut to n bytes with its NUL. (The static agent has no printf.) */
void pack_copy(char *to, size_t n, const char *from);

#endif
