#include "common/kube/impersonate.h"
#include "common/kube/json.h"
#include "common/kube/yaml.h"

#include <ctype.h>

#define LINES_MAX 1000

struct lines {
	char **all;
	size_t count;
	struct err *err;
	int rc;
};

bool header_value_ok(const char *value)
{
	for (; *value; value++) {
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return false;
	}
	return true;
}

void impersonate_free(char **lines)
{
	for (size_t i = 0; lines && lines[i]; i++)
		free(lines[i]);
	free(lines);
}

static void add(struct lines *l, const char *name, const char *value)
{
	if (l->rc < 0)
		return;
	if (!header_value_ok(value) || l->count == LINES_MAX) {
		l->rc = err_set(l->err, -EINVAL,
			"cannot impersonate: a name, group or extra value holds a line break or "
			"another control "
			"character, or there are more than %d of them",
			LINES_MAX);
		return;
	}
	l->all = xrealloc(l->all, (l->count + 2) * sizeof(*l->all));
	l->all[l->count++] = xprintf("%s: %s", name, value);
	l->all[l->count] = NULL;
}

/* Every byte that may not stand in a header's name is escaped, and so is '%', as client-go does. */
static char *extra_name(const char *key)
{
	auto_buf b = BUF_INIT(64 * 1024);

	buf_str(&b, "Impersonate-Extra-");
	for (; *key; key++) {
		if (isalnum((unsigned char)*key) || strchr("!#$&'*+-.^_`|~", *key))
			buf_char(&b, *key);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*key);
	}
	return buf_steal(&b);
}

static void extra(struct lines *l, const char *key, const char *value)
{
	auto_free char *name = extra_name(key);

	add(l, name, value);
}

static void extra_flags(struct lines *l, const struct kube_flags *flags)
{
	for (size_t i = 0; i < flags->as_user_extra_count; i++) {
		const char *whole = flags->as_user_extras[i], *equals = strchr(whole, '=');
		auto_free char *key = xstrndup(whole, equals ? (size_t)(equals - whole) : 0);

		extra(l, key, equals ? equals + 1 : whole);
	}
}

static void extra_fields(struct lines *l, const cJSON *map)
{
	const cJSON *list, *item;

	cJSON_ArrayForEach (list, map) {
		cJSON_ArrayForEach (item, list) {
			if (yaml_text(item))
				extra(l, list->string, yaml_text(item));
		}
	}
}

static void groups(struct lines *l, const struct kube_flags *flags, const cJSON *list)
{
	const cJSON *item;

	for (size_t i = 0; i < flags->as_group_count; i++)
		add(l, "Impersonate-Group", flags->as_groups[i]);
	if (flags->as_group_count)
		return;
	cJSON_ArrayForEach (item, list) {
		if (yaml_text(item))
			add(l, "Impersonate-Group", yaml_text(item));
	}
}

int impersonate_lines(const struct kubeconfig_entry *user, const struct kube_flags *flags,
	char ***ret, struct err *err)
{
	const cJSON *body = user ? user->body : NULL;
	const char *as = flags->as ? flags->as : yaml_text(json_member(body, "as"));
	const char *uid = flags->as_uid ? flags->as_uid : yaml_text(json_member(body, "as-uid"));
	struct lines l = { .err = err };

	if (as && *as)
		add(&l, "Impersonate-User", as);
	if (uid && *uid)
		add(&l, "Impersonate-Uid", uid);
	groups(&l, flags, json_member(body, "as-groups"));
	if (flags->as_user_extra_count)
		extra_flags(&l, flags);
	else
		extra_fields(&l, json_member(body, "as-user-extra"));
	if (l.rc == 0 && l.count && (!as || !*as))
		l.rc = err_set(err, -EINVAL,
			"cannot impersonate: a uid, groups or extra values are given without a "
			"user; add --as USER");
	if (l.rc < 0) {
		impersonate_free(l.all);
		return l.rc;
	}
	*ret = l.all;
	return 0;
}
