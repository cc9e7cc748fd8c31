/*
 * One accepted connection, relayed to a port of the sandbox: this machine's side of it.
 *
 * The far side is one of two: a connection of the agent's (farrun.c), whose news come on the stream's
 * thread, or pods/portforward (farport.c). Both speak to a relay by the calls below, and are spoken to by
 * far_ops. Each way has credit, so a reader that sleeps, here or there, holds up its own connection alone
 * and RELAY_WINDOW bytes of memory; each way ends by itself.
 */
#ifndef SBX_PLUGIN_RELAY_H
#define SBX_PLUGIN_RELAY_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "plugin/hub.h"
#include "plugin/ports.h"

#define RELAY_WINDOW (512 * 1024) /* bytes on their way to here, of one connection */

struct relay;

/* All on the hub's thread. */
struct far_ops {
	int (*give)(void *far, const void *bytes, size_t n); /* within the credit */
	void (*eof)(void *far);                              /* no more is given */
	void (*more)(void *far, size_t n); /* any thread: n bytes of relay_output were taken */
	void (*reset)(void *far);          /* break it off; relay_ended comes */
	void (*fini)(void *far);           /* after relay_ended */
	/* Its clock: acts when it is time; returns when it is next (clock_now_ms). NULL: never. */
	int64_t (*look)(void *far);
};

struct relays {
	struct hub *hub;
	struct relay *first;
	int count;
	/* It could not be made, or was lost. stands: it had been made. */
	void (*failed)(
		void *arg, const struct port *port, bool stands, int rc, const struct err *err);
	void *arg;
};

/* Takes fd, an accepted socket. It waits for its far side: relay_begin. */
struct relay *relay_new(struct relays *all, const struct port *port, int fd);
void relay_begin(struct relay *r, const struct far_ops *ops, void *far);
struct relays *relay_all(const struct relay *r);
uint16_t relay_port(const struct relay *r); /* there */

/* --- from the far side; any thread, one at a time --- */
void relay_stands(struct relay *r);
void relay_output(struct relay *r, const void *bytes, size_t n);
void relay_shut(struct relay *r);             /* no more output comes */
void relay_credit(struct relay *r, size_t n); /* n more bytes are welcome; 0: none any more */
/* Last. 0: both ways have ended; else it was broken off, or never made. */
void relay_ended(struct relay *r, int rc, const struct err *err);

/* Frees those that are over; to be called between two turns of the hub. Returns when to be called next
 * (clock_now_ms), INT64_MAX: after an event. */
int64_t relays_sweep(struct relays *all);
void relays_reset(struct relays *all); /* all of them */

#endif
