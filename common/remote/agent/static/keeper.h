/*
 * The process that waits for a run: one each, a child of the agent in a session of its own.
 *
 * It holds nothing of the agent's stream. While the run belongs to the stream, its outputs go to
 * the agent and this one only waits, sees to the timeout, and ends the run when the agent goes. A
 * kept run's outputs it writes to files itself (kept.h), and then it outlives the agent.
 *
 * They speak over a SOCK_SEQPACKET pair, its two ends called boss. What the agent says is an
 * order, what comes back a report.
 */
#ifndef SBX_AGENT_KEEPER_H
#define SBX_AGENT_KEEPER_H

#include "common/remote/agent/static/child.h"
#include "common/remote/agent/static/kept.h"

enum order_kind { ORDER_TIMEOUT, ORDER_KEEP };

struct order {
	enum order_kind kind;
	uint32_t id;      /* keep: the wanted one */
	uint64_t ms;      /* timeout; 0: none */
	uint64_t sent[2]; /* keep: what the client has already */
	bool has[3];      /* keep: which of the descriptors out, err and in go along */
};

enum report_kind { REPORT_STARTED, REPORT_ENDED, REPORT_KEPT };

struct report {
	enum report_kind kind;
	int rc;      /* started, kept: 0 or -errno */
	int pid;     /* started */
	uint32_t id; /* started, kept: 0 or the kept one */
	enum kept_state state;
	int code;
};

/* In the fresh child. Takes s->boss and s->stdio; closes everything else. */
void keeper_main(const struct start *s) __attribute__((noreturn));

#endif
