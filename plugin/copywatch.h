/*
 * Who watches a copy: counts what passes, remembers where it would go on, tells troubles and progress.
 */
#ifndef SBX_PLUGIN_COPYWATCH_H
#define SBX_PLUGIN_COPYWATCH_H

#include "common/remote/pack/copy.h"

struct copy_watch;

struct copy_watch_spec {
	const struct pack_list *sources; /* as a person calls them; borrowed */
	const char *dst;                 /* the same */
	bool quiet;                      /* troubles alone */
	bool progress;                   /* on standard error, which is a terminal */
	bool plain_notes; /* NOTEs are results: to standard output, without a word in front */
};

struct copy_watch *copy_watch_open(const struct copy_watch_spec *spec);
void copy_watch_close(struct copy_watch *w); /* takes NULL */

struct pack_watch copy_watch_of(struct copy_watch *w);

/* A new stream begins. job gets where to go on, if anything is sure already. */
void copy_watch_again(struct copy_watch *w, struct pack_job *job);

/* About five times a second: the line of progress. */
void copy_watch_tick(struct copy_watch *w);
void copy_watch_clear(struct copy_watch *w); /* it goes */

struct copy_sum {
	uint64_t files, bytes; /* sure; folders are no files */
	uint64_t all_files, all_bytes;
	bool all_known;
	uint64_t failures;
	uint64_t moved; /* any bytes of contents that passed: has anything happened? */
};
struct copy_sum copy_watch_sum(struct copy_watch *w);

/* A trouble of this side. */
void copy_watch_say(struct copy_watch *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "12.3 MiB" */
void copy_bytes_print(uint64_t n, char ret[static 24]);

#endif
