/* What a session says of itself and of its far end. */
#include "common/session/priv.h"

#include "common/base/clock.h"

int session_state(struct session *s, struct err *err)
{
	scoped_lock(&s->lock);
	if (s->down_rc)
		return err_set(err, s->down_rc, "%s/%s is not running", s->ns, s->pod);
	if (s->link)
		return 0;
	if (s->last_rc && !deadline_passed(s->retry_at_ms)) {
		if (err)
			*err = s->last_err;
		return s->last_rc;
	}
	return -EINPROGRESS;
}

/* How a request ends whose stream is gone: as the sandbox's own state says, else by losing the
 * stream. */
int session_lost_rc(struct session *s, struct err *err)
{
	scoped_lock(&s->lock);
	if (s->down_rc)
		return err_set(err, s->down_rc, "%s/%s is not running any more", s->ns, s->pod);
	return err_set(err, -EIO, "the stream to %s/%s was lost", s->ns, s->pod);
}

int session_far(struct session *s, struct session_far *ret)
{
	const struct remote_info *info;

	scoped_lock(&s->lock);
	if (!s->link)
		return -ENOTCONN;
	info = remote_info(s->link->remote);
	*ret = (struct session_far){
		.max = info->max,
		.calls = info->calls,
		.peeks = info->ops[OP_PEEK],
		.uid = info->uid,
		.gid = info->gid,
		.kept = info->kept,
		.keeps = info->ops[OP_KEEP],
		.terminals = info->terminals,
		.dials = info->ops[OP_DIAL],
	};
	snprintf(ret->cwd, sizeof(ret->cwd), "%s", info->cwd);
	return 0;
}

void session_put_json(struct buf *ret, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			buf_printf(ret, "\\u%04x", c);
		else
			buf_char(ret, (char)c);
	}
}

static void describe_why(const struct link *l, struct buf *ret)
{
	const char *lacks = remote_info(l->remote)->why;

	if (!*l->why && !*lacks)
		return;
	buf_str(ret, ",\"agent_why\":\"");
	session_put_json(ret, l->why);
	if (*l->why && *lacks)
		buf_str(ret, "; ");
	session_put_json(ret, lacks);
	buf_char(ret, '"');
}

void session_describe(struct session *s, struct buf *ret)
{
	const struct remote_info *info;

	scoped_lock(&s->lock);
	info = s->link ? remote_info(s->link->remote) : NULL;
	buf_printf(ret, "\"connected\":%s,\"opened\":%u,\"lost\":%u,\"queued\":%u",
		info ? "true" : "false", s->opened, s->lost, s->queued);
	buf_str(ret, ",\"counters\":{");
	meter_describe(&s->meter, s->queued, ret);
	buf_printf(ret, ",\"reconnects\":%u}", s->opened > 1 ? s->opened - 1 : 0);
	if (!info)
		return;
	buf_printf(
		ret, ",\"agent\":\"%s\",\"uid\":%u,\"gid\":%u", info->kind, info->uid, info->gid);
	describe_why(s->link, ret);
	bulk_describe(s, ret);
}
