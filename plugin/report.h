/*
 * What a container that could not run has printed, for the report of its failure.
 */
#ifndef SBX_PLUGIN_REPORT_H
#define SBX_PLUGIN_REPORT_H

#include "common/base/buf.h"
#include "common/kube/rest.h"

/* The last lines of the Pod's log, escaped, each with an LF; nothing where there is none. */
void report_log(struct kube *k, const cJSON *pod, struct buf *ret);

/* Adds the last of these lines to the sentence. */
void report_wrap(struct err *err, int rc, const struct buf *log);

/* On standard error, when there are more than the sentence has. */
void report_print(const struct buf *log);

#endif
