/*
 * A run as its owner sees it, for tests. Filled by the reader thread, read
 * after the semaphore that tells of it.
 */
#ifndef SBX_TESTS_SEEN_H
#define SBX_TESTS_SEEN_H

#include "common/remote/remote.h"

#include <semaphore.h>

struct seen {
	struct run *run;
	sem_t started, credit, kept, ended;
	int pid;
	uint32_t id;
	size_t input_bytes;
	struct buf out, err_out;
	uint64_t n[2];
	bool returns_credit;
	int kept_rc, kept_times;
	struct run_end end;
};

void seen_start(struct seen *s, struct remote *r, const struct run_spec *spec, bool returns_credit);
void seen_await(sem_t *what);
/* Waits for its end and lets it go; end may be read after that. */
void seen_finish(struct seen *s);

#endif
