#include "fs/ctledit.h"

#include "fs/defaults.h"
#include "fs/jobs.h"

#include <fcntl.h>

struct ctl_edit {
	struct buf text;
	bool append, changed;
};

struct ctl_edit *ctl_edit_new(const struct buf *text, int flags)
{
	struct ctl_edit *e = xcalloc(1, sizeof(*e));

	buf_init(&e->text, DEFAULTS_TEXT_MAX);
	e->append = flags & O_APPEND;
	e->changed = flags & O_TRUNC;
	if (!e->changed)
		buf_add(&e->text, buf_text(text), text->len);
	return e;
}

void ctl_edit_free(struct ctl_edit *e)
{
	if (!e)
		return;
	buf_fini(&e->text);
	free(e);
}

/* As a file, but that it has no holes. */
int ctl_edit_write(struct ctl_edit *e, const char *bytes, size_t n, uint64_t offset)
{
	size_t at = e->append || offset > e->text.len ? e->text.len : (size_t)offset;
	size_t over = at + n > e->text.len ? at + n - e->text.len : 0;

	if (n > DEFAULTS_TEXT_MAX || (over && !buf_room(&e->text, over))) {
		e->text.bad = false;
		return -EFBIG;
	}
	if (n == 0)
		return 0;
	buf_grew(&e->text, over);
	memcpy(e->text.data + at, bytes, n);
	e->changed = true;
	return 0;
}

void ctl_edit_truncate(struct ctl_edit *e, size_t n)
{
	if (n < e->text.len)
		buf_trim(&e->text, n);
	e->changed = true;
}

const char *ctl_edit_text(const struct ctl_edit *e)
{
	return buf_text(&e->text);
}

int ctl_edit_apply(struct ctl_edit *e, enum ctl_kind kind, struct jobs *js)
{
	char *cwd = NULL, **env = NULL;
	int rc;

	if (!e->changed)
		return 0;
	e->changed = false;
	if (kind == CTL_CWD)
		rc = cwd_parse(buf_text(&e->text), e->text.len, &cwd);
	else
		rc = env_parse(buf_text(&e->text), e->text.len, &env);
	if (rc < 0)
		return rc;
	if (kind == CTL_CWD)
		jobs_set_cwd(js, cwd);
	else
		jobs_set_env(js, env);
	return 0;
}

void ctl_edit_clear(enum ctl_kind kind, struct jobs *js)
{
	if (kind == CTL_CWD)
		jobs_set_cwd(js, NULL);
	else
		jobs_set_env(js, NULL);
}
