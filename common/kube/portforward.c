#include "common/kube/portforward.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/kube/channel.h"
#include "common/kube/dial.h"
#include "common/kube/rest.h"
#include "common/kube/stream.h"

#define END_MS 2000 /* between the descriptor's end and the stream's */

struct portforward {
	struct net *net;       /* borrowed */
	struct stream *stream; /* a reference */
	int fd;
};

static int dial_port(const struct kube_target *t, const char *ns, const char *pod, uint16_t port,
	const volatile bool *stop, int64_t deadline_ms, struct dial **ret, struct err *err)
{
	auto_free char *path =
		rest_path("/api/v1/namespaces/%s/pods/%s/portforward?ports=%d", ns, pod, port);
	auto_free char *what = xprintf("forward port %u of pod %s of namespace %s", port, pod, ns);
	struct dial_ask ask = { .path = path, .protocols = CHANNEL_V4, .what = what, .stop = stop };

	return dial_open(t, &ask, deadline_ms, ret, NULL, err);
}

int portforward_open(struct net *net, const struct kube_target *t, const char *ns, const char *pod,
	uint16_t port, const volatile bool *stop, int64_t deadline_ms, struct portforward **ret,
	struct err *err)
{
	struct stream *stream = NULL;
	struct portforward *p;
	struct dial *d = NULL;
	int fd = -1;
	int rc = dial_port(t, ns, pod, port, stop, deadline_ms, &d, err);

	if (rc == 0)
		rc = stream_pair(d, &stream, &fd, err);
	if (rc < 0)
		return rc;
	io_nonblock(fd);
	p = xcalloc(1, sizeof *p);
	*p = (struct portforward){ .net = net, .stream = stream, .fd = fd };
	stream_is_port(p->stream, port);
	stream_may_pause(p->stream);
	net_post(net, p->stream);
	*ret = p;
	return 0;
}

int portforward_fd(const struct portforward *p)
{
	return p->fd;
}

/* "error forwarding port 80 to pod ..., uid : ... connect: connection refused" */
static int judge_text(const struct buf *text, struct err *err)
{
	auto_buf safe = BUF_INIT(4 * CHANNEL_STATUS_MAX);
	bool refused = strstr(buf_text(text), "onnection refused");

	log_escape(&safe, buf_text(text), strnlen(buf_text(text), ERR_TEXT_BYTES));
	return err_set(err, refused ? -ECONNREFUSED : -EIO, "%s", buf_text(&safe));
}

int portforward_end(struct portforward *p, struct err *err)
{
	auto_buf text = BUF_INIT(CHANNEL_STATUS_MAX);
	struct stream_end end;
	int rc = control_wait(stream_control(p->stream), deadline_after(END_MS), &end, &text);

	if (rc < 0)
		return err_set(err, rc, "the stream does not end");
	if (text.len)
		return judge_text(&text, err);
	if (end.rc < 0 && end.rc != -ECANCELED)
		return err_set(err, end.rc, "the stream was lost: %s", end.why);
	return 0;
}

void portforward_close(struct portforward *p)
{
	if (!p)
		return;
	close(p->fd);
	if (control_ask_close(stream_control(p->stream)))
		net_post(p->net, p->stream);
	stream_unref(p->stream);
	free(p);
}
