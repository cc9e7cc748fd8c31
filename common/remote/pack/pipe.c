#include "common/remote/pack/pipe.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/lock.h"
#include "common/remote/pack/block.h"
#include "common/remote/pack/packed.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#define BLOCK_BYTES (1024 * 1024)
#define BLOCK_ROOM  (BLOCK_BYTES + PACK_HEAD + PACK_FRAME_MAX)
#define OUT_BYTES   (1024 * 1024)
#define PIPE_BYTES  (1024 * 1024) /* what anybody may have */
#define OUT_SOON    (64 * 1024)   /* so much is worth a write */
#define ACK_EACH    (PACK_WINDOW / 8)
#define ACK_FRAME   (PACK_HEAD + 8)

/* Whole, checked frames, one after the other. */
struct span {
	struct pack_block *block;
	size_t at, end;
};

struct outbytes {
	uint8_t *data;
	size_t len;
};

struct pack_pipe {
	int in, out;
	int stop; /* eventfd: the threads are to end */
	pthread_t reader, writer;
	struct stock stock;

	struct span now;   /* the user's: what pack_pipe_next takes from */
	uint64_t released; /* atomic; bytes of frames that the user is done with */

	/* The writer's. */
	uint8_t *packed; /* room for a PACKED frame; NULL: all goes as it is */
	uint64_t packs;

	pthread_mutex_t lock;     /* all below */
	pthread_cond_t wake;      /* the users: there are at most a few who wait */
	pthread_cond_t work_came; /* the writer */
	int dead;
	int ended; /* nothing more comes; what was asked for can still be said */
	bool stopping;
	struct span *spans; /* a ring */
	size_t first, count, cap;
	uint64_t received;          /* bytes that the peer may have credit for */
	uint64_t told;              /* of released */
	uint64_t sent, acked;       /* against the peer's credit */
	uint64_t seq;               /* of the next frame that goes */
	struct outbytes fill, work; /* gathered; being written */
	bool writing, reserved, flush;
};

/* --- the end ------------------------------------------------------------------------ */

static void die(struct pack_pipe *p, int rc)
{
	scoped_lock(&p->lock);
	if (!p->dead)
		p->dead = rc;
	pthread_cond_broadcast(&p->wake);
	pthread_cond_signal(&p->work_came);
}

static void end(struct pack_pipe *p)
{
	scoped_lock(&p->lock);
	p->ended = -EPIPE;
	pthread_cond_broadcast(&p->wake);
}

void pack_pipe_break(struct pack_pipe *p, int rc)
{
	uint64_t one = 1;

	die(p, rc);
	if (write(p->stop, &one, sizeof(one)) < 0)
		return;
}

/* lock held */
static int over(const struct pack_pipe *p)
{
	return p->dead ? p->dead : p->ended;
}

int pack_pipe_dead(struct pack_pipe *p)
{
	scoped_lock(&p->lock);
	return over(p);
}

/* Until fd is ready: 0; -ECANCELED: stop; -ETIMEDOUT. */
static int await(struct pack_pipe *p, int fd, short events, int ms)
{
	struct pollfd fds[] = { { fd, events, 0 }, { p->stop, POLLIN, 0 } };
	int n;

	do
		n = poll(fds, 2, ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (fds[1].revents)
		return -ECANCELED;
	return n ? 0 : -ETIMEDOUT;
}

/* --- what comes ----------------------------------------------------------------------- */

static void push_span(struct pack_pipe *p, struct pack_block *b, size_t at, size_t end)
{
	if (p->count == p->cap) {
		struct span *more = xcalloc(p->cap * 2, sizeof(*more));

		for (size_t i = 0; i < p->count; i++)
			more[i] = p->spans[(p->first + i) % p->cap];
		free(p->spans);
		p->spans = more;
		p->first = 0;
		p->cap *= 2;
	}
	p->spans[(p->first + p->count++) % p->cap] = (struct span){ block_ref(b), at, end };
}

/* The reader's own. */
struct intake {
	struct pack_block *block;
	size_t parsed, filled;
	uint64_t seq, packs; /* of the next frame, of the next PACKED one */
};

static int take_ack(struct pack_pipe *p, const uint8_t *payload, size_t n)
{
	struct reader r = reader_of(payload, n);
	uint64_t total = reader_u64(&r);

	scoped_lock(&p->lock);
	if (reader_end(&r) < 0 || total < p->acked || total > p->sent)
		return -EBADMSG;
	p->acked = total;
	pthread_cond_broadcast(&p->wake);
	return 0;
}

static int pass_on(
	struct pack_pipe *p, struct pack_block *b, size_t at, size_t end, uint64_t counted)
{
	scoped_lock(&p->lock);
	p->received += counted;
	if (p->received - __atomic_load_n(&p->released, __ATOMIC_RELAXED) > PACK_WINDOW)
		return -EBADMSG;
	push_span(p, b, at, end);
	pthread_cond_broadcast(&p->wake);
	return 0;
}

/* Whole frames, none of them PACKED. */
static int take_run(
	struct pack_pipe *p, struct intake *in, struct pack_block *b, size_t from, size_t end)
{
	uint64_t counted = 0;

	for (size_t at = from; at < end;) {
		const uint8_t *frame = b->data + at;
		size_t n = (size_t)pack_frame_whole(frame, end - at);

		if (pack_head_check(frame, n, in->seq++) < 0)
			return -EBADMSG;
		if (frame[4] == PACK_ACK && take_ack(p, frame + PACK_HEAD, n - PACK_HEAD) < 0)
			return -EBADMSG;
		counted += pack_counts(frame[4]) ? n : 0;
		at += n;
	}
	return counted ? pass_on(p, b, from, end, counted) : 0;
}

static int take_packed(struct pack_pipe *p, struct intake *in, const uint8_t *frame, size_t n)
{
	const uint8_t *payload = frame + PACK_HEAD;
	ssize_t size = packed_size(payload, n - PACK_HEAD);
	struct pack_block *b;
	int rc;

	if (size < 0 || pack_head_check(frame, n, in->packs++) < 0)
		return -EBADMSG;
	b = block_new((size_t)size);
	rc = packed_take(payload, n - PACK_HEAD, b->data);
	if (rc == 0)
		rc = take_run(p, in, b, 0, (size_t)size);
	block_unref(b);
	return rc;
}

/* The whole frames among what has come. */
static int take_frames(struct pack_pipe *p, struct intake *in)
{
	for (;;) {
		size_t from = in->parsed;
		const uint8_t *frame;
		ssize_t n;
		int rc;

		for (;;) {
			frame = in->block->data + in->parsed;
			n = pack_frame_whole(frame, in->filled - in->parsed);
			if (n <= 0 || frame[4] == PACK_PACKED)
				break;
			in->parsed += (size_t)n;
		}
		rc = n < 0 ? -EBADMSG : take_run(p, in, in->block, from, in->parsed);
		if (rc < 0 || n == 0)
			return rc;
		rc = take_packed(p, in, frame, (size_t)n);
		if (rc < 0)
			return rc;
		in->parsed += (size_t)n;
	}
}

/* There must be room for a whole frame behind what is parsed. */
static void make_room(struct pack_pipe *p, struct intake *in)
{
	struct pack_block *fresh;

	if (in->parsed <= BLOCK_BYTES)
		return;
	fresh = stock_take(&p->stock);
	memcpy(fresh->data, in->block->data + in->parsed, in->filled - in->parsed);
	block_unref(in->block);
	in->block = fresh;
	in->filled -= in->parsed;
	in->parsed = 0;
}

static int read_some(struct pack_pipe *p, struct intake *in)
{
	size_t room = BLOCK_ROOM - in->filled;
	ssize_t n;
	int rc;

	for (;;) {
		n = read(p->in, in->block->data + in->filled, room);
		if (n > 0)
			break;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return -EPIPE;
		rc = await(p, p->in, POLLIN, PACK_SILENCE_MS);
		if (rc < 0)
			return rc;
	}
	in->filled += (size_t)n;
	return 0;
}

static void *read_all(void *arg)
{
	struct pack_pipe *p = arg;
	struct intake in = { .block = stock_take(&p->stock) };
	int rc;

	do {
		make_room(p, &in);
		rc = read_some(p, &in);
		if (rc == 0)
			rc = take_frames(p, &in);
	} while (rc == 0);
	block_unref(in.block);
	if (rc == -EPIPE)
		end(p);
	else
		die(p, rc);
	return NULL;
}

/* lock held. What was gathered goes to the writer, if it has nothing. */
static void hand_over(struct pack_pipe *p)
{
	struct outbytes empty = p->work;

	if (p->writing || p->reserved || !p->fill.len)
		return;
	p->work = p->fill;
	p->fill = empty;
	p->fill.len = 0;
	p->writing = true;
	p->flush = false;
	pthread_cond_signal(&p->work_came);
}

static int next_span(struct pack_pipe *p, bool wait)
{
	scoped_lock(&p->lock);
	while (!p->count) {
		if (over(p))
			return over(p);
		if (!wait)
			return 0;
		p->flush = true;
		hand_over(p);
		pthread_cond_wait(&p->wake, &p->lock);
	}
	p->now = p->spans[p->first];
	p->first = (p->first + 1) % p->cap;
	p->count--;
	return 1;
}

int pack_pipe_next(struct pack_pipe *p, bool wait, struct pack_frame *ret)
{
	for (;;) {
		const uint8_t *frame;
		size_t n;

		if (p->now.at == p->now.end) {
			int rc;

			block_unref(take_ptr(p->now.block));
			p->now.at = p->now.end = 0;
			rc = next_span(p, wait);
			if (rc <= 0)
				return rc;
		}
		frame = p->now.block->data + p->now.at;
		n = (size_t)pack_frame_whole(frame, p->now.end - p->now.at);
		p->now.at += n;
		if (!pack_counts(frame[4]))
			continue;
		*ret = (struct pack_frame){ frame[4], frame + PACK_HEAD, n - PACK_HEAD,
			block_ref(p->now.block) };
		return 1;
	}
}

/* --- what goes ------------------------------------------------------------------------- */

/* lock held, room is there, the payload stands in its place. */
static void append(struct pack_pipe *p, uint8_t type, size_t n)
{
	uint8_t *head = p->fill.data + p->fill.len;

	pack_head_put(head, type, head + PACK_HEAD, n, p->seq++);
	p->fill.len += PACK_HEAD + n;
	if (pack_counts(type))
		p->sent += PACK_HEAD + n;
	if (p->fill.len >= OUT_SOON || p->flush)
		hand_over(p);
}

static bool has_room(const struct pack_pipe *p, size_t n)
{
	return !p->reserved &&
	       p->fill.len + PACK_HEAD + n <= OUT_BYTES + PACK_HEAD + PACK_FRAME_MAX;
}

static bool has_credit(const struct pack_pipe *p, size_t n)
{
	return p->sent + PACK_HEAD + n - p->acked <= PACK_WINDOW;
}

void pack_pipe_release(struct pack_pipe *p, const struct pack_frame *f)
{
	uint64_t all = __atomic_add_fetch(&p->released, PACK_HEAD + f->n, __ATOMIC_RELAXED);
	scoped_lock(&p->lock);

	block_unref(f->block);
	if (all < p->told + ACK_EACH || p->dead || p->reserved)
		return;
	/* there always is room for this: who sends leaves a frame's (has_room) */
	p->told = all;
	for (int i = 0; i < 8; i++)
		p->fill.data[p->fill.len + PACK_HEAD + i] = (uint8_t)(all >> (56 - 8 * i));
	p->flush = true;
	append(p, PACK_ACK, 8);
}

/* lock held. Until n bytes may be said: 0; 1: or, if it is asked for, a frame has come; else why not. */
static int await_room(struct pack_pipe *p, size_t n, bool or_frame)
{
	while (!p->dead && !(has_room(p, n) && has_credit(p, n))) {
		if (or_frame && (p->count || p->now.at < p->now.end))
			return 1;
		if (p->ended)
			return p->ended;
		p->flush = true;
		hand_over(p);
		pthread_cond_wait(&p->wake, &p->lock);
	}
	return p->dead;
}

int pack_pipe_send(struct pack_pipe *p, uint8_t type, const void *bytes, size_t n)
{
	int rc;

	scoped_lock(&p->lock);
	rc = await_room(p, n, false);
	if (rc < 0)
		return rc;
	if (n)
		memcpy(p->fill.data + p->fill.len + PACK_HEAD, bytes, n);
	append(p, type, n);
	return 0;
}

int pack_pipe_room(struct pack_pipe *p, size_t max, uint8_t **ret)
{
	int rc;

	scoped_lock(&p->lock);
	*ret = NULL;
	rc = await_room(p, max, true);
	if (rc)
		return rc < 0 ? rc : 0;
	p->reserved = true;
	*ret = p->fill.data + p->fill.len + PACK_HEAD;
	return 0;
}

void pack_pipe_commit(struct pack_pipe *p, uint8_t type, size_t n)
{
	scoped_lock(&p->lock);
	p->reserved = false;
	if (type)
		append(p, type, n);
	/* nobody else waits for the room: a wake for each small file would cost more than the file */
	if (p->flush)
		hand_over(p);
}

void pack_pipe_flush(struct pack_pipe *p)
{
	scoped_lock(&p->lock);
	p->flush = true;
	hand_over(p);
}

int pack_pipe_drain(struct pack_pipe *p)
{
	scoped_lock(&p->lock);
	while (!p->dead && (p->fill.len || p->writing)) {
		p->flush = true;
		hand_over(p);
		pthread_cond_wait(&p->wake, &p->lock);
	}
	return p->dead;
}

static int put_bytes(struct pack_pipe *p, const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = write(p->out, bytes + at, len - at);
		int rc;

		if (n > 0) {
			at += (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -EPIPE;
		rc = await(p, p->out, POLLOUT, PACK_SILENCE_MS);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What shrinks goes PACKED, what is between as it is. */
static int write_work(struct pack_pipe *p)
{
	const uint8_t *all = p->work.data;
	size_t at = 0, bare = 0;
	int rc = 0;

	while (p->packed && at < p->work.len && rc == 0) {
		size_t n = packed_piece(all + at, p->work.len - at);
		size_t packed = packed_make(all + at, n, p->packs, p->packed);

		if (packed) {
			p->packs++;
			rc = put_bytes(p, all + bare, at - bare);
			if (rc == 0)
				rc = put_bytes(p, p->packed, packed);
			bare = at + n;
		}
		at += n;
	}
	return rc < 0 ? rc : put_bytes(p, all + bare, p->work.len - bare);
}

/* lock held. Nothing was said for a while. */
static void beat(struct pack_pipe *p)
{
	if (has_room(p, 0) && !p->writing) {
		p->flush = true;
		append(p, PACK_BEAT, 0);
	}
}

/* lock held. false: it is over. */
static bool await_work(struct pack_pipe *p)
{
	struct timespec until = deadline_timespec(deadline_after(PACK_BEAT_MS));

	while (!p->writing && !p->dead && !p->stopping) {
		if (p->flush)
			hand_over(p);
		if (p->writing)
			break;
		if (pthread_cond_timedwait(&p->work_came, &p->lock, &until) == ETIMEDOUT) {
			beat(p);
			until = deadline_timespec(deadline_after(PACK_BEAT_MS));
		}
	}
	return p->writing;
}

static void *write_all(void *arg)
{
	struct pack_pipe *p = arg;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while (rc == 0 && await_work(p)) {
		pthread_mutex_unlock(&p->lock);
		rc = write_work(p);
		pthread_mutex_lock(&p->lock);
		p->work.len = 0;
		p->writing = false;
		if (p->flush || p->fill.len >= OUT_SOON)
			hand_over(p);
		pthread_cond_broadcast(&p->wake);
	}
	pthread_mutex_unlock(&p->lock);
	if (rc < 0)
		die(p, rc);
	return NULL;
}

/* --- life ---------------------------------------------------------------------------- */

static void pipe_free(struct pack_pipe *p)
{
	block_unref(p->now.block);
	for (; p->count; p->count--) {
		block_unref(p->spans[p->first].block);
		p->first = (p->first + 1) % p->cap;
	}
	stock_fini(&p->stock);
	close_at(&p->stop);
	free(p->spans);
	free(p->packed);
	free(p->fill.data);
	free(p->work.data);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	pthread_cond_destroy(&p->work_came);
	free(p);
}

int pack_pipe_open(int in, int out, bool packs, struct pack_pipe **ret)
{
	struct pack_pipe *p = xcalloc(1, sizeof(*p));
	size_t cap = OUT_BYTES + 2 * (PACK_HEAD + PACK_FRAME_MAX) + ACK_FRAME;

	p->in = in;
	p->out = out;
	p->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	stock_init(&p->stock, BLOCK_ROOM);
	p->cap = 16;
	p->spans = xcalloc(p->cap, sizeof(*p->spans));
	/* fewer turns for who writes it and who reads it; what is no pipe refuses */
	fcntl(in, F_SETPIPE_SZ, PIPE_BYTES);
	fcntl(out, F_SETPIPE_SZ, PIPE_BYTES);
	p->packed = packs ? xmalloc(PACK_HEAD + PACK_FRAME_MAX) : NULL;
	p->fill.data = xmalloc(cap);
	p->work.data = xmalloc(cap);
	lock_init(&p->lock);
	clock_cond_init(&p->wake);
	clock_cond_init(&p->work_came);
	if (p->stop < 0 || io_nonblock(in) < 0 || io_nonblock(out) < 0 ||
		pthread_create(&p->writer, NULL, write_all, p)) {
		pipe_free(p);
		return -EAGAIN;
	}
	if (pthread_create(&p->reader, NULL, read_all, p)) {
		pack_pipe_break(p, -EAGAIN);
		pthread_join(p->writer, NULL);
		pipe_free(p);
		return -EAGAIN;
	}
	*ret = p;
	return 0;
}

void pack_pipe_close(struct pack_pipe *p)
{
	if (!p)
		return;
	{
		scoped_lock(&p->lock);
		p->stopping = true;
	}
	pack_pipe_break(p, -ECANCELED);
	pthread_join(p->reader, NULL);
	pthread_join(p->writer, NULL);
	pipe_free(p);
}
