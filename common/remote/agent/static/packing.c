#include "common/remote/agent/static/packing.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/pack/copy.h"

#define WORKERS   2
#define ANSWER_MS 10000

void packing_begin(struct job *j)
{
	struct agent *a = j->agent;
	auto_buf answer = BUF_INIT(64);

	/* What has been read already could not be handed on. */
	if (a->jobs || a->input.at != a->input.len || !out_idle(&a->out)) {
		j->rc = -EBUSY;
		job_answer(j);
		return;
	}
	buf_str(&answer, "= ");
	put_u64(&answer, j->tag);
	buf_char(&answer, '\n');
	if (io_write_all(1, answer.data, answer.len, deadline_after(ANSWER_MS)) < 0)
		_exit(1);
	_exit(pack_serve(0, 1, true, &pack_sys_here, a->world.home, WORKERS) < 0);
}
