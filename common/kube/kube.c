#include "common/kube/kube.h"
#include "common/base/clock.h"

#include <sys/eventfd.h>
#include <sys/random.h>

#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 10000

int kube_open(struct kube_target *t, struct kube **ret, struct err *err)
{
	struct kube *k = xcalloc(1, sizeof(*k));
	int rc;

	k->target = t;
	k->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = k->wake_fd < 0
		     ? err_set(err, -errno, "cannot make an event descriptor: %s", strerror(errno))
		     : http_open(t, &k->http);
	if (rc < 0) {
		kube_close(k);
		return rc;
	}
	*ret = k;
	return 0;
}

void kube_close(struct kube *k)
{
	if (!k)
		return;
	http_close(k->http);
	if (k->wake_fd >= 0)
		close(k->wake_fd);
	kube_target_free(k->target);
	free(k);
}

const struct kube_target *kube_target(const struct kube *k)
{
	return k->target;
}

void kube_interrupt(struct kube *k)
{
	uint64_t one = 1;
	int saved = errno;
	ssize_t ignored;

	__atomic_store_n(&k->interrupted, true, __ATOMIC_RELEASE);
	ignored = write(
		k->wake_fd, &one, sizeof(one)); /* full means readable, which is all it is for */
	(void)ignored;
	errno = saved;
}

void kube_resume(struct kube *k)
{
	uint64_t count;
	ssize_t ignored;

	__atomic_store_n(&k->interrupted, false, __ATOMIC_RELEASE);
	ignored = read(k->wake_fd, &count, sizeof(count));
	(void)ignored;
}

int64_t kube_ahead_ms(const struct kube *k)
{
	return http_ahead_ms(k->http);
}

int64_t kube_wall_ms(const struct kube *k)
{
	return clock_wall_ms() + kube_ahead_ms(k);
}

void kube_on_warning(struct kube *k, kube_warning *fn, void *arg)
{
	k->warning = fn;
	k->warning_arg = arg;
}

struct halt kube_halt(const struct kube *k, const volatile bool *stop)
{
	return (struct halt){ .flag = { &k->interrupted, stop }, .fd = { k->wake_fd, -1 } };
}

/* Half of the wait is chance, so that the clients of a restarted server don't come all at once. */
int backoff_next(struct backoff *b)
{
	uint64_t chance = 0;

	b->next_ms = b->next_ms ? b->next_ms * 2 : BACKOFF_MIN_MS;
	if (b->next_ms > BACKOFF_MAX_MS)
		b->next_ms = BACKOFF_MAX_MS;
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = (uint64_t)clock_now_ms();
	return b->next_ms / 2 + (int)(chance % (uint64_t)(b->next_ms / 2 + 1));
}
