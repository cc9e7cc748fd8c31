/*
 * What cmocka lacks for us: errnos by name.
 */
#ifndef SBX_TESTS_CHECK_H
#define SBX_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/err.h"

#define assert_rc(expr, expected)                                                                  \
	do {                                                                                       \
		int got_ = (int)(expr);                                                            \
		int want_ = (expected);                                                            \
		if (got_ != want_)                                                                 \
			fail_msg("%s: %s, not %s", #expr, got_ ? errno_name(got_) : "0",           \
				want_ ? errno_name(want_) : "0");                                  \
	} while (0)

#endif
