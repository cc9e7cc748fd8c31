/*
 * A connection to a port of the sandbox, where it differs from a run: its request, the end of what comes,
 * its end mark.
 */
#include "common/remote/run.h"

#define HOST_MAX 64 /* a numeric address */

int dial_encode(struct run *run, const struct run_spec *spec)
{
	struct buf *frame = &run->call.frame;
	const char *host = spec->host ? spec->host : "";

	if (!run->remote->info.said.ops[OP_DIAL])
		return -ENOSYS;
	if (strlen(host) > HOST_MAX || !spec->window)
		return -EINVAL;
	buf_init(frame, PROTO_LINE_MAX);
	buf_printf(frame, "%u dial ", run->call.tag);
	text_escape(frame, host, strlen(host));
	buf_printf(frame, " %u %u\n", spec->port, spec->window);
	return buf_check(frame);
}

/* Its end is an `e` without bytes, and nothing comes behind it. */
int dial_check_piece(struct run *run, const struct answer *a)
{
	if (run->shut)
		return -EBADMSG;
	if (a->kind == 'o')
		return 0;
	if (a->n)
		return -EBADMSG;
	run->shut = true;
	if (run->ops.output)
		run->ops.output(run->arg, 2, "", 0);
	return 0;
}

/* False: this side's way has not ended. */
static bool all_given(struct run *run, uint64_t *ret)
{
	scoped_lock(&run->lock);
	*ret = run->gave;
	return run->eof;
}

int dial_end_of(struct run *run, const struct answer *a, struct run_end *end)
{
	uint64_t n[2], gave;

	if (answer_numbers(a, n, 2) < 0 || !run->shut || !all_given(run, &gave))
		return -EBADMSG;
	if (n[0] != run->got[0] || n[1] != gave)
		return err_set(&end->err, -EBADMSG,
			"the end mark counts %ju bytes that came and %ju that went, here it was "
			"%ju and %ju",
			(uintmax_t)n[0], (uintmax_t)n[1], (uintmax_t)run->got[0], (uintmax_t)gave);
	end->state = RUN_CLOSED;
	end->out = n[0];
	end->err_bytes = n[1];
	return 0;
}
