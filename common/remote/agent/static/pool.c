#include "common/remote/agent/static/pool.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/agent.h"

#include <sys/eventfd.h>

#define STREAM_AHEAD (256 * 1024)

/* lock held */
static void tell(struct pool *p)
{
	uint64_t one = 1;
	ssize_t n;

	if (p->told)
		return;
	p->told = true;
	n = write(p->wake.fd, &one, sizeof(one));
	(void)n; /* full means: already told */
}

/* lock held */
static struct job *take(struct pool *p)
{
	struct job *j = jobs_take(&p->todo);

	p->since_ms = clock_now_ms();
	return j;
}

/* lock held */
static void give_back(struct pool *p, struct job *j, int rc)
{
	j->rc = rc;
	jobs_put(&p->done, j);
	tell(p);
}

static void *work(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job *j;
		int rc;

		p->idle++;
		while (!p->todo.first)
			pthread_cond_wait(&p->work, &p->lock);
		p->idle--;
		j = take(p);
		pthread_mutex_unlock(&p->lock);
		rc = j->work(j);
		if (j->place)
			quick_learn_place(&j->agent->quick, j->place);
		pthread_mutex_lock(&p->lock);
		give_back(p, j, rc);
	}
	return NULL;
}

/* lock held */
static void one_more(struct pool *p)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, p) == 0) {
		pthread_detach(thread);
		p->threads++;
	}
}

void pool_finish(struct job *j)
{
	if (j->after)
		j->after(j);
	if (j->handle) {
		j->later = j->later || handle_asks_on(j->handle);
		handle_done(j);
	}
	job_answer(j);
}

static struct job *take_done(struct pool *p)
{
	struct job *all;

	scoped_lock(&p->lock);
	p->told = false;
	for (struct job *j = p->poked; j; j = j->next_poked) {
		j->poked = false;
		out_wants(p->out, &j->source);
	}
	p->poked = NULL;
	all = p->done.first;
	p->done.first = NULL;
	return all;
}

static void on_wake(void *arg, uint32_t events)
{
	struct pool *p = arg;
	uint64_t count;
	struct job *j;

	if (read(p->wake.fd, &count, sizeof(count)) < 0)
		return;
	j = take_done(p);
	while (j) {
		struct job *next = j->next;

		pool_finish(j);
		j = next;
	}
}

int pool_init(struct pool *p, int loop, struct out *out)
{
	*p = (struct pool){ .loop = loop, .out = out };
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->room, NULL);
	p->wake = (struct watch){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = on_wake, .arg = p
	};
	if (p->wake.fd < 0)
		return -errno;
	return watch_set(loop, &p->wake, EPOLLIN);
}

void pool_hand_in(struct pool *p, struct job *j, int rc)
{
	scoped_lock(&p->lock);
	give_back(p, j, rc);
}

void pool_submit(struct pool *p, struct job *j)
{
	if (j->quick) {
		j->rc = j->quick(j);
		if (j->rc != QUICK_NOT) {
			pool_finish(j);
			return;
		}
		j->rc = 0;
	}
	if (!brief_take(j->agent, j))
		pool_work(p, j);
}

void pool_work(struct pool *p, struct job *j)
{
	bool nobody;

	pthread_mutex_lock(&p->lock);
	if (!p->todo.first)
		p->since_ms = clock_now_ms();
	jobs_put(&p->todo, j);
	if (!p->idle && p->threads < POOL_USUAL)
		one_more(p);
	nobody = !p->threads;
	if (nobody)
		take(p);
	else
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	if (!nobody)
		return;
	/* Where no thread can be had, the loop works itself. A listing must not wait for it then. */
	j->rc = j->work(j);
	pool_finish(j);
}

int pool_timeout(struct pool *p)
{
	scoped_lock(&p->lock);
	return p->todo.first && p->threads < POOL_THREADS ? POOL_WAIT_MS : -1;
}

void pool_look(struct pool *p)
{
	scoped_lock(&p->lock);
	if (p->todo.first && !p->idle && p->threads < POOL_THREADS &&
		clock_now_ms() - p->since_ms >= POOL_WAIT_MS)
		one_more(p);
}

void pool_put(struct pool *p, struct job *j, const struct buf *bytes)
{
	scoped_lock(&p->lock);
	while (p->threads && j->content.len - j->sent > STREAM_AHEAD)
		pthread_cond_wait(&p->room, &p->lock);
	buf_add(&j->content, bytes->data, bytes->len);
	if (!j->poked) {
		j->poked = true;
		j->next_poked = p->poked;
		p->poked = j;
		tell(p);
	}
}
