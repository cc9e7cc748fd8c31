#include "common/remote/pack/copy.h"

static int serve_job(struct pack_pipe *p, struct pack_sys *sys, const char *home, unsigned workers)
{
	struct pack_job job;
	struct pack_side side = { p, sys, &job, NULL, home, workers };
	struct pack_frame f;
	int rc = pack_pipe_next(p, true, &f);

	if (rc < 0)
		return rc;
	pack_job_init(&job);
	rc = f.type == PACK_JOB ? pack_job_take(f.data, f.n, &job) : -EBADMSG;
	pack_pipe_release(p, &f);
	if (rc == 0)
		rc = job.flags & PACK_JOB_SOURCE ? pack_source(&side) : pack_sink(&side);
	pack_job_fini(&job);
	return rc;
}

int pack_serve(
	int in, int out, bool packs, struct pack_sys *sys, const char *home, unsigned workers)
{
	struct pack_pipe *p;
	struct pack_frame f;
	int rc = pack_pipe_open(in, out, packs, &p);

	if (rc < 0)
		return rc;
	rc = serve_job(p, sys, home, workers);
	/* the last that was said is there for sure when the other side ends the stream */
	if (rc == 0)
		pack_pipe_drain(p);
	while (rc == 0 && pack_pipe_next(p, true, &f) > 0)
		pack_pipe_release(p, &f);
	pack_pipe_close(p);
	return rc;
}
