#include "plugin/layers.h"

#include "common/base/io.h"

#include <ctype.h>
#include <errno.h>

#define ENV_FILE_MAX  (1024 * 1024)
#define ENV_LINES_MAX 10000

enum { BUILTIN, PERSONAL };

static char *config_path(void)
{
	const char *own = getenv("SBX_CONFIG"), *xdg = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (own && *own)
		return xstrdup(own);
	if (xdg && *xdg == '/')
		return xprintf("%s/sbx/config.yaml", xdg);
	return home && *home ? xprintf("%s/.config/sbx/config.yaml", home) : NULL;
}

/* One that nobody asked for need not be there. */
static int read_config(const char *path, struct config *ret, struct err *err)
{
	const char *own = getenv("SBX_CONFIG");
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	int rc = path ? io_read_file(path, &text) : -ENOENT;

	if ((rc == -ENOENT || rc == -ENOTDIR) && !(own && *own))
		return 0;
	if (rc < 0)
		return err_set(err, rc, "cannot read the profiles of %s: %s", path,
			rc == -EMSGSIZE ? "it is too large" : strerror(-rc));
	rc = config_parse(buf_text(&text), text.len, ret, err);
	return rc < 0 ? err_wrap(err, rc, "cannot read the profiles of %s", path) : 0;
}

int layers_config(struct config *ret, struct err *err)
{
	auto_free char *path = config_path();

	*ret = (struct config){ 0 };
	return read_config(path, ret, err);
}

static int apply(struct layers *l, const char *name, const char *path, struct err *err)
{
	const struct config_profile *p = config_find(&l->config[PERSONAL], name);
	int rc = 0;

	if (!p)
		p = config_find(&l->config[BUILTIN], name);
	if (!p)
		return err_set(err, -ENOENT,
			"there is no profile \"%.60s\" in %s; built in is \"" CONFIG_RESTRICTED
			"\"",
			name, path ? path : "~/.config/sbx/config.yaml");
	for (size_t i = 0; !rc && i < p->count; i++)
		rc = opts_put(
			l->verb->opts, l->settings, p->settings[i].name, p->settings[i].text, err);
	return rc < 0 ? err_wrap(err, rc, "profile \"%.60s\"", name) : 0;
}

static int apply_all(struct layers *l, const struct wish_opts *said, struct err *err)
{
	const struct config *c = &l->config[PERSONAL];
	auto_free char *path = config_path();
	int rc = config_parse(config_builtin, strlen(config_builtin), &l->config[BUILTIN], err);

	if (!rc)
		rc = read_config(path, &l->config[PERSONAL], err);
	for (size_t i = 0; !rc && i < said->profiles.count; i++)
		rc = apply(l, said->profiles.items[i], path, err);
	if (said->profiles.count || said->file)
		return rc;
	for (size_t i = 0; !rc && i < c->chosen_count; i++)
		rc = apply(l, c->chosen[i], path, err);
	return rc;
}

/* The same words as before, now over what the profiles say. */
static int apply_flags(const struct cli *cli, struct layers *l, struct err *err)
{
	struct kube_flags ignored = { 0 };
	struct words words;
	int rc = opts_parse(
		l->verb->opts, l->settings, &ignored, cli->raw_argc, cli->raw_argv, &words, err);

	words_fini(&words);
	return rc;
}

/* --- environment files --------------------------------------------------------------------------- */

static int add_line(
	struct layers *l, const char *path, const char *from, size_t n, int number, struct err *err)
{
	while (n && isspace((unsigned char)*from))
		from++, n--;
	while (n && from[n - 1] == '\r')
		n--;
	if (!n || *from == '#')
		return 0;
	if (memchr(from, '\0', n) || !memchr(from, '=', n) || *from == '=')
		return err_set(
			err, -EINVAL, "--env-file %s, line %d: wants NAME=VALUE", path, number);
	if (l->line_count == ENV_LINES_MAX)
		return err_set(err, -EMSGSIZE, "--env-file %s: more than %d variables", path,
			ENV_LINES_MAX);
	l->lines = xrealloc(l->lines, (l->line_count + 1) * sizeof(*l->lines));
	l->lines[l->line_count++] = xstrndup(from, n);
	return 0;
}

static int read_env(struct layers *l, const char *path, struct err *err)
{
	auto_buf text = BUF_INIT(ENV_FILE_MAX);
	int rc = io_read_file(path, &text);
	size_t at = 0;

	if (rc < 0)
		return err_set(err, rc, "cannot read --env-file %s: %s", path,
			rc == -EMSGSIZE ? "it is larger than 1 MiB" : strerror(-rc));
	for (int number = 1; !rc && at < text.len; number++) {
		const char *end = memchr(text.data + at, '\n', text.len - at);
		size_t n = end ? (size_t)(end - text.data) - at : text.len - at;

		rc = add_line(l, path, text.data + at, n, number, err);
		at += n + 1;
	}
	return rc;
}

/* Before what -e says, which so wins. */
static int read_env_files(struct layers *l, struct wish_opts *o, struct err *err)
{
	struct opt_list all = { 0 };
	int rc = 0;

	for (size_t i = 0; !rc && i < o->env_files.count; i++)
		rc = read_env(l, o->env_files.items[i], err);
	if (rc < 0 || !l->line_count)
		return rc;
	all.count = l->line_count + o->env.count;
	all.items = xcalloc(all.count, sizeof(*all.items));
	for (size_t i = 0; i < all.count; i++)
		all.items[i] = i < l->line_count ? l->lines[i] : o->env.items[i - l->line_count];
	free(o->env.items);
	o->env = all;
	return 0;
}

int layers_open(
	const struct cli *cli, const void *said, size_t at, struct layers *ret, struct err *err)
{
	const struct wish_opts *flags = (const void *)((const char *)said + at);
	const struct verb *v = cli->verb;
	int rc;

	*ret = (struct layers){ .verb = v, .settings = xcalloc(1, v->settings_bytes) };
	if (v->defaults)
		memcpy(ret->settings, v->defaults, v->settings_bytes);
	rc = apply_all(ret, flags, err);
	if (!rc)
		rc = apply_flags(cli, ret, err);
	if (!rc)
		rc = read_env_files(ret, (void *)((char *)ret->settings + at), err);
	return rc;
}

void layers_fini(struct layers *l)
{
	if (l->settings)
		opts_fini(l->verb->opts, l->settings);
	free(l->settings);
	config_fini(&l->config[BUILTIN]);
	config_fini(&l->config[PERSONAL]);
	for (size_t i = 0; i < l->line_count; i++)
		free(l->lines[i]);
	free(l->lines);
	*l = (struct layers){ 0 };
}
