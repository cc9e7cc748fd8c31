#include "common/kube/json.h"
#include "plugin/podjson.h"
#include "plugin/podparts.h"
#include "plugin/quantity.h"

#include <errno.h>

#define HOW_WRITTEN                                                                                \
	"-v wants emptyDir:DIR[:SIZE], pvc:NAME:DIR[:ro], configMap:NAME:DIR, secret:NAME:DIR "    \
	"or hostPath:PATH:DIR[:ro]"

#define TMP_DIR "/tmp"

static const struct kind {
	const char *word, *kind;
	bool named;
	const char *option;     /* NULL: none */
	const char *name_field; /* where its name stands */
} kinds[] = {
	{ "emptyDir", "emptyDir", false, "SIZE", NULL },
	{ "pvc", "persistentVolumeClaim", true, "ro", "claimName" },
	{ "configMap", "configMap", true, NULL, "name" },
	{ "secret", "secret", true, NULL, "secretName" },
	{ "hostPath", "hostPath", true, "ro", "path" },
};

static const struct kind *kind_of(const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strlen(kinds[i].word) == n && !memcmp(kinds[i].word, text, n))
			return &kinds[i];
	return NULL;
}

/* The text to the next colon, malloc'ed; *at behind it, or NULL at the end. */
static char *word(const char **at)
{
	const char *from = *at;
	size_t n = from ? strcspn(from, ":") : 0;

	if (!from)
		return NULL;
	*at = from[n] ? from + n + 1 : NULL;
	return xstrndup(from, n);
}

static bool option_ok(const struct kind *k, const char *option)
{
	double size;

	if (!option)
		return true;
	if (!k->option)
		return false;
	return k->named ? !strcmp(option, "ro") : !quantity_parse(option, &size);
}

int volume_parse(const char *text, struct volume_words *ret, struct err *err)
{
	size_t n = strcspn(text, ":");
	const struct kind *k = kind_of(text, n);
	const char *at = text[n] ? text + n + 1 : NULL;
	struct volume_words v = { .kind = k ? k->kind : NULL };

	if (k && k->named)
		v.name = word(&at);
	v.dir = word(&at);
	v.option = word(&at);
	if (!k || at || !v.dir || v.dir[0] != '/' || (k->named && !*v.name) ||
		!option_ok(k, v.option)) {
		volume_fini(&v);
		return err_set(err, -EINVAL, HOW_WRITTEN ", not \"%.100s\"", text);
	}
	*ret = v;
	return 0;
}

void volume_fini(struct volume_words *v)
{
	free(v->name);
	free(v->dir);
	free(v->option);
	*v = (struct volume_words){ 0 };
}

/* The volume's source; its name stands where its kind has it. */
static void set_source(cJSON *volume, const struct volume_words *v)
{
	cJSON *source = pj_object(volume, v->kind);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (v->name && !strcmp(kinds[i].kind, v->kind))
			pj_put_str(source, kinds[i].name_field, v->name);
	if (!v->name && v->option)
		pj_put_str(source, "sizeLimit", v->option);
}

static void add(cJSON *spec, cJSON *container, const char *name, const struct volume_words *v)
{
	cJSON *volume = pj_named_anew(pj_array(spec, "volumes"), "name", name);
	cJSON *mount = pj_named_anew(pj_array(container, "volumeMounts"), "mountPath", v->dir);

	set_source(volume, v);
	pj_put_str(mount, "name", name);
	if (v->name && v->option)
		pj_put(mount, "readOnly", cJSON_CreateTrue());
}

/* A program that can write nowhere mostly cannot work; and our agent wants a place. */
static void add_tmp(cJSON *spec, cJSON *container)
{
	struct volume_words v = { .kind = "emptyDir", .dir = (char *)TMP_DIR };

	if (json_bool(container, "securityContext.readOnlyRootFilesystem", false) &&
		!pj_named(json_at(container, "volumeMounts"), "mountPath", TMP_DIR))
		add(spec, container, "sbx-tmp", &v);
}

void pod_volumes(const struct pod_wish *w, cJSON *spec, cJSON *container)
{
	for (size_t i = 0; i < w->o.volumes.count; i++) {
		struct volume_words v;
		char name[32];

		if (volume_parse(w->o.volumes.items[i], &v, NULL) < 0)
			continue;
		snprintf(name, sizeof(name), "sbx-volume-%zu", i);
		add(spec, container, name, &v);
		volume_fini(&v);
	}
	add_tmp(spec, container);
}
