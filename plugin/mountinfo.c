#include "plugin/mountinfo.h"

#include "common/base/io.h"
#include "common/base/path.h"

#include <errno.h>

#define MOUNTINFO_MAX (16 * 1024 * 1024)
#define FIELD_DIR                                                                                  \
	4 /* proc(5): id parent major:minor root DIR options [optional]... - TYPE SOURCE */
#define FIELDS_MAX 64

static bool octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The kernel writes space, tab, newline and backslash as \ooo. */
static char *unescape(const char *at, size_t n)
{
	char *ret = xmalloc(n + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (at[i] == '\\' && n - i > 3 && octal(at[i + 1]) && octal(at[i + 2]) &&
			octal(at[i + 3])) {
			ret[len++] = (char)((at[i + 1] - '0') * 64 + (at[i + 2] - '0') * 8 +
					    at[i + 3] - '0');
			i += 3;
			continue;
		}
		ret[len++] = at[i];
	}
	ret[len] = '\0';
	return ret;
}

struct field {
	const char *at;
	size_t n;
};

static size_t split(const char *line, size_t n, struct field *ret)
{
	size_t count = 0;

	while (n && count < FIELDS_MAX) {
		size_t len = 0;

		while (len < n && line[len] != ' ')
			len++;
		ret[count++] = (struct field){ line, len };
		n -= len + (len < n);
		line += len + 1;
	}
	return count;
}

static bool is(const struct field *f, const char *word)
{
	return f->n == strlen(word) && !memcmp(f->at, word, f->n);
}

static void parse_line(const char *line, size_t n, struct mounts *ret)
{
	struct field f[FIELDS_MAX];
	size_t count = split(line, n, f);
	size_t dash = FIELD_DIR + 2;

	while (dash < count && !is(&f[dash], "-"))
		dash++;
	if (dash + 2 >= count || !is(&f[dash + 1], MOUNT_TYPE))
		return;
	ret->at = xrealloc(ret->at, (ret->count + 1) * sizeof(*ret->at));
	ret->at[ret->count++] = (struct mount){
		unescape(f[FIELD_DIR].at, f[FIELD_DIR].n),
		unescape(f[dash + 2].at, f[dash + 2].n),
	};
}

void mounts_parse(const char *text, struct mounts *ret)
{
	*ret = (struct mounts){ 0 };
	while (*text) {
		size_t n = strcspn(text, "\n");

		parse_line(text, n, ret);
		text += n + (text[n] == '\n');
	}
}

int mounts_read(struct mounts *ret, struct err *err)
{
	auto_buf text = BUF_INIT(MOUNTINFO_MAX);
	int rc = io_read_file("/proc/self/mountinfo", &text);

	if (rc < 0)
		return err_set(err, rc, "cannot read /proc/self/mountinfo: %s", strerror(-rc));
	mounts_parse(buf_text(&text), ret);
	return 0;
}

void mounts_fini(struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->at[i].dir);
		free(m->at[i].source);
	}
	free(m->at);
	*m = (struct mounts){ 0 };
}

bool mounts_has(const struct mounts *m, const char *dir)
{
	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->at[i].dir, dir))
			return true;
	return false;
}

char *mount_resolve(const char *dir)
{
	auto_free char *plain = xstrdup(dir);
	auto_free char *parent = NULL, *real = NULL;
	auto_buf path = BUF_INIT(64 * 1024);
	size_t n = strlen(plain);
	const char *base;
	char *whole = realpath(dir, NULL);

	if (whole || (errno != ENOTCONN && errno != EIO && errno != EACCES && errno != ESTALE))
		return whole;
	while (n > 1 && plain[n - 1] == '/')
		plain[--n] = '\0';
	base = path_base(plain);
	parent = base == plain ? xstrdup(".") : xstrndup(plain, (size_t)(base - plain));
	real = realpath(parent, NULL);
	if (!real)
		return NULL;
	path_join(&path, real, base);
	return buf_steal(&path);
}
