/*
 * What every verb does the same way: talk, fail, reach the cluster.
 *
 * Results go to standard output, talk to standard error.
 */
#ifndef SBX_PLUGIN_CLI_H
#define SBX_PLUGIN_CLI_H

#include "common/base/buf.h"
#include "common/kube/rest.h"
#include "plugin/verb.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define auto_kube struct kube *auto_with(kube_at)
#define auto_json cJSON *auto_with(json_at_end)

void kube_at(struct kube **k);
void json_at_end(cJSON **j);

/* A line on standard error; foreign bytes must have been escaped before. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "error: SENTENCE"; EXIT_FAILED. */
int cli_failed(const struct err *err, int rc);

/* "error: ..." and where the help is; EXIT_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Kubeconfig and flags -> where the cluster is and who we are; not yet checked (kube_target_check). */
int cli_target_read(const struct cli *cli, struct kube_target **ret, struct err *err);

/* The same, checked -> a client. No network yet. */
int cli_open(const struct cli *cli, struct kube **ret, struct err *err);

/* Flushes standard output: EXIT_DONE, or EXIT_FAILED with the sentence when it could not be
 * written. */
int cli_flush(void);

#endif
