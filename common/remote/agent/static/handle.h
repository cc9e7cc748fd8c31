/*
 * Open files by number. A handle's requests are done in the order in which they came, one after the
 * other; only reads may overlap each other.
 *
 * The agent's own numbers count up to PROTO_HANDLE_MIN, so that none is used again for long. A
 * handle whose number the client chose is there from its open's arrival on, so requests on it wait
 * for that open, and are EBADF when it has failed.
 */
#ifndef SBX_AGENT_HANDLE_H
#define SBX_AGENT_HANDLE_H

#include "common/remote/agent/static/job.h"
#include "common/remote/agent/static/quick.h"

#define HANDLES_MAX (1 << 16)

struct handle {
	uint64_t id;
	int fd;                 /* -1 until it is open */
	bool failed;            /* to open */
	bool closed;            /* no more requests come */
	bool busy;              /* with one that nothing may overlap */
	bool starting;          /* those that wait are being looked at */
	bool local, reads_only; /* quick.h */
	struct quick_view view;
	uint32_t sharing; /* jobs at work that may overlap */
	uint32_t held;    /* jobs that wait for memory before they wait here */
	struct jobs waiting;
	struct handle *next; /* in its bucket */
};

struct handles {
	struct handle **buckets;
	uint32_t bucket_count, open, max;
	uint64_t last; /* number that was given */
};

void handles_init(struct handles *hs, uint32_t max);
struct handle *handle_find(struct handles *hs, uint64_t id); /* NULL: no such, or closing */
/* Not open yet. id: the client's choice, or 0. NULL: too many (handles_full), or id is in use. */
struct handle *handle_new(struct handles *hs, uint64_t id);
bool handles_full(const struct handles *hs);

/* Does the job on its handle when those before it are done. */
void handle_submit(struct job *j);
/* Something short comes next: who asked waits for that, not for what was done before. */
bool handle_asks_on(const struct handle *h);
/* The job is done: what waits behind it goes on. */
void handle_done(struct job *j);

#endif
