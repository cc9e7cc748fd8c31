/*
 * Terminals that the runtime makes inside a container: it hands the master
 * over a socket that we listen on.
 */
#ifndef SBX_LOCAL_TERMINAL_H
#define SBX_LOCAL_TERMINAL_H

#include <stdint.h>

struct terminal {
	int dir;
	int listener;
	char name[32];
	char path[64]; /* for --console-socket: short, by way of /proc, as socket names must be */
};

int terminal_open(struct terminal *t, const char *dir); /* the socket is made in dir; -errno */

/* The master. Call when the runtime has ended well: it is there then. -errno */
int terminal_take(struct terminal *t, int *ret_fd);
void terminal_close(struct terminal *t);

int terminal_resize(int fd, uint16_t columns, uint16_t rows); /* -errno */

#endif
