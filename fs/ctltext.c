/* Control files that are a text, there at once; and what stat says of all of them. */
#include "fs/box.h"
#include "fs/command.h"
#include "fs/ctlfile.h"
#include "fs/defaults.h"
#include "fs/handle.h"
#include "fs/jobs.h"
#include "fs/mountfile.h"
#include "fs/ops.h"

#include <cjson/cJSON.h>

#define STATUS_MAX (16 * 1024)
#define INO_BASE   16
#define INO_RUNS   (1ull << 40) /* as a device number: none is that large */

const char *const ctl_names[CTL_COUNT] = {
	[CTL_CMD] = "cmd",
	[CTL_STDIN] = "stdin",
	[CTL_STDOUT] = "stdout",
	[CTL_STDERR] = "stderr",
	[CTL_STATUS] = "status",
	[CTL_EXIT] = "exit",
	[CTL_CTL] = "ctl",
	[CTL_CWD] = "cwd",
	[CTL_ENV] = "env",
	[CTL_POD] = "pod.json",
	[CTL_LOG] = "log",
	[CTL_EVENTS] = "events",
	[CTL_NEW] = "new",
	[CTL_MOUNT] = MOUNTFILE_NAME,
};

bool ctl_exists(const struct box *b, enum ctl_kind kind)
{
	return !b->local || (kind != CTL_POD && kind != CTL_LOG && kind != CTL_EVENTS);
}

struct node *ctl_node(struct fs *fs, struct node *parent, enum ctl_kind kind, unsigned run)
{
	struct node *n = node_make(&fs->nodes, parent, ctl_names[kind], NODE_CTL, parent->box);

	if (n->ctl != kind) /* once, when it is new: it is read without the lock */
		n->ctl = kind;
	if (n->run != run)
		n->run = run;
	return n;
}

struct job *ctl_job(struct box *b, unsigned run)
{
	return run ? jobs_find(b->jobs, run) : jobs_newest(b->jobs);
}

/* --- texts ----------------------------------------------------------------- */

static void add_quoted(struct buf *ret, const char *text)
{
	cJSON *value = cJSON_CreateString(text);
	char *quoted = value ? cJSON_PrintUnformatted(value) : NULL;

	buf_str(ret, quoted ? quoted : "\"\"");
	cJSON_free(quoted);
	cJSON_Delete(value);
}

static void describe(struct box *b, struct job *j, struct buf *ret)
{
	int down = atomic_load(&b->down);
	auto_buf why = BUF_INIT(4096);

	buf_char(ret, '{');
	job_describe(j, ret);
	buf_printf(ret, ",\"sandbox\":\"%s\"",
		down == -ESTALE            ? "gone"
		: down == 0                ? "running"
		: atomic_load(&b->pending) ? "pending"
					   : "not running");
	box_why_not(b, &why);
	if (why.len) {
		buf_str(ret, ",\"why\":");
		add_quoted(ret, buf_text(&why));
	}
	buf_printf(
		ret, ",\"ops\":%lu,\"runs_now\":%u", atomic_load(&b->ops), jobs_running(b->jobs));
	pthread_mutex_lock(&b->session_lock);
	if (b->session) {
		buf_char(ret, ',');
		session_describe(b->session, ret);
	}
	pthread_mutex_unlock(&b->session_lock);
	buf_str(ret, "}\n");
}

static void print_cwd(struct box *b, struct buf *ret)
{
	auto_free char *cwd = jobs_cwd(b->jobs);

	if (cwd)
		buf_printf(ret, "%s\n", cwd);
}

static void print_env(struct box *b, struct buf *ret)
{
	char **env = jobs_env(b->jobs);

	env_print(env, ret);
	env_free(env);
}

int ctl_text(struct fs *fs, struct box *b, enum ctl_kind kind, struct job *j, struct buf *ret)
{
	switch (kind) {
	case CTL_STATUS:
		describe(b, j, ret);
		break;
	case CTL_POD:
		pthread_mutex_lock(&fs->lock);
		buf_str(ret, b->pod_json ? b->pod_json : "{}\n");
		pthread_mutex_unlock(&fs->lock);
		break;
	case CTL_CMD:
		if (j)
			job_script(j, ret);
		break;
	case CTL_CTL:
		buf_str(ret, command_help());
		break;
	case CTL_CWD:
		print_cwd(b, ret);
		break;
	case CTL_ENV:
		print_env(b, ret);
		break;
	case CTL_MOUNT:
		mountfile_print(fs, ret);
		break;
	default:
		break;
	}
	return buf_check(ret);
}

/* --- stat ------------------------------------------------------------------ */

static uint64_t size_of_run(struct job *j, enum ctl_kind kind, int64_t *ms)
{
	auto_buf text = BUF_INIT(64);

	if (!j)
		return 0;
	*ms = job_started_ms(j);
	if (kind == CTL_STDOUT || kind == CTL_STDERR)
		return job_size(j, kind == CTL_STDOUT ? 1 : 2, ms);
	if (kind == CTL_EXIT)
		return job_exit_text(j, &text) == 0 ? text.len : 0;
	return kind == CTL_CMD ? job_script_size(j) : 0;
}

/* What needs no fs->lock, which may be held. */
static uint64_t size_of(struct fs *fs, struct node *n, struct job *j, int64_t *ms)
{
	auto_buf text = BUF_INIT(DEFAULTS_TEXT_MAX * 2);

	if (n->ctl == CTL_POD)
		return atomic_load(&n->box->pod_json_n);
	if (n->ctl != CTL_STATUS && n->ctl != CTL_CTL && n->ctl != CTL_CWD && n->ctl != CTL_ENV &&
		n->ctl != CTL_MOUNT)
		return size_of_run(j, n->ctl, ms);
	if (j && n->run)
		*ms = job_started_ms(j);
	return ctl_text(fs, n->box, n->ctl, j, &text) == 0 ? text.len : 0;
}

bool ctl_grows(struct fs *fs, struct node *n)
{
	int stream = n->ctl == CTL_STDOUT ? 1 : n->ctl == CTL_STDERR ? 2 : 0;
	struct job *j;
	bool grows;

	if (!stream && n->ctl != CTL_EXIT)
		return n->ctl == CTL_LOG || n->ctl == CTL_EVENTS;
	j = ctl_job(n->box, n->run);
	grows = j && !output_ended(job_output(j, stream));
	job_unref(j);
	return grows;
}

static uint64_t ino_of(const struct box *b, unsigned run, enum ctl_kind kind)
{
	return attr_ino(b, run ? INO_RUNS + run : 0, INO_BASE + kind);
}

int ctl_stat(struct fs *fs, struct node *n, struct stat *ret)
{
	static const mode_t modes[CTL_COUNT] = {
		[CTL_CMD] = 0600,
		[CTL_STDIN] = 0200,
		[CTL_CTL] = 0600,
		[CTL_CWD] = 0600,
		[CTL_ENV] = 0600,
		[CTL_NEW] = 0600,
		[CTL_MOUNT] = 0400,
	};
	mode_t mode = modes[n->ctl] ? modes[n->ctl] : 0444;
	int64_t ms = n->box ? n->box->since_wall_ms : fs->started_wall_ms;
	struct job *j = n->box ? ctl_job(n->box, n->run) : NULL;
	uint64_t size;

	if (n->run && !j)
		return -ENOENT;
	if (n->run && n->ctl == CTL_CMD)
		mode = 0400;
	size = size_of(fs, n, j, &ms);
	job_unref(j);
	*ret = (struct stat){
		.st_ino = ino_of(n->box, n->run, n->ctl),
		.st_mode = S_IFREG | mode,
		.st_nlink = 1,
		.st_uid = getuid(),
		.st_gid = getgid(),
		.st_size = (off_t)size,
		.st_blocks = (blkcnt_t)((size + 511) / 512),
		.st_blksize = 4096,
		.st_mtim = { ms / 1000, ms % 1000 * 1000000 },
		.st_ctim = { ms / 1000, ms % 1000 * 1000000 },
		.st_atim = { ms / 1000, ms % 1000 * 1000000 },
	};
	return 0;
}
