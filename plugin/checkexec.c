/* check_exec: what an exec in a sandbox brings, which agent answers there, and what holds processes there. */
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/wire.h"
#include "common/kube/exec.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "common/session/session.h"
#include "plugin/checks.h"
#include "plugin/cli.h"
#include "plugin/ref.h"
#include "plugin/via.h"

#include <errno.h>

#define WAIT_MS  20000
#define TEXT_MAX 4096
#define CODE     7
#define SCRIPT                                                                                     \
	"id -u 2>/dev/null||echo -;(ulimit -u) 2>/dev/null||(ulimit -p) 2>/dev/null||echo -;"      \
	"cat /sys/fs/cgroup/pids.max 2>/dev/null||cat /sys/fs/cgroup/pids/pids.max 2>/dev/null||"  \
	"echo -;exit 7"

/* --- what the script prints: hostile --------------------------------------------------- */

static long line_number(const char **at)
{
	size_t n = strcspn(*at, "\n");
	auto_free char *line = xstrndup(*at, n);
	uint64_t value;

	*at += n + ((*at)[n] == '\n');
	return parse_u64(line, INT32_MAX, &value) < 0 ? -1 : (long)value;
}

void check_inside_parse(const char *text, struct check_inside *ret)
{
	ret->uid = line_number(&text);
	ret->pids = line_number(&text);
	ret->pids_max = line_number(&text);
}

/* --- one exec ------------------------------------------------------------------------------ */

struct trial {
	struct checks *c;
	struct net *net;
	struct sandbox s;
	bool any;  /* nobody named it */
	bool gone; /* .. and it went meanwhile: nothing was wrong, another will do */
};

/* Asked of a failure: whoever it belongs to may have removed it since it was listed. */
static bool is_gone(struct trial *t)
{
	auto_json pod = NULL;
	struct sandbox now = { 0 };
	struct err err = { 0 };
	int rc;

	if (!t->any)
		return false;
	rc = sandbox_get(t->c->kube, t->s.ns, t->s.name, &pod, &err);
	if (!rc)
		rc = sandbox_parse(pod, NULL, &now, NULL);
	t->gone = rc == -ENOENT ||
		  (!rc && (now.deleting || !now.running || strcmp(now.uid, t->s.uid)));
	sandbox_fini(&now);
	return t->gone;
}

static int open_exec(struct trial *t, const char *const *argv, struct exec **ret, struct err *err)
{
	struct exec_spec spec = { .ns = t->s.ns,
		.pod = t->s.name,
		.container = t->s.container,
		.argv = argv,
		.protocol = EXEC_ANY };

	return exec_open(t->net, kube_target(t->c->kube), &spec, deadline_after(WAIT_MS), ret, err);
}

static int take_text(struct exec *x, struct buf *ret, struct exec_end *end)
{
	int64_t deadline_ms = deadline_after(WAIT_MS);
	char bytes[512];
	ssize_t n;

	while ((n = io_read_some(exec_fd(x), bytes, sizeof(bytes), deadline_ms)) > 0)
		buf_add(ret, bytes, (size_t)n);
	return n < 0 ? (int)n : exec_wait(x, deadline_ms, end);
}

static void say_inside(struct checks *c, const struct sandbox *s, const char *text)
{
	struct check_inside in;

	check_inside_parse(text, &in);
	if (in.uid == 0)
		checks_say(c, CHECK_WARN, "user",
			"create it with --non-root --user 1000:1000 where the image allows",
			"commands in %s/%s are root's: the image says so", s->ns, s->name);
	else if (in.uid > 0)
		checks_say(c, CHECK_OK, "user", NULL, "commands in %s/%s are user %ld's", s->ns,
			s->name, in.uid);
	if (in.pids_max >= 0)
		checks_say(c, CHECK_OK, "processes", NULL,
			"at most %ld in %s/%s, by the kubelet (podPidsLimit)", in.pids_max, s->ns,
			s->name);
	else if (in.pids >= 0 && in.uid > 0)
		checks_say(c, CHECK_OK, "processes", NULL,
			"at most %ld of its user in %s/%s (ulimit -u); the kubelet sets no limit",
			in.pids, s->ns, s->name);
	else
		checks_say(c, CHECK_WARN, "processes",
			"set podPidsLimit in the kubelet's configuration, or create with --pids N "
			"and a --user",
			"nothing limits how many there are in %s/%s", s->ns, s->name);
}

static void say_exec(struct checks *c, const char *protocol, const struct exec_end *end)
{
	if (end->rc == 0 && end->exit_code == CODE)
		checks_say(c, CHECK_OK, "exec", NULL, "%s; exit codes arrive", protocol);
	else if (end->rc < 0)
		checks_say(c, CHECK_FAIL, "exec", NULL, "%s; %s", protocol,
			err_text(&end->err, end->rc));
	else
		checks_say(c, CHECK_WARN, "exec",
			"sbx does not rely on it; kubectl exec and others do",
			"%s; a command's exit code %d arrived as %d: something between here and "
			"the node does not pass it on",
			protocol, CODE, end->exit_code);
}

static bool try_exec(struct trial *t, bool *ret_v5)
{
	const char *const argv[] = { "sh", "-c", SCRIPT, NULL };
	auto_buf text = BUF_INIT(TEXT_MAX);
	struct exec_end end = { 0 };
	struct err err = { 0 };
	struct exec *x = NULL;
	int rc = open_exec(t, argv, &x, &err);

	if (!rc)
		rc = take_text(x, &text, &end);
	if ((rc < 0 || end.rc < 0) && is_gone(t)) {
		exec_close(x);
		return false;
	}
	if (rc < 0 || end.rc == -ENOEXEC) {
		checks_say(t->c, CHECK_FAIL, "exec",
			end.rc == -ENOEXEC ? "files and runs need sh in the image; ls, get, logs "
					     "and rm work without"
					   : NULL,
			"in %s/%s: %s", t->s.ns, t->s.name,
			rc < 0 ? err_text(&err, rc) : err_text(&end.err, end.rc));
		exec_close(x);
		return false;
	}
	*ret_v5 = exec_is_v5(x);
	exec_close(x);
	say_exec(t->c, *ret_v5 ? "v5.channel.k8s.io" : "v4.channel.k8s.io", &end);
	say_inside(t->c, &t->s, buf_text(&text));
	return true;
}

/* cat ends when its input does. */
static void try_stdin(struct trial *t, bool v5)
{
	const char *const argv[] = { "cat", NULL };
	auto_buf text = BUF_INIT(TEXT_MAX);
	struct exec_end end = { 0 };
	struct err err = { 0 };
	struct exec *x = NULL;
	int rc;

	if (!v5) {
		checks_say(t->c, CHECK_OK, "stdin", NULL,
			"v4 cannot end a command's input; runs have their own end of it");
		return;
	}
	rc = open_exec(t, argv, &x, &err);
	if (!rc)
		rc = exec_eof(x);
	if (!rc)
		rc = take_text(x, &text, &end);
	if (!rc && !end.rc)
		checks_say(t->c, CHECK_OK, "stdin", NULL, "its end arrives");
	else if (!is_gone(t))
		checks_say(t->c, CHECK_WARN, "stdin", NULL,
			"its end does not arrive (%s); runs have their own end of it",
			rc < 0 ? err_text(&err, rc) : err_text(&end.err, end.rc));
	exec_close(x);
}

static void say_agent(struct checks *c, struct session *s, int64_t took_ms)
{
	auto_buf text = BUF_INIT(16 * 1024);
	auto_json said = NULL;
	const char *kind, *why;

	buf_char(&text, '{');
	session_describe(s, &text);
	buf_char(&text, '}');
	said = json_parse(buf_text(&text), text.len);
	kind = json_str(said, "agent", "?");
	why = json_str(said, "agent_why", "");
	if (!strcmp(kind, "static"))
		checks_say(c, CHECK_OK, "agent", NULL, "static, there in %lld ms%s%s",
			(long long)took_ms, *why ? "; " : "", why);
	else
		checks_say(c, CHECK_WARN, "agent",
			"a folder in it that can be written and executed from makes it several "
			"times as fast",
			"%s%s%s", kind, *why ? ": " : "", why);
}

static void try_agent(struct trial *t)
{
	struct session_spec spec = { .net = t->net,
		.target = kube_target(t->c->kube),
		.ns = t->s.ns,
		.pod = t->s.name,
		.container = t->s.container };
	struct remote_request rq = { .op = OP_PING };
	struct remote_reply reply = { 0 };
	struct session *s = NULL;
	int64_t began_ms = clock_now_ms();
	int rc = session_open(&spec, &s);

	if (!rc)
		rc = session_call(s, &rq, deadline_after(WAIT_MS), &reply);
	if (rc < 0 && !is_gone(t))
		checks_say(t->c, CHECK_FAIL, "agent", NULL, "%s", err_text(&reply.err, rc));
	else if (rc >= 0)
		say_agent(t->c, s, clock_now_ms() - began_ms);
	remote_reply_fini(&reply);
	session_close(s, 1000);
}

/* --- where ------------------------------------------------------------------------------------ */

static int find_named(struct checks *c, const char *word, struct sandbox *ret, struct err *err)
{
	auto_ref ref = { 0 };
	auto_json pod = NULL;
	int rc = ref_parse(word, c->ns, &ref, err);

	if (!rc)
		rc = via_get(c->kube, ref.ns, ref.name, &pod, err);
	if (!rc)
		rc = sandbox_parse(pod, NULL, ret, err);
	return rc;
}

static void try_all(struct trial *t)
{
	bool v5 = false;
	int rc = net_open(&t->net);

	t->gone = false;
	if (rc < 0) {
		checks_say(t->c, CHECK_FAIL, "exec", NULL, "%s", strerror(-rc));
		return;
	}
	if (try_exec(t, &v5)) {
		try_stdin(t, v5);
		if (!t->gone)
			try_agent(t);
	}
	net_close(t->net);
}

static void check_any(struct checks *c)
{
	const cJSON *pod;

	cJSON_ArrayForEach (pod, json_at(c->pods, "items")) {
		struct trial t = { .c = c, .any = true, .gone = true };

		if (sandbox_parse(pod, NULL, &t.s, NULL) < 0)
			continue;
		if (t.s.running && !t.s.deleting)
			try_all(&t);
		sandbox_fini(&t.s);
		if (!t.gone)
			return;
	}
	checks_say(c, CHECK_SKIP, "exec", "name one, or create one and ask again",
		"no sandbox runs here to try it in");
}

static void check_named(struct checks *c, const char *name)
{
	struct trial t = { .c = c };
	struct err err = { 0 };
	int rc = find_named(c, name, &t.s, &err);

	if (rc < 0) {
		checks_say(c, CHECK_FAIL, "exec", NULL, "%s", err_text(&err, rc));
		return;
	}
	if (t.s.running)
		try_all(&t);
	else
		checks_say(c, CHECK_FAIL, "exec", NULL, "%s/%s does not run", t.s.ns, t.s.name);
	sandbox_fini(&t.s);
}

void check_exec(struct checks *c, const char *name)
{
	if (name)
		check_named(c, name);
	else
		check_any(c);
}
