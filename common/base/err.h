/*
 * The sentence beside the errno.
 *
 * Every function that can fail returns a negative errno. Those that read
 * what a person wrote, or talk to a cluster, also take a struct err last
 * and leave there one sentence: what was tried, what went wrong, what to do.
 */
#ifndef SBX_BASE_ERR_H
#define SBX_BASE_ERR_H

#include "common/base/banned.h"

#define ERR_TEXT_BYTES 1024

/* Lives on the caller's stack, holds no memory, is never freed. NULL is fine everywhere. */
struct err {
	char text[ERR_TEXT_BYTES];
};

/* Sets the sentence; returns code, so that failing is one line. Too long a text is cut. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence that is there; without one, strerror(code) is it. */
int err_wrap(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The sentence, or strerror(code) when none was set. Borrowed from err. code: negative errno. */
const char *err_text(const struct err *err, int code);

/* "ENOENT" for -ENOENT or ENOENT; "E?" when unknown. Static. */
const char *errno_name(int code);

/* -ENOENT for "ENOENT"; 0 when no such name. */
int errno_from_name(const char *name);

/*
 * How one program of ours tells another why it failed: with ERRNO_WANTED in its environment it writes
 * ERRNO_WORD and the name on a line of standard error, behind the sentence.
 */
#define ERRNO_WANTED "SBX_ERRNO"
#define ERRNO_WORD   "errno: "

#endif
