#include "common/kube/kubeconfig.h"
#include "common/base/io.h"
#include "common/base/path.h"
#include "common/base/base64.h"
#include "common/kube/json.h"
#include "common/kube/yaml.h"

#include <pwd.h>

#define ENTRIES_MAX 10000 /* each new name is compared with all */

static const struct {
	const char *list, *one;
} kinds[] = {
	[KUBECONFIG_CLUSTER] = { "clusters", "cluster" },
	[KUBECONFIG_USER] = { "users", "user" },
	[KUBECONFIG_CONTEXT] = { "contexts", "context" },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

struct source {
	struct source *next;
	char *file, *dir;
	cJSON *tree;
};

struct kubeconfig {
	struct source *sources;
	struct kubeconfig_entry *entries; /* in the sequence of the files */
	size_t count;
	char *current;
	struct buf files;
};

/* Tokens and keys should not stay behind in freed memory. */
static void wipe(cJSON *item)
{
	for (cJSON *at = item ? item->child : NULL; at; at = at->next)
		wipe(at);
	if (item && item->valuestring)
		explicit_bzero(item->valuestring, strlen(item->valuestring));
}

void kubeconfig_free(struct kubeconfig *k)
{
	if (!k)
		return;
	while (k->sources) {
		struct source *s = k->sources;

		k->sources = s->next;
		wipe(s->tree);
		cJSON_Delete(s->tree);
		free(s->file);
		free(s->dir);
		free(s);
	}
	for (size_t i = 0; i < k->count; i++)
		free(k->entries[i].name);
	free(k->entries);
	free(k->current);
	buf_fini(&k->files);
	free(k);
}

static void kubeconfig_at_fini(struct kubeconfig **at)
{
	kubeconfig_free(*at);
}

/* --- merging --------------------------------------------------------------- */

const struct kubeconfig_entry *kubeconfig_find(
	const struct kubeconfig *k, enum kubeconfig_kind kind, const char *name)
{
	for (size_t i = 0; i < k->count; i++) {
		if (k->entries[i].kind == kind && strcmp(k->entries[i].name, name) == 0)
			return &k->entries[i];
	}
	return NULL;
}

static int add_entry(struct kubeconfig *k, const struct source *s, enum kubeconfig_kind kind,
	const cJSON *item, struct err *err)
{
	const char *name = yaml_text(json_member(item, "name")), *one = kinds[kind].one;
	const struct kubeconfig_entry *known;
	const cJSON *body = json_member(item, one);

	if (!cJSON_IsObject(item) || (body && !cJSON_IsObject(body)))
		return err_set(err, -EINVAL,
			"%s: each of \"%s\" must have a \"name:\" and a mapping \"%s:\"", s->file,
			kinds[kind].list, one);
	if (!name)
		return err_set(err, -EINVAL, "%s: one of \"%s\" has no \"name:\"", s->file,
			kinds[kind].list);
	known = kubeconfig_find(k, kind, name);
	if (known && known->file == s->file)
		return err_set(err, -EINVAL,
			"%s: the %s \"%s\" is there twice; rename or remove one", s->file, one,
			name);
	if (known)
		return 0;
	if (k->count == ENTRIES_MAX)
		return err_set(err, -EMSGSIZE, "%s: more than %d clusters, users and contexts",
			s->file, ENTRIES_MAX);
	k->entries = xrealloc(k->entries, (k->count + 1) * sizeof(*k->entries));
	k->entries[k->count++] =
		(struct kubeconfig_entry){ kind, xstrdup(name), body, s->file, s->dir };
	return 0;
}

static int add_entries(struct kubeconfig *k, const struct source *s, struct err *err)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		const cJSON *list = json_member(s->tree, kinds[kind].list), *item;

		if (list && !cJSON_IsArray(list))
			return err_set(err, -EINVAL, "%s: \"%s\" must be a list", s->file,
				kinds[kind].list);
		cJSON_ArrayForEach (item, list) {
			int rc = add_entry(k, s, (enum kubeconfig_kind)kind, item, err);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int check_head(const struct source *s, struct err *err)
{
	const char *kind = json_str(s->tree, "kind", ""),
		   *version = json_str(s->tree, "apiVersion", "");

	if (cJSON_IsNull(s->tree))
		return 0;
	if (!cJSON_IsObject(s->tree))
		return err_set(err, -EINVAL,
			"%s is not a kubeconfig: there is no mapping at the top", s->file);
	if ((*kind && strcmp(kind, "Config") != 0) || (*version && strcmp(version, "v1") != 0))
		return err_set(err, -EINVAL,
			"%s is not a kubeconfig: kind \"%.60s\", apiVersion \"%.60s\" instead of "
			"Config, v1",
			s->file, kind, version);
	return 0;
}

/* Takes tree. */
static int add_source(
	struct kubeconfig *k, const char *file, const char *dir, cJSON *tree, struct err *err)
{
	struct source *s = xcalloc(1, sizeof(*s));
	const char *current;
	int rc;

	*s = (struct source){ k->sources, xstrdup(file), xstrdup(dir), tree };
	k->sources = s;
	buf_printf(&k->files, "%s%s", k->files.len ? ", " : "", file);
	rc = check_head(s, err);
	if (rc == 0)
		rc = add_entries(k, s, err);
	current = yaml_text(json_member(tree, "current-context"));
	if (current && *current && !k->current)
		k->current = xstrdup(current);
	return rc;
}

/* --- finding --------------------------------------------------------------- */

static struct kubeconfig *empty(void)
{
	struct kubeconfig *k = xcalloc(1, sizeof(*k));

	buf_init(&k->files, 64 * 1024);
	return k;
}

static void wiped_fini(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_fini(b);
}

/* The parser's sentence may not quote the text: it says what is wrong and in which line. */
static int add_bytes(struct kubeconfig *k, const char *file, const char *dir,
	const struct buf *bytes, struct err *err)
{
	cJSON *tree = NULL;
	int rc = yaml_parse(buf_text(bytes), bytes->len, &tree, err);

	if (rc < 0)
		return err_wrap(err, rc, "cannot read the kubeconfig %s", file);
	return add_source(k, file, dir, tree, err);
}

static int add_file(struct kubeconfig *k, const char *path, struct err *err)
{
	struct buf bytes auto_with(wiped_fini) = BUF_INIT(YAML_BYTES_MAX);
	auto_buf whole = BUF_INIT(64 * 1024);
	auto_free char *cwd = getcwd(NULL, 0), *dir = NULL;
	int rc = io_read_file(path, &bytes);

	if (rc == -EMSGSIZE)
		return err_set(err, rc, "cannot read the kubeconfig %s: it is larger than %d MiB",
			path, YAML_BYTES_MAX >> 20);
	if (rc < 0)
		return err_set(err, rc, "cannot read the kubeconfig %s: %s", path, strerror(-rc));
	path_clean(&whole, cwd ? cwd : "/", path);
	dir = xstrndup(buf_text(&whole), (size_t)(path_base(buf_text(&whole)) - buf_text(&whole)));
	return add_bytes(k, path, dir, &bytes, err);
}

static int add_list(struct kubeconfig *k, const char *list, struct err *err)
{
	for (const char *at = list; *at; at += strcspn(at, ":"), at += *at == ':') {
		auto_free char *path = xstrndup(at, strcspn(at, ":"));
		bool twice = *path == '\0';
		int rc;

		for (const struct source *s = k->sources; s; s = s->next)
			twice = twice || strcmp(s->file, path) == 0;
		rc = twice ? 0 : add_file(k, path, err);
		if (rc < 0 && rc != -ENOENT)
			return rc;
	}
	return 0;
}

static int add_base64(struct kubeconfig *k, const char *text, struct err *err)
{
	struct buf bytes auto_with(wiped_fini) = BUF_INIT(YAML_BYTES_MAX);
	auto_free char *cwd = getcwd(NULL, 0);
	size_t n = strlen(text);
	auto_free char *trimmed = NULL;

	while (n && strchr(" \t\r\n", text[n - 1]))
		n--;
	trimmed = xstrndup(text, n);
	if (base64_decode(trimmed, strlen(trimmed), &bytes) < 0)
		return err_set(err, -EINVAL,
			"the environment's KUBECONFIG_B64 is not base 64 text; make it with "
			"\"base64 -w0 "
			"KUBECONFIG-FILE\" or unset it");
	return add_bytes(k, "KUBECONFIG_B64", cwd ? cwd : "/", &bytes, err);
}

static char *home_file(void)
{
	const char *home = getenv("HOME");
	struct passwd pw, *found = NULL;
	char space[4096];

	if (home && *home)
		return xprintf("%s/.kube/config", home);
	if (getpwuid_r(getuid(), &pw, space, sizeof(space), &found) == 0 && found)
		return xprintf("%s/.kube/config", found->pw_dir);
	return NULL;
}

static int add_all(struct kubeconfig *k, const char *path, struct err *err)
{
	const char *b64 = getenv("KUBECONFIG_B64"), *list = getenv("KUBECONFIG");
	auto_free char *home = NULL;
	int rc;

	if (path && *path)
		return add_file(k, path, err);
	if (b64 && *b64)
		return add_base64(k, b64, err);
	if (list && *list)
		return add_list(k, list, err);
	home = home_file();
	rc = home ? add_file(k, home, err) : 0;
	return rc == -ENOENT || rc == -ENOTDIR ? 0 : rc;
}

int kubeconfig_load(const char *path, struct kubeconfig **ret, struct err *err)
{
	struct kubeconfig *k auto_with(kubeconfig_at_fini) = empty();
	struct err why = { "" };
	int rc = add_all(k, path, &why);

	if (rc < 0)
		return err_set(err, rc, "%s", why.text);
	*ret = take_ptr(k);
	return 0;
}

int kubeconfig_from_tree(
	cJSON *tree, const char *file, const char *dir, struct kubeconfig **ret, struct err *err)
{
	struct kubeconfig *k auto_with(kubeconfig_at_fini) = empty();
	int rc = add_source(k, file, dir, tree, err);

	if (rc < 0)
		return rc;
	*ret = take_ptr(k);
	return 0;
}

/* --- asking ---------------------------------------------------------------- */

const char *kubeconfig_current(const struct kubeconfig *k)
{
	return k->current ? k->current : "";
}

bool kubeconfig_empty(const struct kubeconfig *k)
{
	return k->count == 0;
}

const char *kubeconfig_files(const struct kubeconfig *k)
{
	return buf_text(&k->files);
}

const struct kubeconfig_entry *kubeconfig_nth(
	const struct kubeconfig *k, enum kubeconfig_kind kind, size_t n)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->entries[i].kind == kind && !n--)
			return &k->entries[i];
	return NULL;
}

void kubeconfig_names(const struct kubeconfig *k, enum kubeconfig_kind kind, struct buf *ret)
{
	size_t seen = 0;

	for (size_t i = 0; i < k->count; i++) {
		if (k->entries[i].kind == kind && seen++ < 10)
			buf_printf(ret, "%s%.80s", seen > 1 ? ", " : "", k->entries[i].name);
	}
	if (seen > 10)
		buf_printf(ret, " and %zu more", seen - 10);
	if (seen == 0)
		buf_str(ret, "none");
}
