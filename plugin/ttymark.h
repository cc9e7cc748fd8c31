/*
 * What the far side of a terminal says in the stream itself: that the command begins, and
 * how it ended. Kubernetes' own word on that is no proof (KUBERNETES.md 1.5).
 *
 *	ESC _ sbx ; NONCE ; begin PID ESC \
 *	ESC _ sbx ; NONCE ; end STATUS ESC \
 *
 * An application program command (ECMA-48), which a terminal that should see one ignores.
 * NONCE is this stream's alone, so no old output can say it by chance. The program may say
 * it on purpose: its status is its own word in any case.
 *
 * Bytes before the begin are the far shell's echo of its script: dropped. All others pass as
 * they are but for the marks themselves, however the stream is cut.
 */
#ifndef SBX_PLUGIN_TTYMARK_H
#define SBX_PLUGIN_TTYMARK_H

#include "common/base/buf.h"

#define TTYMARK_NONCE   32 /* lower case hex digits */
#define TTYMARK_MAX     64 /* bytes of a mark: what is held back at most */
#define TTYMARK_PID_MAX 4194304

struct ttymark {
	char prefix[TTYMARK_MAX]; /* to the second ';' */
	char held[TTYMARK_MAX];   /* what may become a mark */
	size_t prefix_len, held_len;
	int pid;    /* of the begin; 0: it has not come */
	int status; /* of the end, 0 to 255; -1: it has not come */
};

/* nonce: TTYMARK_NONCE digits. */
void ttymark_init(struct ttymark *m, const char *nonce);

/* A fresh nonce, NUL-terminated. -errno: the kernel has no random bytes. */
int ttymark_nonce(char ret[static TTYMARK_NONCE + 1]);

/*
 * Appends what is output to ret: at most n + TTYMARK_MAX bytes. What comes behind the end is dropped. A second
 * begin, an end before the begin, or numbers out of range are no marks, and pass as output.
 */
void ttymark_feed(struct ttymark *m, const void *bytes, size_t n, struct buf *ret);

/* No more comes: what was held back was output. */
void ttymark_flush(struct ttymark *m, struct buf *ret);

#endif
