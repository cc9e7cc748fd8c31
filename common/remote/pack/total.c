#include "common/remote/pack/total.h"

#include "common/remote/pack/exclude.h"

#include <fcntl.h>
#include <pthread.h>

struct total {
	struct pack_sys *sys;
	struct pack_list paths;
	const struct pack_list *excludes;
	pthread_t thread;
	bool stop, known; /* atomic */
	bool told;
	struct pack_count count;
	struct buf path;
};

static void count(struct total *t, int dir, const char *name, int depth);

static void count_in(struct total *t, int fd, int depth)
{
	struct pack_names names = { 0 };

	t->sys->list(t->sys, fd, &names);
	for (size_t i = 0; i < names.count; i++) {
		size_t was = t->path.len;

		if (was)
			buf_char(&t->path, '/');
		buf_str(&t->path, names.at[i].name);
		count(t, fd, names.at[i].name, depth);
		buf_trim(&t->path, was);
	}
	pack_names_fini(&names);
}

static void count(struct total *t, int dir, const char *name, int depth)
{
	struct stat st;
	int fd;

	if (__atomic_load_n(&t->stop, __ATOMIC_RELAXED) || depth > PACK_DEPTH_MAX ||
		t->sys->stat(t->sys, dir, name, false, &st) < 0)
		return;
	if (t->path.len && pack_excluded(t->excludes, buf_text(&t->path), S_ISDIR(st.st_mode)))
		return;
	if (!S_ISDIR(st.st_mode)) {
		t->count.entries++;
		t->count.bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
		return;
	}
	fd = t->sys->open(t->sys, dir, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return;
	count_in(t, fd, depth + 1);
	t->sys->close(t->sys, fd);
}

static void *count_all(void *arg)
{
	struct total *t = arg;

	for (size_t i = 0; i < t->paths.count; i++) {
		buf_reset(&t->path);
		count(t, -1, t->paths.at[i], 0);
	}
	__atomic_store_n(&t->known, true, __ATOMIC_RELEASE);
	return NULL;
}

static void total_free(struct total *t)
{
	for (size_t i = 0; i < t->paths.count; i++)
		free(t->paths.at[i]);
	free(t->paths.at);
	buf_fini(&t->path);
	free(t);
}

struct total *total_open(
	struct pack_sys *sys, struct pack_list *paths, const struct pack_list *excludes)
{
	struct total *t = xcalloc(1, sizeof(*t));

	*t = (struct total){
		.sys = sys, .paths = *paths, .excludes = excludes, .path = BUF_INIT(PACK_PATH_MAX)
	};
	*paths = (struct pack_list){ 0 };
	if (pthread_create(&t->thread, NULL, count_all, t)) {
		total_free(t);
		return NULL;
	}
	return t;
}

void total_close(struct total *t)
{
	if (!t)
		return;
	__atomic_store_n(&t->stop, true, __ATOMIC_RELAXED);
	pthread_join(t->thread, NULL);
	total_free(t);
}

bool total_known(struct total *t, struct pack_count *ret)
{
	if (!t || t->told || !__atomic_load_n(&t->known, __ATOMIC_ACQUIRE))
		return false;
	t->told = true;
	*ret = t->count;
	ret->failures = 1; /* final */
	return true;
}
