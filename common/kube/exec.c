#include "common/kube/exec.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/channel.h"
#include "common/kube/delivery.h"
#include "common/kube/dial.h"
#include "common/kube/spdy.h"
#include "common/kube/stream.h"

#define PATH_MAX_BYTES (64 * 1024) /* far under the API server's 1 MiB, over what proxies pass */
#define CLOSE_MS       1000
#define SPDY_MS        5000 /* for an answer to that, before WebSockets are tried */

struct exec {
	struct net *net;       /* borrowed */
	struct stream *stream; /* a reference */
	int fd;                /* the user's end; -1: taken */
	bool tty, v5;
};

static void add_escaped(struct buf *ret, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++) {
		unsigned char c = *text;

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			strchr("-._~", c))
			buf_char(ret, c);
		else
			buf_printf(ret, "%%%c%c", hex[c >> 4], hex[c & 15]);
	}
}

/* Booleans that are false are left out: any value but 0 and false means true (KUBERNETES.md 1.1).
 */
static int make_path(const struct exec_spec *spec, struct buf *ret)
{
	buf_str(ret, "/api/v1/namespaces/");
	add_escaped(ret, spec->ns);
	buf_str(ret, "/pods/");
	add_escaped(ret, spec->pod);
	buf_str(ret, "/exec?");
	if (spec->container) {
		buf_str(ret, "container=");
		add_escaped(ret, spec->container);
		buf_char(ret, '&');
	}
	for (const char *const *arg = spec->argv; *arg; arg++) {
		buf_str(ret, "command=");
		add_escaped(ret, *arg);
		buf_char(ret, '&');
	}
	/* A terminal has one output. */
	buf_str(ret, spec->tty ? "stdin=true&stdout=true&tty=true"
			       : "stdin=true&stdout=true&stderr=true");
	return buf_check(ret) < 0 ? -E2BIG : 0;
}

static int choose_protocol(enum exec_protocol given, enum exec_protocol *ret, struct err *err)
{
	const char *forced = getenv("SBX_EXEC_PROTOCOL");

	*ret = given;
	if ((given != EXEC_ANY && given != EXEC_SPDY) || !forced || !*forced)
		return 0;
	if (strcmp(forced, "v4") == 0)
		*ret = EXEC_V4;
	else if (strcmp(forced, "v5") == 0)
		*ret = EXEC_V5;
	else if (strcmp(forced, "spdy") == 0)
		*ret = EXEC_SPDY;
	else
		return err_set(err, -EINVAL, "SBX_EXEC_PROTOCOL is '%s'; it may be v4, v5 or spdy",
			forced);
	return 0;
}

/* What the API server and runtimes say when there is nothing to run in, or nothing to run. */
static int code_of_message(const char *message, int otherwise)
{
	static const struct {
		const char *part;
		int code;
	} known[] = {
		{ "executable file not found", -ENOEXEC },
		{ "executable file `", -ENOEXEC }, /* crun */
		{ "no such file or directory", -ENOEXEC },
		{ "permission denied", -ENOEXEC },
		{ "exec format error", -ENOEXEC },
		{ "does not have a host assigned", -ENOTCONN },
		{ "pod does not exist", -ENOTCONN }, /* says a kubelet that has not seen it yet */
		{ "container not found", -ENOTCONN },
		{ "unable to find container", -ENOTCONN },
		{ "not created or running", -ENOTCONN },
		{ "is not running", -ENOTCONN },
		{ "not in running state", -ENOTCONN },
		{ "cannot exec in a stopped state", -ENOTCONN },
		{ "cannot exec into a container in a completed pod", -ENOTCONN },
		{ "cannot exec in a deleted state", -ENOTCONN },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strstr(message, known[i].part))
			return known[i].code;
	return otherwise;
}

/* The answers of a server that does not know the subprotocol; a 400 can mean other things too. */
static bool is_unknown_there(const struct dial_refusal *r)
{
	return r->http == 400 || (r->http == 403 && r->no_body);
}

/* v4 alone first; where that is unknown v5. If neither is, the first refusal is the one to show. */
static int dial_best(const struct kube_target *t, struct dial_ask *ask, enum exec_protocol protocol,
	int64_t deadline_ms, struct dial **ret, struct dial_refusal *refusal, struct err *err)
{
	struct dial_refusal again = { 0 };
	struct err second = { "" };
	int rc, rc2;

	ask->protocols = protocol == EXEC_V5 ? CHANNEL_V5 : CHANNEL_V4;
	rc = dial_open(t, ask, deadline_ms, ret, refusal, err);
	if (rc == 0 || protocol != EXEC_ANY || !is_unknown_there(refusal))
		return rc;
	trace(EXEC, "%s is refused; trying %s", CHANNEL_V4, CHANNEL_V5);
	ask->protocols = CHANNEL_V5;
	rc2 = dial_open(t, ask, deadline_ms, ret, &again, &second);
	if (rc2 < 0 && is_unknown_there(&again))
		return rc;
	*refusal = again;
	*err = second;
	return rc2;
}

/* What stands between may know WebSockets alone: whatever it answers, those are tried then. */
static int dial_spdy(const struct kube_target *t, struct dial_ask *ask, int64_t deadline_ms,
	struct dial **ret, struct dial_refusal *refusal, struct err *err)
{
	int64_t own_ms = deadline_after(SPDY_MS);
	int rc;

	ask->protocols = SPDY_PROTOCOL;
	rc = dial_open(t, ask, own_ms < deadline_ms ? own_ms : deadline_ms, ret, refusal, err);
	if (rc == 0 || rc == -ECANCELED)
		return rc;
	trace(EXEC, "%s is refused", SPDY_PROTOCOL);
	*refusal = (struct dial_refusal){ 0 };
	return dial_best(t, ask, EXEC_ANY, deadline_ms, ret, refusal, err);
}

/* status.h's advice goes by the number, which says nothing here. */
static void cut_advice(char *text)
{
	char *number = NULL;

	for (char *at = text; (at = strstr(at, " (HTTP ")); at++)
		number = at;
	if (number && (number = strchr(number, ';')))
		*number = '\0';
}

static int dial_exec(const struct kube_target *t, const struct exec_spec *spec, int64_t deadline_ms,
	struct dial **ret, struct err *err)
{
	auto_buf path = BUF_INIT(PATH_MAX_BYTES);
	auto_free char *what =
		xprintf("run a command in pod %s of namespace %s", spec->pod, spec->ns);
	struct dial_ask ask = { .what = what, .stop = spec->stop };
	enum exec_protocol protocol;
	struct dial_refusal refusal = { 0 };
	struct err local = { "" };
	int rc;

	rc = choose_protocol(spec->protocol, &protocol, err);
	if (rc < 0)
		return rc;
	rc = make_path(spec, &path);
	if (rc < 0)
		return err_set(err, rc, "cannot %s: the command is too long (over %d bytes)", what,
			PATH_MAX_BYTES);
	ask.path = buf_text(&path);
	if (protocol == EXEC_SPDY && !spec->tty)
		rc = dial_spdy(t, &ask, deadline_ms, ret, &refusal, &local);
	else
		rc = dial_best(t, &ask, protocol, deadline_ms, ret, &refusal, &local);
	/* Of a 403 the code is right; otherwise only the words tell: a kubelet's 404 is not the API server's. */
	if (rc < 0 && (refusal.http == 400 || refusal.http == 404 || refusal.http >= 500))
		rc = code_of_message(local.text, rc);
	if (rc == -ENOTCONN) {
		cut_advice(local.text);
		return err_set(err, rc,
			"%s; nothing runs in the container: look at \"kubectl sbx get %s\"",
			local.text, spec->pod);
	}
	return rc < 0 ? err_set(err, rc, "%s", local.text) : 0;
}

int exec_open(struct net *net, const struct kube_target *t, const struct exec_spec *spec,
	int64_t deadline_ms, struct exec **ret, struct err *err)
{
	struct stream *stream = NULL;
	struct dial *d = NULL;
	struct exec *x;
	int fd = -1;
	int rc;

	rc = dial_exec(t, spec, deadline_ms, &d, err);
	if (rc == 0)
		rc = stream_pair(d, &stream, &fd, err);
	if (rc < 0)
		return rc;
	x = xcalloc(1, sizeof *x);
	x->net = net;
	x->stream = stream;
	x->fd = fd;
	x->tty = spec->tty;
	x->v5 = strcmp(dial_protocol(d), CHANNEL_V5) == 0;
	if (strcmp(dial_protocol(d), SPDY_PROTOCOL) == 0)
		stream_is_spdy(x->stream);
	if (spec->tty)
		stream_may_pause(x->stream);
	net_post(net, x->stream);
	*ret = x;
	return 0;
}

int exec_fd(const struct exec *x)
{
	return x->fd;
}

int exec_take_fd(struct exec *x)
{
	return take_fd(x->fd);
}

/* --- the duct -------------------------------------------------------------------------------- */

struct exec_duct {
	struct duct duct;
	struct net *net;
	struct stream *stream; /* a reference */
};

static void open_duct(struct duct *d, const struct duct_user *user)
{
	delivery_tap(stream_delivery(((struct exec_duct *)d)->stream), user);
}

static ssize_t put_duct(struct duct *d, const void *bytes, size_t n)
{
	struct exec_duct *x = (struct exec_duct *)d;
	bool stuck = false;
	ssize_t put = stream_put(x->stream, bytes, n, &stuck);

	if (stuck)
		net_post(x->net, x->stream);
	return put;
}

static void close_duct(struct duct *d)
{
	struct exec_duct *x = (struct exec_duct *)d;

	delivery_untap(stream_delivery(x->stream));
	stream_unref(x->stream);
	free(x);
}

struct duct *exec_duct(struct exec *x)
{
	static const struct duct_ops ops = {
		.open = open_duct, .put = put_duct, .close = close_duct
	};
	struct exec_duct *d = xcalloc(1, sizeof *d);

	d->duct.ops = &ops;
	d->net = x->net;
	d->stream = stream_ref(x->stream);
	return &d->duct;
}

bool exec_is_v5(const struct exec *x)
{
	return x->v5;
}

int exec_resize(struct exec *x, uint16_t cols, uint16_t rows)
{
	if (!x->tty)
		return -ENOTTY;
	if (control_ask_resize(stream_control(x->stream), cols, rows))
		net_post(x->net, x->stream);
	return 0;
}

int exec_eof(struct exec *x)
{
	if (!x->v5)
		return -EOPNOTSUPP;
	if (control_ask_eof(stream_control(x->stream)))
		net_post(x->net, x->stream);
	return 0;
}

/* The Status has the last word on the command; without one the stream was lost, whatever else it
 * says. */
static void judge_status(const struct channel_status *s, struct exec_end *ret)
{
	auto_buf text = BUF_INIT(8 * sizeof s->message);

	ret->has_status = true;
	ret->success = s->success;
	ret->exit_code = s->exit_code;
	log_escape(&text, s->message, strlen(s->message));
	ret->rc = s->exit_code >= 0 ? 0 : code_of_message(s->message, -EIO);
	err_set(&ret->err, 0, "%s", buf_text(&text));
}

static void judge(const struct stream_end *end, const struct buf *json, struct exec_end *ret)
{
	struct channel_status status;

	*ret = (struct exec_end){ .exit_code = -1 };
	if (channel_status(buf_text(json), json->len, &status) == 0)
		judge_status(&status, ret);
	/* Output was lost here: no word of the server's makes that good. */
	if (end->rc == -ENOBUFS || end->rc == -EBADMSG)
		ret->rc = err_set(&ret->err, end->rc, "the stream was ended: %s", end->why);
	else if (!ret->has_status)
		ret->rc = err_set(
			&ret->err, -EPIPE, "the stream ended without a result: %s", end->why);
}

int exec_wait(struct exec *x, int64_t deadline_ms, struct exec_end *ret)
{
	auto_buf json = BUF_INIT(CHANNEL_STATUS_MAX);
	struct stream_end end;
	int rc = control_wait(stream_control(x->stream), deadline_ms, &end, &json);

	if (rc == 0)
		judge(&end, &json, ret);
	return rc;
}

void exec_stderr(struct exec *x, struct buf *ret)
{
	auto_buf raw = BUF_INIT(EXEC_STDERR_TAIL);

	control_stderr(stream_control(x->stream), &raw);
	log_escape(ret, buf_text(&raw), raw.len);
}

void exec_close(struct exec *x)
{
	struct control *c;

	if (!x)
		return;
	c = stream_control(x->stream);
	if (x->fd >= 0)
		close(x->fd);
	if (control_ask_close(c)) {
		net_post(x->net, x->stream);
		control_wait_flushed(c, deadline_after(CLOSE_MS));
	}
	stream_unref(x->stream);
	free(x);
}
