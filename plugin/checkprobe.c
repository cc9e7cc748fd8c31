#include "plugin/checkprobe.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/exec.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/kind.h"
#include "plugin/lifetime.h"
#include "plugin/make.h"

#include <errno.h>

#define PORT     "4711"
#define LIFE_MS  (10 * 60 * 1000) /* of the Pods, should this program be killed */
#define START_MS 120000
#define TRY_MS   15000
#define PAUSE_MS 500
#define REACH_MS 15000 /* so long a new Pod may take to listen */
#define ANSWER   "sbx-probe"
#define MEMORY   "16Mi"

/* Whatever the image has that can listen; and what can connect. */
static const char listen_script[] =
	"if command -v nc >/dev/null; then while :; do echo " ANSWER " | nc -l -p " PORT
	" || sleep 1; done; fi\n"
	"if command -v python3 >/dev/null; then exec python3 -c 'import socket\n"
	"s=socket.create_server((\"\"," PORT "))\n"
	"while True:\n"
	" c,a=s.accept(); c.sendall(b\"" ANSWER "\\n\"); c.close()'; fi\n"
	"if command -v perl >/dev/null; then exec perl -MIO::Socket::INET -e '"
	"$s=IO::Socket::INET->new(LocalPort=>" PORT ",Listen=>5,ReuseAddr=>1) or die;"
	"while($c=$s->accept){print $c \"" ANSWER "\\n\";close $c}'; fi\n"
	"while :; do sleep 60; done\n";

/* On one line: it goes in a URL, and not every server takes line feeds there. */
static const char connect_script[] =
	"if command -v nc >/dev/null; then nc -w 3 $0 " PORT " </dev/null; "
	"elif command -v python3 >/dev/null; then python3 -c 'import socket,sys; "
	"s=socket.create_connection((sys.argv[1]," PORT "),3); s.settimeout(3); "
	"print(s.recv(99).decode())' $0; "
	"elif command -v perl >/dev/null; then perl -MIO::Socket::INET -e 'alarm 4;"
	"$s=IO::Socket::INET->new(PeerAddr=>$ARGV[0],PeerPort=>" PORT ",Timeout=>3) or exit 1;"
	"print <$s>' $0; "
	"else echo no tool; fi 2>/dev/null; exit 0";

struct probe {
	struct kube *k;
	const char *ns, *image;
	struct net *net;
	cJSON *server, *client, *policy; /* as the cluster answered them; NULL: not made */
};

/* --- the objects ------------------------------------------------------------------------ */

static int make_pod(struct probe *p, const char *script, cJSON **ret, struct err *err)
{
	char *const command[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct pod_wish wish = { .o = WISH_DEFAULTS, .ns = p->ns, .now_ms = clock_wall_ms() };
	auto_phases phases = { 0 };
	auto_buf log = BUF_INIT(16 * 1024);
	const struct make_spec spec = {
		.wish = &wish, .timeout_ms = START_MS, .wait = true, .phases = &phases, .log = &log
	};

	wish.o.image = p->image;
	wish.o.cpu = "10m";
	wish.o.memory = MEMORY;
	wish.o.ttl_ms = wish.o.max_ttl_ms = LIFE_MS;
	if (script) {
		wish.command = command;
		wish.command_count = 3;
	}
	phases_init(&phases, false);
	return make_sandbox(p->k, &spec, ret, err);
}

static int close_server(struct probe *p, struct err *err)
{
	const char *name = json_str(p->server, "metadata.name", "");
	auto_json policy = kind_new(&kind_policy, p->ns, name);
	cJSON *types = cJSON_CreateArray(), *labels = cJSON_CreateObject();
	char request[LIFE_REQUEST_LETTERS + 1];

	life_request(request);
	kind_annotate(policy, ANNOTATION_REQUEST, request);
	kind_set_owner(policy, &kind_pod, p->server);
	cJSON_AddStringToObject(labels, LABEL_SANDBOX_ID, name);
	json_set(policy, "spec.podSelector.matchLabels", labels);
	cJSON_AddItemToArray(types, cJSON_CreateString("Ingress"));
	cJSON_AddItemToArray(types, cJSON_CreateString("Egress"));
	json_set(policy, "spec.policyTypes", types);
	return kind_post(p->k, &kind_policy, policy, &p->policy, err);
}

static void remove_one(struct probe *p, const struct kind *kind, cJSON *object)
{
	struct err err = { 0 };
	int rc = 0;

	if (!object)
		return;
	if (kind == &kind_pod)
		rc = sandbox_delete(p->k, p->ns, json_str(object, "metadata.name", ""),
			json_str(object, "metadata.uid", NULL), 0, &err);
	else
		rc = kind_delete(p->k, kind, object, false, &err);
	if (rc < 0 && rc != -ENOENT)
		say("warning: %s", err_text(&err, rc));
	cJSON_Delete(object);
}

/* --- trying ------------------------------------------------------------------------------- */

/* 1 reached, 0 not, -EOPNOTSUPP nothing there can connect */
static int reach(struct probe *p, const char *ip, struct err *err)
{
	const char *const argv[] = { "sh", "-c", connect_script, ip, NULL };
	struct exec_spec spec = { .ns = p->ns,
		.pod = json_str(p->client, "metadata.name", ""),
		.container = SANDBOX_CONTAINER,
		.argv = argv,
		.stop = interrupt_flag() };
	int64_t deadline_ms = deadline_after(TRY_MS);
	auto_buf text = BUF_INIT(4096);
	struct exec *x = NULL;
	char bytes[256];
	ssize_t n;
	int rc = exec_open(p->net, kube_target(p->k), &spec, deadline_ms, &x, err);

	if (rc < 0)
		return rc;
	while ((n = io_read_some(exec_fd(x), bytes, sizeof(bytes), deadline_ms)) > 0)
		buf_add(&text, bytes, (size_t)n);
	exec_close(x);
	if (strstr(buf_text(&text), "no tool"))
		return err_set(err, -EOPNOTSUPP,
			"its image has neither nc nor python3 nor perl to connect with");
	return strstr(buf_text(&text), ANSWER) != NULL;
}

/* Until it is as wanted, or the time is over: how it is then. */
static int reach_until(struct probe *p, const char *ip, bool wanted, int most_ms, struct err *err)
{
	int64_t deadline_ms = deadline_after(most_ms);
	int rc;

	for (;;) {
		rc = reach(p, ip, err);
		if (rc < 0 || rc == wanted || deadline_passed(deadline_ms))
			return rc;
		if (*interrupt_flag())
			return err_set(err, -EINTR, "interrupted");
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
	}
}

static int work(struct probe *p, struct err *err)
{
	auto_json now = NULL;
	const char *ip;
	int rc = make_pod(p, listen_script, &p->server, err);

	if (!rc)
		rc = make_pod(p, NULL, &p->client, err);
	if (!rc)
		rc = sandbox_get(p->k, p->ns, json_str(p->server, "metadata.name", ""), &now, err);
	if (rc < 0)
		return rc;
	ip = json_str(now, "status.podIP", "");
	if (!*ip)
		return err_set(err, -EOPNOTSUPP, "Pods have no addresses here");
	rc = reach_until(p, ip, true, REACH_MS, err);
	if (rc == 0)
		return err_set(err, -EOPNOTSUPP,
			"Pods do not reach each other here, with or without a policy");
	if (rc > 0)
		rc = close_server(p, err);
	if (!rc)
		rc = reach_until(p, ip, false, PROBE_CLOSES_MS, err);
	return rc < 0 ? rc : !rc;
}

int probe_policy(struct kube *k, const char *ns, const char *image, struct err *err)
{
	struct probe p = { .k = k, .ns = ns, .image = image };
	int rc;

	interrupt_watch();
	rc = net_open(&p.net);
	if (!rc)
		rc = work(&p, err);
	net_close(p.net);
	remove_one(&p, &kind_policy, p.policy);
	remove_one(&p, &kind_pod, p.client);
	remove_one(&p, &kind_pod, p.server);
	return rc;
}
