#include "fs/defaults.h"

int cwd_parse(const char *text, size_t n, char **ret)
{
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n == 0) {
		*ret = NULL;
		return 0;
	}
	if (n > DEFAULTS_CWD_MAX || text[0] != '/' || memchr(text, '\n', n) || memchr(text, 0, n))
		return -EINVAL;
	*ret = xstrndup(text, n);
	return 0;
}

bool env_pair_ok(const char *pair)
{
	return *pair && *pair != '=' && strchr(pair, '=') && !strchr(pair, '\n');
}

static size_t count_of(char *const *env)
{
	size_t n = 0;

	while (env && env[n])
		n++;
	return n;
}

void env_put(char ***env, const char *pair)
{
	size_t name = strcspn(pair, "=") + 1, n = count_of(*env);

	for (size_t i = 0; i < n; i++) {
		if (strncmp((*env)[i], pair, name) != 0)
			continue;
		free((*env)[i]);
		(*env)[i] = xstrdup(pair);
		return;
	}
	*env = xrealloc(*env, (n + 2) * sizeof(**env));
	(*env)[n] = xstrdup(pair);
	(*env)[n + 1] = NULL;
}

int env_parse(const char *text, size_t n, char ***ret)
{
	char **env = NULL;
	size_t lines = 0;

	for (size_t at = 0, len; at < n; at += len + 1) {
		const char *lf = memchr(text + at, '\n', n - at);
		auto_free char *line = NULL;

		len = lf ? (size_t)(lf - text) - at : n - at;
		if (len == 0)
			continue;
		line = xstrndup(text + at, len);
		if (strlen(line) != len || !env_pair_ok(line) || ++lines > DEFAULTS_LINES_MAX) {
			env_free(env);
			return -EINVAL;
		}
		env_put(&env, line);
	}
	*ret = env;
	return 0;
}

char **env_copy(char *const *env)
{
	size_t n = count_of(env);
	char **copy = xcalloc(n + 1, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(env[i]);
	return copy;
}

void env_print(char *const *env, struct buf *ret)
{
	for (; env && *env; env++)
		buf_printf(ret, "%s\n", *env);
}

void env_free(char **env)
{
	for (char **at = env; at && *at; at++)
		free(*at);
	free(env);
}
