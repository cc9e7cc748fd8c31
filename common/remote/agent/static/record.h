/* RECORDs (common/remote/proto.h): a file's attributes as text. */
#ifndef SBX_AGENT_RECORD_H
#define SBX_AGENT_RECORD_H

#include "common/base/buf.h"

#include <sys/stat.h>

void record_put(struct buf *b, const struct stat *st, const char *name); /* NULL: without */

#endif
