/*
 * The scripted API server (tests/fake/apiserver.py) under a test, and a
 * struct kube that talks to it.
 */
#ifndef SBX_TESTS_FAKE_H
#define SBX_TESTS_FAKE_H

#include "common/kube/rest.h"

#include <sys/types.h>

struct fake {
	pid_t pid;
	int stdin_fd; /* closing it ends the server */
	int port;
	bool tls;
	char ca[256]; /* path of its CA file, or "" */
	char folder[64];
	struct kube *control;
};

/* args: NULL-ended options of apiserver.py. Fails the test when it does not come up. */
void fake_start(struct fake *f, const char *const *args);
void fake_stop(struct fake *f);

/* A new client. token_file: path or NULL. host: NULL is 127.0.0.1. ca: NULL is the server's own. */
struct kube *fake_kube(struct fake *f, const char *token_file, const char *host, const char *ca);

/* One order, printf to JSON; what was told since the last one (apiserver.py). The caller's to
 * delete. */
cJSON *fake_order(struct fake *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fake_do(struct fake *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How many requests of that method, with that text in their path, came since the last order. */
int fake_count(struct fake *f, const char *method, const char *in_path);

#endif
