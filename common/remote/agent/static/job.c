#include "common/remote/agent/static/job.h"

#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/agent/static/record.h"
#include "common/remote/proto.h"

void jobs_put(struct jobs *js, struct job *j)
{
	j->next = NULL;
	if (js->first)
		js->last->next = j;
	else
		js->first = j;
	js->last = j;
}

struct job *jobs_take(struct jobs *js)
{
	struct job *j = js->first;

	js->first = j->next;
	return j;
}

void job_free(struct job *j)
{
	agent_spent(j->agent, j->cost);
	if (j->work)
		j->agent->jobs--;
	quick_take_back(&j->agent->quick, j);
	close_at(&j->from);
	close_at(&j->deep_fd[0]);
	close_at(&j->deep_fd[1]);
	buf_fini(&j->content);
	buf_fini(&j->fields);
	free(j->text[0]);
	free(j->text[1]);
	free(j->body);
	free(j);
}

static void put_end(const struct job *j, struct buf *to)
{
	buf_add(to, j->rc < 0 ? "! " : "= ", 2);
	put_u64(to, j->tag);
	if (j->rc < 0) {
		buf_char(to, ' ');
		buf_str(to, put_errno(j->rc));
		buf_str(to, " -");
	} else if (j->fields.len) {
		buf_add(to, j->fields.data, j->fields.len);
	}
	buf_char(to, '\n');
}

static void put_piece(struct job *j, struct buf *to)
{
	size_t n = j->content.len - j->sent;

	if (n > OUT_FRAME)
		n = OUT_FRAME;
	if (!n)
		return;
	buf_add(to, "d ", 2);
	put_u64(to, j->tag);
	buf_char(to, ' ');
	put_u64(to, n);
	buf_char(to, '\n');
	buf_add(to, j->content.data + j->sent, n);
	j->sent += n;
	if (j->sent == j->content.len) {
		buf_reset(&j->content);
		j->sent = 0;
	} else if (j->streams) {
		buf_drop(&j->content, j->sent);
		j->sent = 0;
	}
}

static bool pull(struct source *s, struct buf *to)
{
	struct job *j = (struct job *)s;
	struct pool *p = &j->agent->pool;
	bool more, over;

	/* Content of one that failed before it said anything is none. */
	if (!j->streams && j->rc < 0)
		buf_reset(&j->content);
	pthread_mutex_lock(&p->lock);
	put_piece(j, to);
	more = j->content.len > j->sent;
	over = j->answered && !more;
	if (j->streams)
		pthread_cond_broadcast(&p->room);
	pthread_mutex_unlock(&p->lock);
	if (!over)
		return more;
	put_end(j, to);
	if (j->told)
		j->told(j);
	job_free(j);
	return false;
}

struct job *job_new(struct agent *a, uint32_t tag)
{
	struct job *j = xcalloc(1, sizeof(*j));

	j->agent = a;
	j->tag = tag;
	j->fd = j->from = j->deep_fd[0] = j->deep_fd[1] = -1;
	j->source.pull = pull;
	buf_init(&j->content, PROTO_LIST_MAX);
	buf_init(&j->fields, PROTO_ANSWER_MAX - 64);
	return j;
}

void job_record(struct job *j, const struct stat *st)
{
	record_put(&j->content, st, NULL);
}

void job_answer(struct job *j)
{
	j->answered = true;
	if (j->later && j->rc == 0)
		out_wants_later(&j->agent->out, &j->source);
	else
		out_wants(&j->agent->out, &j->source);
}
