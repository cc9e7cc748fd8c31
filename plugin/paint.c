#include "plugin/paint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool paint_wanted(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && term && *term && strcmp(term, "dumb");
}

const char *paint_on(enum paint p)
{
	static const char *const codes[] = {
		[PAINT_NONE] = "",
		[PAINT_GOOD] = "\033[32m",
		[PAINT_WAITS] = "\033[33m",
		[PAINT_BAD] = "\033[31m",
		[PAINT_FAINT] = "\033[2m",
	};

	return codes[p];
}
