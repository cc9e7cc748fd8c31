/*
 * What a user of sbx must be allowed to do in a namespace: the least Role. One table for doctor, which
 * asks for each and prints it, and for tenants, who get the part of it that leads nowhere else.
 */
#ifndef SBX_PLUGIN_ROLE_H
#define SBX_PLUGIN_ROLE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What is done with it; in this order. */
enum need_for {
	NEED_READ,
	NEED_RUN,
	NEED_CREATE,
	NEED_ONCE,
	NEED_NETWORK,
	NEED_POOLS,
	NEED_PORTS,
	NEED_GC,
	NEED_VIA,     /* agent-sandbox's objects, where it is installed */
	NEED_TENANTS, /* beyond one namespace: of administrators, and of no Role */
	NEED_FORS
};

struct need {
	enum need_for what_for;
	const char *group; /* "" is the core */
	const char *verbs; /* with blanks between */
	const char *resource, *subresource;
	const char *why;
};

/* The i-th; NULL behind the last. */
const struct need *role_need(size_t i);

/* "read", "run", ...; and what somebody cannot do who lacks it. Static. */
const char *need_for_name(enum need_for what_for);
const char *need_for_loss(enum need_for what_for);

/* A tenant's rules. The caller's. */
cJSON *role_rules(void);

/* The whole Role of a user, in YAML with a word on each rule. */
void role_print(FILE *to, const char *ns);

#endif
