/*
 * The few checks that cmocka lacks: errnos by name.
 */
#ifndef SBX_TESTS_LIB_TEST_H
#define SBX_TESTS_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* got and wanted are 0 or -errno; a failure prints both names. */
#define CHECK_RC(got, wanted)                                                                      \
	do {                                                                                       \
		long got_ = (long)(got), wanted_ = (long)(wanted);                                 \
		if (got_ != wanted_)                                                               \
			fail_msg("%s: got %ld (%s), wanted %ld (%s)", #got, got_,                  \
				got_ < 0 ? errno_name((int)got_) : "-", wanted_,                   \
				wanted_ < 0 ? errno_name((int)wanted_) : "-");                     \
	} while (0)

#define CHECK_TEXT(got, wanted) assert_string_equal(got, wanted)

#define CHECK_HAS(text, part)                                                                      \
	do {                                                                                       \
		if (!strstr(text, part))                                                           \
			fail_msg("\"%s\" does not hold \"%s\"", text, part);                       \
	} while (0)

#endif
