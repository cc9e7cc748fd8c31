/*
 * Ports as a person writes them: "80", "8080:80", ":80", "53/udp".
 */
#ifndef SBX_PLUGIN_PORTS_H
#define SBX_PLUGIN_PORTS_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct port {
	uint16_t here;  /* what others connect to; 0: any that is free */
	uint16_t there; /* in the sandbox */
	bool udp;
};

/* [LOCAL:]PORT[/tcp]; no LOCAL: the same; an empty one or 0: any. -EINVAL; -EPROTONOSUPPORT: udp. */
int port_parse_forward(const char *word, struct port *ret, struct err *err);

/* PORT[:TARGET][/tcp|/udp], of a Service and of the sandbox. -EINVAL. */
int port_parse_service(const char *word, struct port *ret, struct err *err);

#endif
