#include "plugin/tellwait.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/exec.h"
#include "plugin/pod.h"

#include <errno.h>

#define EXEC_MS 15000
#define MARK    "kubectl-sbx: told"

/* Is text, what the command has printed, its end mark? Kubernetes' Success is none. */
static int read_mark(int fd, int64_t deadline_ms)
{
	auto_buf text = BUF_INIT(4096);
	char bytes[512];
	ssize_t n;

	while ((n = io_read_some(fd, bytes, sizeof(bytes), deadline_ms)) > 0) {
		buf_add(&text, bytes, (size_t)n);
		if (buf_check(&text) < 0 || strstr(buf_text(&text), MARK))
			break;
	}
	return n < 0 ? (int)n : strstr(buf_text(&text), MARK) ? 0 : -EIO;
}

/* The wait that is process 1 (pod.c) takes its new seconds from a file, on a signal. */
int tell_wait(struct kube *k, const char *ns, const char *name, int64_t ttl_ms, struct err *err)
{
	auto_free char *left =
		ttl_ms ? xprintf("%lld", (long long)(ttl_ms + 999) / 1000) : xstrdup("");
	auto_free char *script = xprintf("rm -f " POD_LEFT_FILE "; echo '%s' >" POD_LEFT_FILE
					 " && kill -USR1 1 && echo '" MARK "'",
		left);
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct exec_spec spec = {
		.ns = ns, .pod = name, .container = SANDBOX_CONTAINER, .argv = argv
	};
	int64_t deadline_ms = deadline_after(EXEC_MS);
	struct net *net = NULL;
	struct exec *x = NULL;
	int rc = net_open(&net);

	if (!rc)
		rc = exec_open(net, kube_target(k), &spec, deadline_ms, &x, err);
	if (!rc) {
		rc = read_mark(exec_fd(x), deadline_ms);
		if (rc < 0)
			err_set(err, rc, "what keeps it alive could not be told: %s",
				strerror(-rc));
	}
	exec_close(x);
	net_close(net);
	return rc;
}
