/* runs/ and runs/N: the folders of the runs. */
#include "fs/box.h"
#include "fs/handle.h"
#include "fs/jobs.h"
#include "fs/ops.h"

#define NEW_NAME   "new"
#define DIGITS_MAX 9
#define INO_RUNS   3 /* among the sandbox's own folders; see ops_top.c */
#define INO_RUN    (1ull << 41)

/* As it is listed: no signs, no zero in front. 0: it is not a number. */
static unsigned number_of(const char *name)
{
	size_t n = strspn(name, "0123456789");

	if (n == 0 || n > DIGITS_MAX || name[n] || name[0] == '0')
		return 0;
	return (unsigned)strtoul(name, NULL, 10);
}

static struct node *child_of_run(struct fs *fs, struct node *parent, const char *name)
{
	struct job *j = jobs_find(parent->box->jobs, parent->run);
	struct node *n = NULL;

	for (enum ctl_kind kind = 0; j && kind < CTL_RUN_COUNT; kind++)
		if (strcmp(name, ctl_names[kind]) == 0 && !job_hides(j, kind))
			n = ctl_node(fs, parent, kind, parent->run);
	job_unref(j);
	return n;
}

struct node *runs_child(struct fs *fs, struct node *parent, const char *name)
{
	unsigned number = number_of(name);
	struct job *j;
	struct node *n;

	if (parent->kind == NODE_RUN)
		return child_of_run(fs, parent, name);
	if (strcmp(name, NEW_NAME) == 0)
		return ctl_node(fs, parent, CTL_NEW, 0);
	j = number ? jobs_find(parent->box->jobs, number) : NULL;
	if (!j)
		return NULL;
	job_unref(j);
	n = node_make(&fs->nodes, parent, name, NODE_RUN, parent->box);
	if (n->run != number)
		n->run = number;
	return n;
}

bool runs_stat(const struct node *n, struct stat *ret)
{
	struct box *b = n->box;
	struct job *j = NULL;
	int64_t ms = b->since_wall_ms;

	if (n->kind == NODE_RUN) {
		j = jobs_find(b->jobs, n->run);
		if (!j)
			return false;
		ms = job_started_ms(j);
		job_unref(j);
	}
	*ret = (struct stat){
		.st_ino = n->run ? attr_ino(b, INO_RUN, n->run) : attr_ino(b, 0, INO_RUNS),
		.st_mode = S_IFDIR | 0755,
		.st_nlink = 2,
		.st_uid = getuid(),
		.st_gid = getgid(),
		.st_blksize = 4096,
		.st_mtim = { ms / 1000, ms % 1000 * 1000000 },
		.st_ctim = { ms / 1000, ms % 1000 * 1000000 },
		.st_atim = { ms / 1000, ms % 1000 * 1000000 },
	};
	return true;
}

/* --- looking ---------------------------------------------------------------- */

static void looked(struct op *op, int rc)
{
	top_lookup(op);
}

/* A number that is not known here may be that of a run which the sandbox keeps. */
void runs_lookup(struct op *op)
{
	unsigned number = number_of(op->name);
	struct job *j = number ? jobs_find(op->box->jobs, number) : NULL;

	if (number && !j)
		jobs_refresh(op, BOX_TTL_MS, looked);
	else
		top_lookup(op);
	job_unref(j);
}

/* fs->lock held */
static void list_runs(struct handle *h, struct box *b)
{
	size_t n;
	auto_free unsigned *numbers = jobs_numbers(b->jobs, &n);
	char name[16];

	top_add_name(h, NEW_NAME);
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%u", numbers[i]);
		top_add_name(h, name);
	}
}

static void opened(struct op *op, int rc)
{
	struct fs *fs = op->fs;
	struct handle *h;

	pthread_mutex_lock(&fs->lock);
	h = handle_new(op->node);
	if (op->node->kind == NODE_RUNS)
		list_runs(h, op->box);
	for (enum ctl_kind kind = 0; op->node->kind == NODE_RUN && kind < CTL_RUN_COUNT; kind++)
		top_add_name(h, ctl_names[kind]);
	pthread_mutex_unlock(&fs->lock);
	op->fi.fh = (uintptr_t)h;
	if (!op_reply_open(op))
		handle_unref_unlocked(fs, h);
}

void runs_opendir(struct op *op)
{
	if (op->node->kind == NODE_RUNS)
		jobs_refresh(op, 0, opened); /* who lists them sees those that began just now */
	else
		opened(op, 0);
}

/* --- removing --------------------------------------------------------------- */

void runs_unlink(struct op *op)
{
	struct job *j = op->node->kind == NODE_RUN ? jobs_find(op->box->jobs, op->node->run) : NULL;
	enum ctl_kind kind = 0;
	int rc = 0;

	while (kind < CTL_RUN_COUNT && strcmp(op->name, ctl_names[kind]) != 0)
		kind++;
	if (op->node->kind == NODE_RUNS)
		rc = number_of(op->name) ? -EISDIR : -EPERM;
	else if (!j || kind == CTL_RUN_COUNT)
		rc = -ENOENT;
	else if (!job_is_over(j))
		rc = -EBUSY;
	else
		job_hide(j, kind); /* rm -r: the folder goes next */
	job_unref(j);
	op_reply_err(op, rc);
}

static void forget(struct op *op)
{
	struct job *j = jobs_find(op->box->jobs, number_of(op->name));
	struct node *n;

	if (j)
		jobs_remove(op->box->jobs, j);
	job_unref(j);
	pthread_mutex_lock(&op->fs->lock);
	n = node_child(&op->fs->nodes, op->node, op->name);
	if (n)
		node_detach(&op->fs->nodes, n);
	pthread_mutex_unlock(&op->fs->lock);
	op_reply_err(op, 0);
}

static void forgotten(struct op *op, struct remote_reply *reply)
{
	if (reply->rc < 0 && reply->rc != -ENOENT)
		op_reply_err(op, reply->rc);
	else
		forget(op);
}

/* A kept one is forgotten in the sandbox first: else it would be here again. */
void runs_rmdir(struct op *op)
{
	struct remote_request rq = { .op = OP_FORGET };
	unsigned number = op->node->kind == NODE_RUNS ? number_of(op->name) : 0;
	struct job *j = number ? jobs_find(op->box->jobs, number) : NULL;
	bool over = j && job_is_over(j);
	uint32_t kept = j ? job_kept(j) : 0;

	job_unref(j);
	if (!j)
		op_reply_err(op, op->node->kind == NODE_RUN ? -ENOTDIR : -ENOENT);
	else if (!over)
		op_reply_err(op, -EBUSY);
	else if (kept && atomic_load(&op->box->down) == 0) {
		rq.handle = kept;
		op_send(op, &rq, forgotten);
	} else
		forget(op);
}
