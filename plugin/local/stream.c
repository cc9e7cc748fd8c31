#include "plugin/local/streampriv.h"

static void queue_put(struct queue *q, struct piece *p)
{
	if (q->last)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
	q->bytes += p->len;
}

static struct piece *queue_take(struct queue *q)
{
	struct piece *p = q->first;

	if (!p)
		return NULL;
	q->first = p->next;
	if (!q->first)
		q->last = NULL;
	q->bytes -= p->len;
	p->next = NULL;
	return p;
}

static void queue_empty(struct queue *q)
{
	struct piece *p;

	while ((p = queue_take(q)))
		free(p);
}

/* Not cleared: 32 KiB a read. */
struct piece *piece_new(void)
{
	struct piece *p = xmalloc(sizeof(*p));

	p->next = NULL;
	p->len = p->at = 0;
	return p;
}

struct stream *stream_new(const struct stream_options *o, void (*wake)(void *arg), void *arg)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	struct watched *all[] = { &s->in, &s->out, &s->err, &s->runtime, &s->process };

	s->refs = 1;
	s->o = *o;
	s->wake = wake;
	s->wake_arg = arg;
	pthread_mutex_init(&s->lock, NULL);
	for (int i = 0; i < 5; i++)
		*all[i] = (struct watched){ .stream = s, .fd = -1 };
	return s;
}

struct stream *stream_ref(struct stream *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void stream_unref(struct stream *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	queue_empty(&s->input);
	queue_empty(&s->output);
	for (char **a = s->o.argv; a && *a; a++)
		free(*a);
	free(s->o.argv);
	free(s->o.container_id);
	free(s->o.container_dir);
	free(s->o.pod_dir);
	free(s->o.container);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct piece *stream_next_output(struct stream *s)
{
	scoped_lock(&s->lock);

	return queue_take(&s->output);
}

bool stream_is_finished(struct stream *s)
{
	scoped_lock(&s->lock);

	return s->finished && !s->output.first;
}

bool stream_input_full(struct stream *s)
{
	scoped_lock(&s->lock);

	return s->input.bytes >= STREAM_QUEUE_BYTES && !s->finished;
}

void stream_put_input(struct stream *s, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	scoped_lock(&s->lock);

	while (n && !s->input_closed && !s->finished) {
		struct piece *p = piece_new();

		p->len = n > STREAM_PIECE_BYTES ? STREAM_PIECE_BYTES : n;
		memcpy(p->bytes, at, p->len);
		at += p->len;
		n -= p->len;
		queue_put(&s->input, p);
	}
}

void stream_close_input(struct stream *s)
{
	scoped_lock(&s->lock);

	s->input_closed = true;
}

void stream_resize(struct stream *s, uint16_t columns, uint16_t rows)
{
	scoped_lock(&s->lock);

	s->resized = true;
	s->columns = columns;
	s->rows = rows;
}

void stream_abandon(struct stream *s)
{
	scoped_lock(&s->lock);

	s->abandoned = true;
	s->wake = NULL;
	queue_empty(&s->output);
}

void stream_queue_output(struct stream *s, struct piece *p)
{
	pthread_mutex_lock(&s->lock);
	if (s->abandoned || s->finished)
		free(p);
	else
		queue_put(&s->output, p);
	if (s->wake)
		s->wake(s->wake_arg);
	pthread_mutex_unlock(&s->lock);
}

bool stream_output_full(struct stream *s)
{
	scoped_lock(&s->lock);

	s->stalled = s->output.bytes >= STREAM_QUEUE_BYTES;
	return s->stalled;
}

bool stream_has_room(struct stream *s)
{
	bool due;

	scoped_lock(&s->lock);

	due = s->stalled && s->output.bytes < STREAM_QUEUE_BYTES / 2;
	if (due)
		s->stalled = false;
	return due;
}

bool stream_is_up(struct stream *s)
{
	scoped_lock(&s->lock);

	return s->started || s->finished;
}

void stream_started(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->started = true;
	if (s->wake)
		s->wake(s->wake_arg);
	pthread_mutex_unlock(&s->lock);
}

static void queue_status(struct stream *s, const cJSON *status)
{
	auto_free char *text = cJSON_PrintUnformatted(status);
	struct piece *p = piece_new();
	size_t n = strlen(text) > STREAM_PIECE_BYTES ? STREAM_PIECE_BYTES : strlen(text);

	p->bytes[STREAM_PRE] = CHANNEL_STATUS;
	memcpy(p->bytes + STREAM_PRE + 1, text, n);
	p->len = n + 1;
	stream_queue_output(s, p);
}

void stream_finish(struct stream *s, cJSON *takes_status)
{
	auto_json cJSON *status = takes_status;

	if (status)
		queue_status(s, status);
	pthread_mutex_lock(&s->lock);
	s->finished = true;
	queue_empty(&s->input);
	if (s->wake)
		s->wake(s->wake_arg);
	pthread_mutex_unlock(&s->lock);
}
