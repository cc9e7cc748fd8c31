/*
 * Runs: their declarations are in remote.h. Here is what tests need besides.
 */
#ifndef SBX_REMOTE_RUN_H
#define SBX_REMOTE_RUN_H

#include "common/remote/remote.h"

#define RUN_START_MS 60000 /* a peer that has not started it by then does not want to */
#define RUN_SLACK_MS                                                                               \
	15000 /* beyond timeout_ms, until this side stops believing in the peer's clock */

#endif
