#include "common/remote/pack/exclude.h"

#include <fnmatch.h>
#include <string.h>

static bool matches(const char *pattern, const char *path, bool is_dir)
{
	size_t n = strlen(pattern);
	bool dirs = n && pattern[n - 1] == '/';
	auto_free char *p = xstrndup(pattern, n - dirs);
	const char *slash = strchr(p, '/');
	const char *last = strrchr(path, '/');
	int flags = strstr(p, "**") ? 0 : FNM_PATHNAME;

	if (dirs && !is_dir)
		return false;
	if (!slash)
		return fnmatch(p, last ? last + 1 : path, 0) == 0;
	if (strncmp(p, "**/", 3) == 0 && fnmatch(p + 3, path, flags) == 0)
		return true;
	return fnmatch(p + (*p == '/'), path, flags) == 0;
}

bool pack_excluded(const struct pack_list *patterns, const char *path, bool is_dir)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (matches(patterns->at[i], path, is_dir))
			return true;
	}
	return false;
}
