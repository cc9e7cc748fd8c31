#include "common/remote/info.h"

#include "common/base/wire.h"
#include "common/remote/codec.h"
#include "common/remote/fields.h"

#include <limits.h>

static const char start[] = "hello sbx ";

bool info_starts(const char *line, size_t n)
{
	return n >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

static int number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	int rc = parse_u64(text, UINT64_MAX, ret);

	if (rc < 0 || *ret < min)
		return -EBADMSG;
	if (*ret > max)
		*ret = max;
	return 0;
}

static int set_max(struct info *info, const char *value)
{
	return number(value, 4096, PROTO_PIECE_MAX, &info->said.max);
}

static int set_body(struct info *info, const char *value)
{
	info->body_text = strcmp(value, "text") == 0;
	return info->body_text || strcmp(value, "raw") == 0 ? 0 : -EBADMSG;
}

static int set_calls(struct info *info, const char *value)
{
	uint64_t n;

	if (number(value, 1, INFO_CALLS_MAX, &n) < 0)
		return -EBADMSG;
	info->said.calls = (uint32_t)n;
	return 0;
}

static int set_ops(struct info *info, const char *value)
{
	while (*value) {
		size_t n = strcspn(value, ",");
		enum remote_op op = op_find(value, n);

		if (op < OP_COUNT)
			info->said.ops[op] = true;
		value += n + (value[n] == ',');
	}
	return 0;
}

static int id(const char *value, uint32_t max, uint32_t *ret)
{
	uint64_t n;

	if (parse_u64(value, max, &n) < 0)
		return -EBADMSG;
	*ret = (uint32_t)n;
	return 0;
}

static int set_uid(struct info *info, const char *value)
{
	return id(value, UINT32_MAX, &info->said.uid);
}

static int set_gid(struct info *info, const char *value)
{
	return id(value, UINT32_MAX, &info->said.gid);
}

/* Without NUL: it becomes a C string. */
static int text(const char *value, char **ret)
{
	auto_buf b = BUF_INIT(PATH_MAX);

	if (text_unescape(&b, value, strlen(value)) < 0 || memchr(buf_text(&b), '\0', b.len))
		return -EBADMSG;
	free(*ret);
	*ret = buf_steal(&b);
	return 0;
}

static int set_cwd(struct info *info, const char *value)
{
	return text(value, &info->cwd);
}

static int set_why(struct info *info, const char *value)
{
	return text(value, &info->why);
}

static int set_kept(struct info *info, const char *value)
{
	return id(value, PROTO_KEPT_ID_MAX, &info->said.kept);
}

static int set_terminal(struct info *info, const char *value)
{
	info->said.terminals = strcmp(value, "1") == 0;
	return info->said.terminals || strcmp(value, "0") == 0 ? 0 : -EBADMSG;
}

static const struct {
	const char *key;
	int (*set)(struct info *info, const char *value);
} keys[] = {
	{ "max", set_max },
	{ "body", set_body },
	{ "calls", set_calls },
	{ "ops", set_ops },
	{ "uid", set_uid },
	{ "gid", set_gid },
	{ "cwd", set_cwd },
	{ "why", set_why },
	{ "kept", set_kept },
	{ "terminal", set_terminal },
};

/* KEY=VALUE; a key that is not known here is passed over. */
static int take_pair(struct info *info, const char *word, size_t n)
{
	auto_free char *key = xstrndup(word, n);
	char *value = strchr(key, '=');

	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(keys[i].key, key) == 0)
			return keys[i].set(info, value);
	}
	return 0;
}

static const char *kind_of(const char *word, size_t n)
{
	if (word && n == 2 && memcmp(word, "sh", 2) == 0)
		return "sh";
	return word && n == 6 && memcmp(word, "static", 6) == 0 ? "static" : NULL;
}

static int take_all(struct info *info, struct fields *f)
{
	size_t n;
	const char *word = fields_word(f, &n);

	info->said.kind = kind_of(word, n);
	if (!info->said.kind)
		return -EBADMSG;
	while (fields_left(f)) {
		word = fields_word(f, &n);
		if (!word || take_pair(info, word, n) < 0)
			return -EBADMSG;
	}
	return fields_end(f) < 0 || !info->said.max ? -EBADMSG : 0;
}

int info_parse(const char *line, size_t n, struct info *ret, struct err *err)
{
	auto_with(info_fini) struct info info = { .said = { .calls = 1 } };
	struct fields f;
	uint64_t version;

	if (!info_starts(line, n) || memchr(line, '\0', n))
		return err_set(err, -EBADMSG, "the sandbox's agent did not say hello");
	f = fields_of(line + strlen(start), n - strlen(start));
	version = fields_u64(&f, UINT32_MAX);
	if (!f.bad && version != PROTO_VERSION)
		return err_set(err, -EPROTONOSUPPORT,
			"the sandbox's agent speaks version %ju of the protocol, not %d",
			(uintmax_t)version, PROTO_VERSION);
	if (f.bad || take_all(&info, &f) < 0)
		return err_set(err, -EBADMSG, "the sandbox's agent said a hello that is malformed");
	if (!info.cwd)
		info.cwd = xstrdup("/");
	if (!info.why)
		info.why = xstrdup("");
	info.said.cwd = info.cwd;
	info.said.why = info.why;
	*ret = info;
	info = (struct info){ 0 };
	return 0;
}

void info_fini(struct info *info)
{
	if (!info)
		return;
	free(info->cwd);
	free(info->why);
	*info = (struct info){ 0 };
}
