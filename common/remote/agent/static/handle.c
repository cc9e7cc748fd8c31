#include "common/remote/agent/static/handle.h"

#include "common/remote/agent/static/agent.h"
#include "common/remote/proto.h"

void handles_init(struct handles *hs, uint32_t max)
{
	*hs = (struct handles){ .max = max < HANDLES_MAX ? max : HANDLES_MAX, .bucket_count = 64 };
	hs->buckets = xcalloc(hs->bucket_count, sizeof(struct handle *));
}

bool handles_full(const struct handles *hs)
{
	return hs->open >= hs->max;
}

static struct handle **bucket(const struct handles *hs, uint64_t id)
{
	return &hs->buckets[id & (hs->bucket_count - 1)];
}

static struct handle *in_use(const struct handles *hs, uint64_t id)
{
	struct handle *h = *bucket(hs, id);

	while (h && h->id != id)
		h = h->next;
	return h;
}

struct handle *handle_find(struct handles *hs, uint64_t id)
{
	struct handle *h = in_use(hs, id);

	return h && !h->closed ? h : NULL;
}

static void put(struct handles *hs, struct handle *h)
{
	struct handle **at = bucket(hs, h->id);

	h->next = *at;
	*at = h;
}

static void grow(struct handles *hs)
{
	struct handle **old = hs->buckets;
	uint32_t count = hs->bucket_count;

	hs->bucket_count = 2 * count;
	hs->buckets = xcalloc(hs->bucket_count, sizeof(struct handle *));
	for (uint32_t i = 0; i < count; i++) {
		struct handle *next;

		for (struct handle *h = old[i]; h; h = next) {
			next = h->next;
			put(hs, h);
		}
	}
	free(old);
}

static uint64_t next_id(struct handles *hs)
{
	do
		hs->last = hs->last + 1 < PROTO_HANDLE_MIN ? hs->last + 1 : 1;
	while (in_use(hs, hs->last));
	return hs->last;
}

struct handle *handle_new(struct handles *hs, uint64_t id)
{
	struct handle *h;

	if (handles_full(hs) || (id && in_use(hs, id)))
		return NULL;
	if (hs->open == hs->bucket_count)
		grow(hs);
	h = xcalloc(1, sizeof(*h));
	h->fd = -1;
	h->id = id ? id : next_id(hs);
	put(hs, h);
	hs->open++;
	return h;
}

static void handle_free(struct handles *hs, struct handle *h)
{
	struct handle **at = bucket(hs, h->id);

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	hs->open--;
	free(h);
}

static int not_open(struct job *j)
{
	return -EBADF;
}

static bool may_start(const struct handle *h, const struct job *j)
{
	return !h->busy && (!h->sharing || j->shares);
}

/* The job, and so the handle, may be gone when it returns. */
static void start(struct job *j)
{
	struct handle *h = j->handle;

	if (j->shares)
		h->sharing++;
	else
		h->busy = true;
	j->fd = h->fd;
	if (h->failed) {
		j->quick = NULL;
		j->work = not_open;
	}
	pool_submit(&j->agent->pool, j);
}

void handle_submit(struct job *j)
{
	struct handle *h = j->handle;

	if (!h->waiting.first && may_start(h, j))
		start(j);
	else
		jobs_put(&h->waiting, j);
}

bool handle_asks_on(const struct handle *h)
{
	return h->waiting.first && !h->waiting.first->body;
}

void handle_done(struct job *j)
{
	struct handles *hs = &j->agent->handles;
	struct handle *h = j->handle;

	if (j->shares)
		h->sharing--;
	else
		h->busy = false;
	if (h->starting) /* a job that was done at once, below: it goes on there */
		return;
	h->starting = true;
	while (h->waiting.first && may_start(h, h->waiting.first))
		start(jobs_take(&h->waiting));
	h->starting = false;
	if (h->closed && !h->waiting.first && !h->busy && !h->sharing && !h->held)
		handle_free(hs, h);
}
