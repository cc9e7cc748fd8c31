/*
 * What the parts of a sink share (sink.c, sinkwork.c, sinkfile.c, sinkstart.c, sinksync.c). Nobody else
 * includes this.
 *
 * The caller's thread takes the frames in order, makes folders and writes large files; workers write
 * small ones. A folder's mode and times are set when the last file in it is written: by whoever
 * lets go of it last.
 */
#ifndef SBX_PACK_TREE_H
#define SBX_PACK_TREE_H

#include "common/remote/pack/copy.h"

#define SINK_SLOTS   1024 /* entries that are begun and not done */
#define SINK_WORKERS 8
#define PART_NAME    ".sbx-part-"
#define RESUME_MIN   (4 * 1024 * 1024) /* a part that is smaller is not kept */

struct sink;

struct dir {
	struct sink *sink;
	struct dir *parent; /* counted, too */
	int fd;             /* -1: it cannot be had, all in it is lost */
	unsigned refs;      /* atomic */
	uint32_t root;
	char *path; /* below the root */
	struct pack_meta meta;
	bool was_there; /* not made by us */
	bool set;       /* meta is to be set at the end */
	uint64_t slot;  /* of its LEAVE; UINT64_MAX: not left */
};

struct task {
	struct pack_frame frame;
	struct pack_meta meta;
	const uint8_t *content;
	size_t n;
	struct dir *dir;
	char name[PACK_NAME_MAX + 1];
	uint64_t slot;
};

/* The large file that is being written. */
struct large {
	bool open, failed, resumable;
	int fd;
	struct dir *dir;
	struct pack_meta meta;
	char name[PACK_NAME_MAX + 1], part[PACK_NAME_MAX + 1];
	uint64_t at;  /* all before is written, or a hole */
	uint64_t had; /* the part's size when it was found */
	uint64_t entry;
};

struct sink {
	const struct pack_side *side;
	struct pack_pipe *pipe;
	struct pack_sys *sys;
	const struct pack_job *job;

	struct dir *anchor; /* where the SRCs go */
	char *name;         /* of the one SRC there; NULL: each by its own */
	bool must_be_dir;
	int through; /* DST is no file but something to write to; or -1 */

	uint32_t root;
	bool rooted; /* a ROOT came, its entry not yet */
	struct dir *stack[PACK_DEPTH_MAX + 1];
	int depth;
	struct pack_count count; /* failures: lock */
	struct large large;
	bool source_done;

	pthread_t threads[SINK_WORKERS];
	unsigned workers;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;  /* the caller's thread, when it is awaiting */
	pthread_cond_t work;  /* workers, of which so many are idle */
	unsigned idle;
	bool awaiting;
	struct task *tasks[SINK_SLOTS]; /* a ring, those that wait for a worker */
	size_t first, waiting;
	bool done[SINK_SLOTS];    /* of the slots from sure on */
	uint64_t sure, next_slot; /* entries below sure are written */
	uint64_t sure_told;
	bool over;
};

/* --- sinkwork.c: slots, folders, workers --- */
uint64_t sink_slot(struct sink *s); /* the next entry's; waits while there are too many */
void sink_slot_done(struct sink *s, uint64_t slot);
int sink_workers_start(struct sink *s);
void sink_workers_end(struct sink *s);            /* what was given to them is done first */
void sink_submit(struct sink *s, struct task *t); /* takes t; done at the latest after sink_stir */
void sink_stir(struct sink *s);
void sink_settle(struct sink *s); /* waits until all that was submitted is done */
struct dir *dir_new(struct sink *s, struct dir *parent, uint32_t root, const char *path, int fd);
struct dir *dir_ref(struct dir *d);
void dir_unref(struct dir *d); /* takes NULL; the last one sets what is to be set */

/* FAIL (code < 0: counted) or NOTE. name: in dir; "" is dir itself. */
void sink_tell(struct sink *s, uint8_t type, const struct dir *dir, const char *name, int code,
	const char *text);
int sink_say(struct sink *s, uint8_t type, const void *bytes, size_t n);

/* --- sinkfile.c: files --- */
void sink_small(struct sink *s, struct task *t); /* frees t */
int sink_begin(struct sink *s, struct dir *dir, const char *name, const struct pack_meta *m);
int sink_data(struct sink *s, uint64_t at, const uint8_t *bytes, size_t n);
int sink_jump(struct sink *s, uint64_t at);
int sink_end_file(struct sink *s, uint64_t size, bool ok);
void sink_large_drop(struct sink *s); /* the stream is over: a part that is worth it stays */
struct pack_set sink_set_of(const struct sink *s, const struct pack_meta *m);

/* link, fifo, hard link: beside name, then renamed over it. make gives -errno. */
int sink_place(struct sink *s, struct dir *dir, const char *name,
	int (*make)(struct sink *s, int dir, const char *name, const void *arg), const void *arg);

/* --- sinkstart.c: where it goes. 0, or -errno with the sentence in text --- */
int sink_start(struct sink *s, char *text, size_t n);

/* --- sinksync.c --- */
int sink_sync(struct sink *s); /* the listing, to WANTED */

/* --- sink.c --- */
/* Where the entry with this name goes. -EBADMSG: nowhere. name has PACK_NAME_MAX + 1 bytes. */
int sink_where(struct sink *s, const struct pack_meta *m, struct dir **ret, char *name);
int sink_enter(struct sink *s, struct dir *dir, const char *name, const struct pack_meta *m);

#endif
