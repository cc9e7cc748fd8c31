/*
 * Carries a kept run's bytes in its keeper: its outputs into files, what comes by the fifo `in` to
 * its input. Nothing here waits for a reader: what is beyond the ceiling is counted and dropped.
 */
#ifndef SBX_AGENT_PUMP_H
#define SBX_AGENT_PUMP_H

#include "common/remote/agent/static/kept.h"

#include <poll.h>

#define PUMP_POLLS 5

struct pump_flow {
	int from, file;
	uint64_t start;         /* what was printed before is not ours, and not counted */
	uint64_t kept, dropped; /* kept: from the run's beginning, so the file's size */
	bool over;
};

struct pump {
	struct kept_dir dir;
	struct pump_flow flow[2];
	bool terminal;
	int ctl;          /* fifo */
	int in;           /* fifo; -1: none, or at its end */
	int in_to;        /* the command's input; -1: it reads the fifo itself, or has none */
	bool eof;         /* of the fifo's bytes the last are to come */
	char last;        /* byte that went to in_to */
	char queue[4096]; /* for in_to */
	size_t queued;
	char line[256]; /* of ctl */
	size_t line_n;
	int64_t linger_ms; /* 0: the command still runs */
};

void pump_init(struct pump *p);
/* The files and fifos of p->dir; the outputs begin at sent. 0 or -errno. */
int pump_files(struct pump *p, const uint64_t sent[2], bool has_in);
/* For a command that is kept from its start: its descriptors, and our ends of them. */
int pump_stdio(struct pump *p, bool terminal, bool wants_in, int stdio[3], int ends[3]);
/* Our ends of out, err and in, which it takes; -1: there is none. */
void pump_take(struct pump *p, bool terminal, const int ends[3]);

int pump_polls(const struct pump *p, struct pollfd *ret); /* at most PUMP_POLLS */
void pump_turn(struct pump *p);
void pump_eof(struct pump *p);
/* A word that came by ctl, with up to two numbers behind it. False: none is there. */
bool pump_ctl_line(struct pump *p, char *word, size_t n, uint64_t v[2], int *ret_count);
void pump_linger(struct pump *p); /* the command has ended */
bool pump_over(const struct pump *p);

#endif
