/*
 * A socket pair with a bad line between its ends.
 *
 * Two threads carry the bytes, one each way, each with its own faults.
 */
#ifndef SBX_TESTS_PAIR_H
#define SBX_TESTS_PAIR_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct pair_faults {
	size_t chunk_bytes; /* at most so many a write; 0: as they come */
	uint64_t cut_after; /* bytes, then the end; 0: never */
	uint64_t flip_at;   /* the byte of this number, from 1, is changed; 0: none */
	uint8_t flip_bits;
	int delay_ms; /* before each write */
};

struct pair_line {
	int from, to; /* ends of the pair's own */
	struct pair_faults faults;
	uint64_t carried;
	pthread_t thread;
};

struct pair {
	struct pair_line lines[2];
	int mine[2];
};

/* toward[i]: what happens to the bytes that arrive at ret_fds[i]. NULL: nothing bad. */
void pair_open(struct pair *p, const struct pair_faults *toward0, const struct pair_faults *toward1,
	int ret_fds[2]);

/* When both ends are closed: so close one, end what holds the other, then come here. */
void pair_close(struct pair *p);

/* Puts the bad line between fd and the descriptor returned; takes fd. toward: what arrives there.
 */
int pair_wrap(struct pair *p, int fd, const struct pair_faults *toward);

#endif
