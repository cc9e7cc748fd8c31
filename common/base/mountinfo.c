#include "common/base/mountinfo.h"

#include "common/base/io.h"
#include "common/base/path.h"

#include <errno.h>
#include <sys/sysmacros.h>

#define MOUNTINFO_MAX (16 * 1024 * 1024)
/* proc(5): id parent major:minor root DIR options [optional]... - TYPE SOURCE OPTIONS */
#define FIELD_DEV  2
#define FIELD_DIR  4
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

/* user_id= of "rw,user_id=0,group_id=0" */
static long owner(const struct field *options)
{
	static const char key[] = "user_id=";
	const char *at = options->at, *end = at + options->n;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));

		if ((size_t)(end - at) > strlen(key) && !memcmp(at, key, strlen(key)))
			return strtol(at + strlen(key), NULL, 10);
		at = comma ? comma + 1 : end;
	}
	return -1;
}

/* 0:45 */
static dev_t device(const struct field *f)
{
	char *colon;
	unsigned long major = strtoul(f->at, &colon, 10);

	return makedev(major, *colon == ':' ? strtoul(colon + 1, NULL, 10) : 0);
}

/* What is mounted over one of them hides it. */
static void cover(struct mounts *ret, const char *dir)
{
	for (size_t i = 0; i < ret->count; i++)
		if (!strcmp(ret->at[i].dir, dir))
			ret->at[i].covered = true;
}

static void parse_line(const char *line, size_t n, const char *type, struct mounts *ret)
{
	auto_free char *dir = NULL;
	struct field f[FIELDS_MAX];
	size_t count = split(line, n, f);
	size_t dash = FIELD_DIR + 2;

	while (dash < count && !is(&f[dash], "-"))
		dash++;
	if (dash + 2 >= count)
		return;
	dir = unescape(f[FIELD_DIR].at, f[FIELD_DIR].n);
	cover(ret, dir);
	if (!is(&f[dash + 1], type))
		return;
	ret->at = xrealloc(ret->at, (ret->count + 1) * sizeof(*ret->at));
	ret->at[ret->count++] = (struct mount){
		.dir = take_ptr(dir),
		.source = unescape(f[dash + 2].at, f[dash + 2].n),
		.uid = dash + 3 < count ? owner(&f[dash + 3]) : -1,
		.dev = device(&f[FIELD_DEV]),
	};
}

void mounts_parse(const char *text, const char *type, struct mounts *ret)
{
	*ret = (struct mounts){ 0 };
	while (*text) {
		size_t n = strcspn(text, "\n");

		parse_line(text, n, type, ret);
		text += n + (text[n] == '\n');
	}
}

int mounts_read(const char *type, struct mounts *ret, struct err *err)
{
	auto_buf text = BUF_INIT(MOUNTINFO_MAX);
	int rc = io_read_file("/proc/self/mountinfo", &text);

	if (rc < 0)
		return err_set(err, rc, "cannot read /proc/self/mountinfo: %s", strerror(-rc));
	mounts_parse(buf_text(&text), type, ret);
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

const struct mount *mounts_at(const struct mounts *m, const char *dir)
{
	for (size_t i = m->count; i-- > 0;)
		if (!strcmp(m->at[i].dir, dir))
			return &m->at[i];
	return NULL;
}

bool mounts_has(const struct mounts *m, const char *dir)
{
	return mounts_at(m, dir);
}

bool mounts_has_dev(const struct mounts *m, dev_t dev)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->at[i].dev == dev)
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
