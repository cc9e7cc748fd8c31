/*
 * Memory that frames come into, counted, and used again: fresh memory costs as much as what is copied into it,
 * in a sandbox with a limit more.
 */
#ifndef SBX_PACK_BLOCK_H
#define SBX_PACK_BLOCK_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define STOCK_SPARE 4

struct stock;

struct pack_block {
	unsigned refs;       /* atomic */
	struct stock *stock; /* where it goes when nobody wants it any more; NULL: it is freed */
	uint8_t data[];
};

/* Blocks of one size. Any thread. */
struct stock {
	size_t bytes;
	pthread_mutex_t lock; /* all below */
	size_t count;
	struct pack_block *spare[STOCK_SPARE];
};

void stock_init(struct stock *s, size_t bytes);
void stock_fini(struct stock *s); /* none of its blocks is in use */

/* One with a single reference: of the stock's size; of n bytes, for once. What is in it is anything. */
struct pack_block *stock_take(struct stock *s);
struct pack_block *block_new(size_t n);

struct pack_block *block_ref(struct pack_block *b);
void block_unref(struct pack_block *b); /* takes NULL */

#endif
