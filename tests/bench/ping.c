/*
 * How many pings a second one stream carries, one after the other or by several threads: the most that any
 * file system row which needs a round trip for each operation can reach. Its own stream, on the way the
 * mount's takes.
 *
 *	bench-ping NAMESPACE POD COUNT [THREADS]      with KUBECONFIG
 */
#include "common/base/clock.h"
#include "common/session/session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define DEADLINE_MS 20000
#define THREADS_MAX 64

static int ping(struct session *s)
{
	struct remote_request rq = { .op = OP_PING };
	struct remote_reply reply = { 0 };
	int rc = session_call(s, &rq, deadline_after(DEADLINE_MS), &reply);

	remote_reply_fini(&reply);
	return rc;
}

struct pinger {
	pthread_t thread;
	struct session *session;
	long count;
	int rc;
};

static void *pings(void *arg)
{
	struct pinger *p = arg;

	for (long i = 0; p->rc == 0 && i < p->count; i++)
		p->rc = ping(p->session);
	return NULL;
}

/* 0, or the first failure. */
static int all_ping(struct session *s, long count, long threads)
{
	struct pinger p[THREADS_MAX];
	long n = 0;
	int rc = 0;

	for (; rc == 0 && n < threads; n++) {
		p[n] = (struct pinger){ .session = s, .count = count / threads };
		rc = -pthread_create(&p[n].thread, NULL, pings, &p[n]);
		if (rc < 0)
			break;
	}
	for (long i = 0; i < n; i++) {
		pthread_join(p[i].thread, NULL);
		rc = rc < 0 ? rc : p[i].rc;
	}
	return rc;
}

/* The first one opens the stream. */
static int measure(struct session *s, long count, long threads)
{
	int64_t began_ms;
	int rc = ping(s);

	began_ms = clock_now_ms();
	if (rc == 0)
		rc = all_ping(s, count, threads);
	if (rc == 0)
		printf("%.1f\n", 1000.0 * (double)count / (double)(clock_now_ms() - began_ms + 1));
	return rc;
}

int main(int argc, char **argv)
{
	struct kube_flags flags = { 0 };
	struct kube_target *target = NULL;
	struct net *net = NULL;
	struct session *s;
	struct session_spec spec = { 0 };
	struct err err = { 0 };
	long threads = 1;
	int rc;

	if (argc == 5)
		threads = strtol(argv[4], NULL, 10);
	if (argc < 4 || argc > 5 || threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: bench-ping NAMESPACE POD COUNT [THREADS]\n");
		return 2;
	}
	rc = kube_target_load(&flags, &target, &err);
	if (rc == 0)
		rc = net_open(&net);
	if (rc == 0) {
		spec.net = net;
		spec.target = target;
		spec.ns = argv[1];
		spec.pod = argv[2];
		rc = session_open(&spec, &s);
	}
	if (rc == 0) {
		rc = measure(s, strtol(argv[3], NULL, 10), threads);
		session_state(s, &err);
		session_close(s, 1000);
	}
	if (rc < 0)
		fprintf(stderr, "bench-ping: %s\n", err_text(&err, rc));
	net_close(net);
	kube_target_free(target);
	return rc < 0;
}
