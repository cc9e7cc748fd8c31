/*
 * The operation log: a line of JSON for each operation that a program asked of the mount, and for each run
 * that ended. One thread writes the file; who has a line to say leaves it in a queue and never waits. What does not
 * fit the queue (OPLOG_QUEUE_BYTES) is counted, and the count is a line, too. The file has a ceiling: then it becomes
 * FILE.1, in place of the one before, and a new one is begun.
 *
 * Names in it are those of files in the sandbox; no content of files, no scripts, no environment, no
 * credentials ever.
 *
 *	{"time":"2026-11-22T15:04:05.678Z","sandbox":"dev/web","op":"read","path":"fs/app/x","bytes":4096,
 *	 "ms":0.412,"errno":0}
 *	{... "op":"rename","path":"fs/a","to":"fs/b","bytes":0,"ms":1.102,"errno":2,"error":"ENOENT"}
 *	{... "op":"run","run":3,"kept":0,"state":"exited","code":0,"bytes":812,"ms":1204.000,"errno":0}
 *	{"time":...,"op":"dropped","count":17}
 */
#ifndef SBX_FS_OPLOG_H
#define SBX_FS_OPLOG_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define OPLOG_QUEUE_BYTES (1024 * 1024)
#define OPLOG_CLOSE_MS    2000

struct oplog;

struct oplog_entry {
	int64_t wall_ms;
	const char *sandbox, *op;
	const char *path, *to; /* NULL: none; any bytes, cut at 4 KiB */
	uint64_t bytes;
	int64_t took_us;
	int error;        /* positive errno, as the program was told; or 0 */
	const char *more; /* members behind op, with a comma behind each; or NULL */
};

/*
 * max_bytes: the file's ceiling. The folder is opened now, so that a mount over it changes nothing; path may be
 * relative. Starts the thread.
 */
int oplog_open(const char *path, uint64_t max_bytes, struct oplog **ret, struct err *err);

/* Any thread, never blocks on the file. NULL as log is fine in all of these. */
void oplog_put(struct oplog *l, const struct oplog_entry *e);

uint64_t oplog_dropped(struct oplog *l); /* lines, since the beginning */

/* Writes what waits, at most OPLOG_CLOSE_MS; nothing is taken from then on. l stays. */
void oplog_end(struct oplog *l);
/* The same, and frees: nobody may use it any more. */
void oplog_close(struct oplog *l);

/* text as a JSON string's inside: what is no UTF-8 becomes U+FFFD. For tests. */
void oplog_quote(const char *text, size_t n, struct buf *ret);

#endif
