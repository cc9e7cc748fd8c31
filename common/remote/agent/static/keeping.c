#include "common/remote/agent/static/keeping.h"

#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/kept.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/proto.h"
#include "common/remote/text.h"

#include <fcntl.h>
#include <signal.h>

static int find(struct job *j, struct kept_dir *ret)
{
	if (!j->num[0] || j->num[0] > PROTO_KEPT_ID_MAX)
		return -ENOENT;
	return kept_find(&j->agent->world, (uint32_t)j->num[0], ret);
}

static int higher(void *arg, const struct kept_dir *d)
{
	uint32_t *highest = arg;

	if (d->id > *highest)
		*highest = d->id;
	return 0;
}

uint32_t keeping_highest(const struct world *w)
{
	uint32_t highest = 0;

	kept_each(w, higher, &highest);
	return highest;
}

static int read_script(const struct kept_dir *d, struct buf *ret, size_t max)
{
	int fd = kept_open(d, "script", O_RDONLY);
	char *at;
	ssize_t n;

	if (fd < 0)
		return fd;
	at = buf_room(ret, max);
	n = at ? pread(fd, at, max, 0) : -1;
	close(fd);
	if (n < 0)
		return -EIO;
	buf_grew(ret, (size_t)n);
	return 0;
}

static void put_script(struct buf *to, const struct kept_dir *d)
{
	auto_buf script = BUF_INIT(PROTO_KEPT_SCRIPT);

	put_words(to, (const uint64_t[]){ kept_size(d, "script") }, 1);
	buf_char(to, ' ');
	read_script(d, &script, PROTO_KEPT_SCRIPT);
	text_escape(to, script.data, script.len);
	buf_char(to, '\n');
}

static int put_run(void *arg, const struct kept_dir *d)
{
	struct job *j = arg;
	struct buf *to = &j->content;
	struct kept_about about;
	struct kept_end end;
	uint64_t start[2];

	kept_state(d, &about, &end);
	kept_start(d, start);
	put_u64(to, d->id);
	buf_char(to, ' ');
	buf_str(to, kept_state_name(end.state));
	put_words(to,
		(const uint64_t[]){ end.code, about.pid, about.started, end.ms, end.out[0],
			end.out[1], start[0], start[1], end.dropped[0], end.dropped[1],
			about.terminal },
		11);
	put_script(to, d);
	j->num[0]++;
	return 0;
}

int keeping_runs(struct job *j)
{
	j->num[0] = 0;
	kept_each(&j->agent->world, put_run, j);
	put_words(&j->fields, &j->num[0], 1);
	return 0;
}

int keeping_script(struct job *j)
{
	struct kept_dir d;
	uint64_t n;
	int rc = find(j, &d);

	if (rc == 0)
		rc = read_script(&d, &j->content, PROTO_SCRIPT_MAX);
	n = j->content.len;
	put_words(&j->fields, &n, 1);
	return rc;
}

int keeping_signal(struct job *j)
{
	int sig = signal_number(j->word[0]);
	struct kept_about about;
	struct kept_end end;
	struct kept_dir d;
	int rc = find(j, &d);

	if (rc < 0)
		return rc;
	if (!sig)
		return -EINVAL;
	kept_state(&d, &about, &end);
	if (end.state != KEPT_RUNNING || !process_is(about.pid, about.pid_start))
		return -ESRCH;
	/* A shell's may not lead its group yet, or never does. */
	if (kill(-(pid_t)about.pid, sig) == 0)
		return 0;
	return kill((pid_t)about.pid, sig) < 0 ? -errno : 0;
}

int keeping_forget(struct job *j)
{
	struct kept_end end;
	struct kept_dir d;
	int rc = find(j, &d);

	if (rc < 0)
		return rc;
	kept_state(&d, NULL, &end);
	if (end.state == KEPT_RUNNING)
		return -EBUSY;
	kept_remove(&d);
	return kept_find(&j->agent->world, d.id, &d) == 0 ? -EIO : 0;
}

/* What is there from its beginning on is no hole any more. */
static int put_start(const struct kept_dir *d, int k)
{
	auto_buf b = BUF_INIT(64);
	uint64_t start[2];

	kept_start(d, start);
	start[k] = 0;
	put_u64(&b, start[0]);
	buf_char(&b, ' ');
	put_u64(&b, start[1]);
	buf_char(&b, '\n');
	return kept_write(d, "start", &b);
}

/* Where the next piece of this output begins: 0 when none has come; the oldest is forgotten for it. */
static struct keeping_past_at *past_of(struct agent *a, uint32_t id, int k)
{
	struct keeping_past_at *p = a->past_at;
	size_t i = 0;

	while (i < KEEPING_PAST_AT - 1 && p[i].id && (p[i].id != id || p[i].k != k))
		i++;
	if (p[i].id == id && p[i].k == k)
		return &p[i];
	memmove(p + 1, p, i * sizeof(*p));
	p[0] = (struct keeping_past_at){ .id = id, .k = k };
	return &p[0];
}

/* It comes in order from 0, so the piece that ends where the hole does is the last. */
static int put_past(struct job *j, const struct kept_dir *d, int k)
{
	struct keeping_past_at *at = past_of(j->agent, d->id, k);
	auto_close int fd = -1;
	uint64_t start[2];

	kept_start(d, start);
	if (j->num[1] > start[k] || j->body_n > start[k] - j->num[1])
		return -EINVAL;
	if (j->num[1] && j->num[1] != at->next)
		return -EINVAL;
	if (!j->body_n)
		return 0;
	fd = kept_open(d, k ? "err" : "out", O_WRONLY);
	if (fd < 0)
		return fd;
	if (pwrite(fd, j->body, j->body_n, (off_t)j->num[1]) != (ssize_t)j->body_n)
		return -ENOSPC;
	at->next = j->num[1] + j->body_n;
	return j->num[1] + j->body_n == start[k] ? put_start(d, k) : 0;
}

int keeping_past(struct job *j)
{
	char letter = j->word[0][0];
	struct kept_dir d;
	int rc = find(j, &d);

	if ((letter != 'o' && letter != 'e') || j->word[0][1])
		return -EINVAL;
	if (rc < 0)
		return rc;
	return put_past(j, &d, letter == 'e');
}
