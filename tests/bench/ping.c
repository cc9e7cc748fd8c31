/*
 * How many pings a second one stream carries, one after the other: the most that any file system row
 * which needs a round trip for each operation can reach. Its own stream, on the way the mount's takes.
 *
 *	bench-ping NAMESPACE POD COUNT      with KUBECONFIG
 */
#include "common/base/clock.h"
#include "common/session/session.h"

#include <stdio.h>
#include <stdlib.h>

#define DEADLINE_MS 20000

static int ping(struct session *s)
{
	struct remote_request rq = { .op = OP_PING };
	struct remote_reply reply = { 0 };
	int rc = session_call(s, &rq, deadline_after(DEADLINE_MS), &reply);

	remote_reply_fini(&reply);
	return rc;
}

/* The first one opens the stream. */
static int measure(struct session *s, long count)
{
	int64_t began_ms;
	int rc = ping(s);

	began_ms = clock_now_ms();
	for (long i = 0; rc == 0 && i < count; i++)
		rc = ping(s);
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
	int rc;

	if (argc != 4) {
		fprintf(stderr, "usage: bench-ping NAMESPACE POD COUNT\n");
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
		rc = measure(s, strtol(argv[3], NULL, 10));
		session_state(s, &err);
		session_close(s, 1000);
	}
	if (rc < 0)
		fprintf(stderr, "bench-ping: %s\n", err_text(&err, rc));
	net_close(net);
	kube_target_free(target);
	return rc < 0;
}
