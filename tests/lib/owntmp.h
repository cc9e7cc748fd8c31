/*
 * The folders of this machine that a local far end leaves things in (placing.h; "Kept runs" of
 * proto.h), for this process and its children alone: /var/tmp and /dev/shm are empty, and what is
 * left there goes with the last of them. For main(), before any thread.
 */
#ifndef SBX_TESTS_LIB_OWNTMP_H
#define SBX_TESTS_LIB_OWNTMP_H

#include <stdbool.h>

/* False: this user can have no mount namespace here; the folders are the machine's. */
bool owntmp(void);

#endif
