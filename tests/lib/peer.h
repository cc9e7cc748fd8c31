/*
 * A far end in a thread, for tests: it says what the test tells it to.
 *
 * serve() is called for each request line, on the peer's thread.
 */
#ifndef SBX_TESTS_PEER_H
#define SBX_TESTS_PEER_H

#include "common/base/buf.h"

#include <pthread.h>

#define PEER_OPS                                                                                   \
	"stat,list,readlink,open,peek,fstat,read,write,fsync,close,mkdir,mknod,"                   \
	"symlink,link,rename,unlink,rmdir,set,fset,statfs,env,run,attach,keep,past,runs,"          \
	"script,signal,forget,where,zread"
#define PEER_HELLO                                                                                 \
	"hello sbx 1 sh max=65536 body=raw calls=16 ops=" PEER_OPS                                 \
	" uid=0 gid=0 cwd=/ why=- terminal=1 kept=6\n"

/* A request as a test likes it: words split at spaces. */
struct peer_line {
	char *text; /* the whole line */
	const char *tag, *op;
	const char *args[8]; /* NULL behind the last */
};

struct peer {
	int fd; /* its own end */
	pthread_t thread;
	void (*serve)(struct peer *p, const struct peer_line *line);
	void *arg;
	struct buf in; /* read, not yet served */
};

/* Starts it with its hello. Returns the other end. */
int peer_open(struct peer *p, const char *hello,
	void (*serve)(struct peer *p, const struct peer_line *line), void *arg);

/* For serve(). */
void peer_say(struct peer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void peer_send(struct peer *p, const void *bytes, size_t n);
void peer_body(struct peer *p, size_t n, struct buf *ret); /* the n raw bytes behind the line */
void peer_hang_up(struct peer *p);

/* Waits for the thread's end: it ends with its input. The other end has to be closed by then. */
void peer_close(struct peer *p);

#endif
