/*
 * This process's standard descriptors, for the one of its children that takes
 * them first.
 *
 * A child that may come to hang must not hold open what others wait for the
 * end of: so it has closed its own, and gets them here once it is known to
 * live. Who has not taken them before they are withdrawn never will.
 */
#ifndef SBX_PLUGIN_OFFER_H
#define SBX_PLUGIN_OFFER_H

#include <stdbool.h>

struct offer {
	int ours;   /* readable when they were taken */
	int theirs; /* of all children */
};

/* All three must be open. 0 or -errno. */
int offer_open(struct offer *o);
void offer_close(struct offer *o);

/* In a child, that is called number there: closes its 0, 1 and 2. */
void offer_let_go(void);

/* In that child: has them again, as before. false: another one has, or they were withdrawn. */
bool offer_take(struct offer *o, unsigned char number);

/* In the parent: false: they were taken, offer_taker will say by whom. */
bool offer_withdraw(struct offer *o);

/* The number of the child that has taken them, or -1: none yet. */
int offer_taker(struct offer *o);

#endif
