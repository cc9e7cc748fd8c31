#include "fs/fs.h"

#include "common/base/clock.h"
#include "common/base/lock.h"
#include "common/kube/net.h"
#include "common/kube/rest.h"
#include "fs/dircache.h"
#include "fs/notify.h"
#include "fs/op.h"

int fs_init(struct fs *fs, const struct options *opt)
{
	int rc;

	*fs = (struct fs){ .opt = opt, .started_wall_ms = clock_wall_ms() };
	fs->listed.most = LISTED_BYTES_MAX;
	lock_init(&fs->lock);
	nodes_init(&fs->nodes);
	gate_init(&fs->gate, CONNECTS_MAX);
	pool_init(&fs->pool, (uint64_t)opt->spool_total_mib * 1024 * 1024);
	rc = op_table_open(&fs->ops);
	return rc < 0 ? rc : notifier_open(fs, &fs->notifier);
}

void fs_fini(struct fs *fs)
{
	notifier_close(fs->notifier);
	op_table_close(fs->ops);
	net_close(fs->net);
	kube_close(fs->kube);
	pool_fini(&fs->pool);
	gate_fini(&fs->gate);
	pthread_mutex_destroy(&fs->lock);
}

void fs_counters(struct fs *fs, struct buf *ret)
{
	struct counters *c = &fs->count;

	buf_printf(ret, "{\"ops\":%lu,\"requests\":%lu,\"answered\":%lu,\"failed\":%lu",
		atomic_load(&c->ops), atomic_load(&c->sent), atomic_load(&c->answered),
		atomic_load(&c->failed));
	buf_printf(ret, ",\"timed_out\":%lu,\"interrupted\":%lu,\"lists\":%lu,\"runs\":%lu",
		atomic_load(&c->timed_out), atomic_load(&c->interrupted), atomic_load(&c->lists),
		atomic_load(&c->runs));
	buf_printf(ret, ",\"bytes_read\":%lu,\"bytes_written\":%lu,\"slowest_ms\":%ld",
		atomic_load(&c->bytes_read), atomic_load(&c->bytes_written),
		atomic_load(&c->slowest_ms));
	buf_printf(ret, ",\"told\":%lu", atomic_load(&c->told));
	buf_printf(ret, ",\"lists_ahead\":%lu,\"peeks\":%lu,\"peeks_used\":%lu",
		atomic_load(&c->lists_ahead), atomic_load(&c->peeks), atomic_load(&c->peeks_used));
	pthread_mutex_lock(&fs->lock);
	buf_printf(ret, ",\"nodes\":%zu,\"listed\":%zu,\"ahead_bytes\":%zu,\"peek_bytes\":%zu}",
		atomic_load(&fs->nodes.count), atomic_load(&fs->listed_items),
		atomic_load(&fs->ahead_bytes), atomic_load(&fs->peek_bytes));
	pthread_mutex_unlock(&fs->lock);
}
