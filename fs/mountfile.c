#include "fs/mountfile.h"

#include "common/kube/json.h"
#include "common/kube/rest.h"
#include "fs/fs.h"
#include "fs/oplog.h"

static bool is_plain(const struct options *o)
{
	for (size_t i = 0; i < o->pod_count; i++)
		if (o->containers[i])
			return false;
	return o->local_count == 0;
}

static unsigned long under_way(struct counters *c)
{
	unsigned long over = atomic_load(&c->answered) + atomic_load(&c->failed) +
			     atomic_load(&c->timed_out); /* first: sent only grows */

	return atomic_load(&c->sent) - over;
}

/* About: a node and what it hangs on, an item of a listing with its name. */
#define NODE_BYTES 600
#define ITEM_BYTES 250

static double cache_bytes(struct fs *fs)
{
	return (double)atomic_load(&fs->nodes.count) * NODE_BYTES +
	       (double)atomic_load(&fs->listed_items) * ITEM_BYTES +
	       (double)atomic_load(&fs->ahead_bytes) + (double)atomic_load(&fs->peek_bytes);
}

void mountfile_print(struct fs *fs, struct buf *ret)
{
	const struct kube_target *t = fs->kube ? kube_target(fs->kube) : NULL;
	cJSON *o = cJSON_CreateObject();
	char who[65] = "", *text;

	if (t)
		kube_target_fingerprint(t, who);
	cJSON_AddNumberToObject(o, "mount", 1);
	cJSON_AddStringToObject(o, "server", t ? t->server : "");
	cJSON_AddStringToObject(o, "who", who);
	if (fs->opt->all_namespaces)
		cJSON_AddNullToObject(o, "namespace");
	else
		cJSON_AddStringToObject(o, "namespace", t ? t->ns : "");
	/* each folder is a Pod, seen in the container that is its own when none is named */
	cJSON_AddBoolToObject(o, "plain", is_plain(fs->opt));
	cJSON_AddNumberToObject(o, "pid", getpid());
	cJSON_AddStringToObject(o, "version", SBX_VERSION);
	/* no fs_counters: fs->lock may be held, for the size */
	cJSON_AddNumberToObject(o, "ops", (double)atomic_load(&fs->count.ops));
	cJSON_AddNumberToObject(o, "requests", (double)atomic_load(&fs->count.sent));
	cJSON_AddNumberToObject(o, "under_way", (double)under_way(&fs->count));
	cJSON_AddNumberToObject(o, "lists", (double)atomic_load(&fs->count.lists));
	cJSON_AddNumberToObject(o, "lists_ahead", (double)atomic_load(&fs->count.lists_ahead));
	cJSON_AddNumberToObject(o, "peeks", (double)atomic_load(&fs->count.peeks));
	cJSON_AddNumberToObject(o, "peeks_used", (double)atomic_load(&fs->count.peeks_used));
	cJSON_AddNumberToObject(o, "peek_bytes", (double)atomic_load(&fs->peek_bytes));
	cJSON_AddNumberToObject(o, "cache_bytes", cache_bytes(fs));
	cJSON_AddNumberToObject(o, "spool_bytes", (double)atomic_load(&fs->pool.held));
	if (fs->oplog)
		cJSON_AddNumberToObject(o, "oplog_dropped", (double)oplog_dropped(fs->oplog));
	text = cJSON_PrintUnformatted(o);
	if (text)
		buf_printf(ret, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(o);
}
