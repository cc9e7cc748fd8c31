#include "fs/jobspriv.h"

#include "fs/box.h"
#include "fs/defaults.h"

#include <limits.h>

struct jobs *jobs_new(void)
{
	struct jobs *js = xcalloc(1, sizeof(*js));

	js->refs = 1;
	pthread_mutex_init(&js->lock, NULL);
	return js;
}

struct jobs *jobs_ref(struct jobs *js)
{
	atomic_fetch_add(&js->refs, 1);
	return js;
}

void jobs_unref(struct jobs *js)
{
	struct jobs_item *item, *next;

	if (!js || atomic_fetch_sub(&js->refs, 1) > 1)
		return;
	HASH_ITER(hh, js->items, item, next)
	jobs_drop(js, item);
	job_unref(js->newest);
	pthread_mutex_destroy(&js->lock);
	free(js->cwd);
	env_free(js->env);
	free(js);
}

struct job *jobs_newest(struct jobs *js)
{
	scoped_lock(&js->lock);
	return js->newest ? job_ref(js->newest) : NULL;
}

struct job *jobs_find(struct jobs *js, unsigned number)
{
	struct jobs_item *item;

	scoped_lock(&js->lock);
	HASH_FIND_INT(js->items, &number, item);
	return item ? job_ref(item->job) : NULL;
}

bool jobs_put(struct jobs *js, struct job *j, unsigned number)
{
	struct jobs_item *item;

	if (HASH_COUNT(js->items) >= JOBS_MAX)
		return false;
	item = xcalloc(1, sizeof(*item));
	item->number = number;
	item->job = job_ref(j);
	job_set_number(j, number);
	HASH_ADD_INT(js->items, number, item);
	if (number > js->highest)
		js->highest = number;
	return true;
}

void jobs_drop(struct jobs *js, struct jobs_item *item)
{
	HASH_DEL(js->items, item);
	job_unref(item->job);
	free(item);
}

/* The highest id that the sandbox keeps, as it said when the line was opened; 0: no line. */
static unsigned kept_there(struct box *b)
{
	struct session *session;
	struct session_far far = { 0 };

	if (box_session(b, &session) < 0 || session_far(session, &far) < 0)
		return 0;
	return far.kept;
}

struct job *jobs_make(struct box *b)
{
	unsigned kept = kept_there(b);
	struct jobs *js = b->jobs;
	struct job *j = job_new(b->fs);

	scoped_lock(&js->lock);
	if (jobs_put(js, j, (kept > js->highest ? kept : js->highest) + 1))
		return j;
	job_unref(j);
	return NULL;
}

static int by_number(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? -1 : x > y;
}

unsigned *jobs_numbers(struct jobs *js, size_t *ret_n)
{
	struct jobs_item *item, *next;
	unsigned *numbers;
	size_t n = 0;

	pthread_mutex_lock(&js->lock);
	numbers = xcalloc(HASH_COUNT(js->items) + 1, sizeof(*numbers));
	HASH_ITER(hh, js->items, item, next)
	numbers[n++] = item->number;
	pthread_mutex_unlock(&js->lock);
	qsort(numbers, n, sizeof(*numbers), by_number);
	*ret_n = n;
	return numbers;
}

unsigned jobs_running(struct jobs *js)
{
	struct jobs_item *item, *next;
	unsigned n = 0;

	scoped_lock(&js->lock);
	HASH_ITER(hh, js->items, item, next)
	n += !job_is_new(item->job) && !job_is_over(item->job);
	return n;
}

void jobs_started(struct jobs *js, struct job *j)
{
	struct job *old;

	pthread_mutex_lock(&js->lock);
	old = js->newest;
	js->newest = job_ref(j);
	pthread_mutex_unlock(&js->lock);
	job_unref(old);
}

/* lock held. Of those left the one that was started last. */
static struct job *find_newest(struct jobs *js)
{
	struct jobs_item *item, *next;
	struct job *newest = NULL;

	HASH_ITER(hh, js->items, item, next)
	{
		if (job_was_started_here(item->job) &&
			(!newest || job_started_ms(item->job) >= job_started_ms(newest)))
			newest = item->job;
	}
	return newest ? job_ref(newest) : NULL;
}

void jobs_remove(struct jobs *js, struct job *j)
{
	unsigned number = job_number(j);
	struct jobs_item *item;
	struct job *old = NULL;

	pthread_mutex_lock(&js->lock);
	HASH_FIND_INT(js->items, &number, item);
	if (item && item->job == j)
		jobs_drop(js, item);
	if (js->newest == j) {
		old = j;
		js->newest = find_newest(js);
	}
	pthread_mutex_unlock(&js->lock);
	job_unref(old);
}

/* lock held. Counts those that may go; the oldest of them, with a reference. */
static struct job *oldest(struct jobs *js, unsigned *ret_count)
{
	struct jobs_item *item, *next;
	struct job *found = NULL;

	*ret_count = 0;
	HASH_ITER(hh, js->items, item, next)
	{
		if (!job_is_over(item->job) || !job_is_held(item->job))
			continue;
		++*ret_count;
		if (!job_is_open(item->job) && (!found || item->number < job_number(found)))
			found = item->job;
	}
	return found ? job_ref(found) : NULL;
}

void jobs_trim(struct jobs *js, struct fs *fs)
{
	unsigned count = UINT_MAX, max = fs->opt->runs_max;

	while (count > max) {
		struct job *j;

		pthread_mutex_lock(&js->lock);
		j = oldest(js, &count);
		pthread_mutex_unlock(&js->lock);
		if (j && count > max)
			jobs_remove(js, j);
		job_unref(j);
		if (!j)
			return;
	}
}

char *jobs_cwd(struct jobs *js)
{
	scoped_lock(&js->lock);
	return xstrdup(js->cwd);
}

char **jobs_env(struct jobs *js)
{
	scoped_lock(&js->lock);
	return env_copy(js->env);
}

void jobs_set_cwd(struct jobs *js, char *cwd)
{
	scoped_lock(&js->lock);
	free(js->cwd);
	js->cwd = cwd;
}

void jobs_set_env(struct jobs *js, char **env)
{
	scoped_lock(&js->lock);
	env_free(js->env);
	js->env = env;
}
