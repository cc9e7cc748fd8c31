/*
 * What came for the user of an exec stream, on its way: into the socket pair, with what finds no room
 * there held back in memory, or straight to a duct's user (duct.h). The net thread's, but for
 * delivery_tap and delivery_untap.
 */
#ifndef SBX_KUBE_DELIVERY_H
#define SBX_KUBE_DELIVERY_H

#include "common/base/buf.h"
#include "common/base/duct.h"

#include <pthread.h>

struct delivery {
	int fd;             /* the pair's end; borrowed */
	bool on;            /* somebody may read still */
	struct buf backlog; /* the first `taken` bytes are delivered */
	size_t taken;

	pthread_mutex_t lock; /* the two below; held while the user is called */
	struct duct_user user;
	bool tapped;
};

void delivery_init(struct delivery *d, int fd, size_t max_bytes);
void delivery_fini(struct delivery *d);

/* Bytes for the user. -ENOBUFS: too many wait already, and all of them are given up. */
int delivery_put(struct delivery *d, const uint8_t *bytes, size_t n);
void delivery_go_on(struct delivery *d); /* what waits, as far as it goes without waiting */
void delivery_room(struct delivery *d);  /* tells the duct's user, if there is one */
void delivery_stop(struct delivery *d);  /* nobody reads: what waits is given up */
size_t delivery_left(const struct delivery *d);

/* Any thread. From now on user is called; until untap has returned. */
void delivery_tap(struct delivery *d, const struct duct_user *user);
void delivery_untap(struct delivery *d);

#endif
