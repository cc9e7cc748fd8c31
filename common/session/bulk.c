#include "common/session/bulk.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/session/priv.h"

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS (5 * 60 * 1000)

void bulk_init(struct bulk *b)
{
	*b = (struct bulk){ 0 };
	link_stop_init(&b->stop);
}

void bulk_fini(struct bulk *b)
{
	link_stop_fini(&b->stop);
}

static bool is_able(const struct link *l)
{
	return remote_info(l->remote)->ops[OP_WHERE];
}

struct link *bulk_wanted(struct session *s)
{
	struct bulk *b = &s->bulk;

	if (!s->link || s->closing || s->spec.one_stream)
		return NULL;
	if (b->link)
		return remote_dead(b->link->remote) ? NULL : b->link;
	if (b->epoch != s->epoch)
		b->useless = !is_able(s->link);
	b->epoch = s->epoch;
	if (b->useless || b->attempt || b->wanted || !deadline_passed(b->retry_at_ms))
		return NULL;
	b->wanted = true;
	pthread_cond_broadcast(&s->wake);
	return NULL;
}

void bulk_files(struct session *s, struct link *l, int by)
{
	if (s->bulk.link != l)
		return;
	s->bulk.files += (unsigned)by;
	if (s->bulk.files)
		return;
	s->bulk.idle_ms = clock_now_ms();
	pthread_cond_broadcast(&s->wake);
}

static void back_off(struct bulk *b)
{
	b->backoff_ms = b->backoff_ms ? 2 * b->backoff_ms : BACKOFF_MIN_MS;
	if (b->backoff_ms > BACKOFF_MAX_MS)
		b->backoff_ms = BACKOFF_MAX_MS;
	b->retry_at_ms = clock_now_ms() + b->backoff_ms;
}

static void let_go(struct session *s)
{
	struct link *l = take_ptr(s->bulk.link);

	s->bulk.files = 0;
	session_bury(s, l);
}

bool bulk_lose(struct session *s, struct link *l)
{
	struct bulk *b = &s->bulk;

	if (!l || b->link != l)
		return false;
	b->lost++;
	back_off(b);
	let_go(s);
	return true;
}

static void on_death(void *arg, int rc)
{
	struct link *l = arg;

	session_lose(l->session, l, rc);
}

/* What came of it is of use to nobody any more: a new first stream, or none. */
static bool too_late(const struct session *s, const struct attempt *a)
{
	return s->closing || s->down_rc || !s->link || s->epoch != a->epoch;
}

static void tell_why(struct session *s, const struct attempt *a)
{
	char more[SELDOM_BYTES];
	unsigned left_out;

	if (seldom_may(&s->bulk.log, clock_now_ms(), &left_out))
		log_info("%s/%s: no second stream for bulk data, one carries all: %s%s", s->ns,
			s->pod, err_text(&a->err, a->rc), seldom_more(left_out, more));
}

static void adopt(struct session *s, struct attempt *a)
{
	struct bulk *b = &s->bulk;
	struct link *l = a->link;

	b->last_rc = a->rc;
	if (a->rc < 0) {
		b->last_err = a->err;
		back_off(b);
		tell_why(s, a);
		return;
	}
	s->links++;
	l->session = s;
	l->epoch = a->epoch;
	l->bulk = true;
	if (too_late(s, a) || !is_able(l)) {
		b->useless = b->useless || !is_able(l);
		session_bury(s, l);
		return;
	}
	b->opened++;
	b->backoff_ms = 0;
	b->link = l;
	b->files = 0;
	b->idle_ms = clock_now_ms();
	l->refs++;
}

static void end_attempt(struct session *s)
{
	struct attempt *a = take_ptr(s->bulk.attempt);
	bool ours;

	adopt(s, a);
	ours = a->link && s->bulk.link == a->link;
	pthread_mutex_unlock(&s->lock);
	pthread_join(a->thread, NULL);
	if (ours) {
		remote_on_death(a->link->remote, on_death, a->link);
		session_unref_link(s, a->link);
	}
	free(a);
	pthread_mutex_lock(&s->lock);
}

static bool is_idle(const struct bulk *b)
{
	return b->link && !b->files && deadline_passed(b->idle_ms + BULK_IDLE_MS);
}

bool bulk_turn(struct session *s)
{
	struct bulk *b = &s->bulk;

	if (b->attempt && b->attempt->over) {
		end_attempt(s);
		return true;
	}
	if (is_idle(b)) {
		let_go(s);
		return true;
	}
	if (b->wanted && !b->attempt) {
		b->wanted = false;
		if (s->link && !s->closing)
			b->attempt = session_attempt(s, &b->stop);
	}
	return false;
}

int64_t bulk_due_ms(const struct session *s)
{
	const struct bulk *b = &s->bulk;

	return b->link && !b->files ? b->idle_ms + BULK_IDLE_MS : INT64_MAX;
}

void bulk_describe(const struct session *s, struct buf *ret)
{
	const struct bulk *b = &s->bulk;

	if (!b->link && !b->opened && !b->last_rc)
		return;
	buf_printf(ret, ",\"bulk\":%s,\"bulk_files\":%u,\"bulk_opened\":%u,\"bulk_lost\":%u",
		b->link ? "true" : "false", b->files, b->opened, b->lost);
	if (b->link || !b->last_rc)
		return;
	buf_str(ret, ",\"bulk_why\":\"");
	session_put_json(ret, err_text(&b->last_err, b->last_rc));
	buf_char(ret, '"');
}
