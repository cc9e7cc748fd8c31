#include "plugin/config.h"

#include "common/base/log.h"
#include "plugin/suggest.h"
#include "plugin/urltemplate.h"
#include "plugin/wish.h"

#include <errno.h>
#include <yaml.h>

const char config_builtin[] = "profiles:\n"
			      "  restricted:\n"
			      "    non-root: true\n"
			      "    user: 1000:1000\n";

#define AT(member) offsetof(struct wish_opts, member)

static const struct opt table[] = {
	WISH_SETTINGS(AT),
	{ NULL },
};

struct reading {
	yaml_document_t doc;
	struct config *ret;
	struct config_profile *profile; /* the one being read; of ret */
	struct wish_opts seen;          /* what it says so far; borrows from the document */
	bool personal;                  /* not ours */
	struct err *err;
};

typedef int on_pair(struct reading *r, const yaml_node_t *key, const yaml_node_t *value);

/* "line N: " and the sentence, in which words of the file may be anything. */
__attribute__((format(printf, 3, 4))) static int bad(
	const struct reading *r, const yaml_node_t *at, const char *fmt, ...)
{
	auto_buf text = BUF_INIT(4096), shown = BUF_INIT(4 * 4096);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	log_escape(&shown, buf_text(&text), strnlen(buf_text(&text), 600));
	return err_set(r->err, -EINVAL, "line %lu: %s", (unsigned long)at->start_mark.line + 1,
		buf_text(&shown));
}

static const yaml_node_t *get(struct reading *r, int index)
{
	return yaml_document_get_node(&r->doc, index);
}

/* Its text, or NULL when it is none. */
static const char *text_of(const yaml_node_t *n)
{
	const char *text;

	if (!n || n->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)n->data.scalar.value;
	return strlen(text) == n->data.scalar.length ? text : NULL;
}

static bool is_null(const yaml_node_t *n)
{
	const char *text = text_of(n);

	return text && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

static bool repeated(
	const yaml_node_t *map, const yaml_node_pair_t *pair, struct reading *r, const char *key)
{
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
		const char *other = text_of(get(r, p->key));

		if (other && !strcmp(other, key))
			return true;
	}
	return false;
}

/* Each pair of a mapping in turn; what: "the file". */
static int each_pair(struct reading *r, const yaml_node_t *map, const char *what, on_pair *fn)
{
	int rc = 0;

	if (map->type != YAML_MAPPING_NODE)
		return bad(r, map, "%s must be a mapping: NAME: VALUE", what);
	if (map->data.mapping.pairs.top - map->data.mapping.pairs.start > CONFIG_SETTINGS_MAX / 10)
		return bad(r, map, "%s has too many entries", what);
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start;
		!rc && p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = get(r, p->key), *value = get(r, p->value);
		const char *name = text_of(key);

		if (!name || !*name)
			return bad(r, key ? key : map, "%s has a key that is no word", what);
		if (repeated(map, p, r, name))
			return bad(r, key, "\"%.100s\" is there twice", name);
		rc = fn(r, key, value);
	}
	return rc;
}

/* --- a setting --------------------------------------------------------------------------------- */

/* Checked as create would, with all that the profile says so far, so that it is the line that is
 * wrong which is named. */
static int check(struct reading *r, const yaml_node_t *at, const char *name, const char *text)
{
	struct pod_wish wish = { .ns = "default" };
	struct err why = { 0 };
	int rc = opts_put(table, &r->seen, name, text, &why);

	wish.o = r->seen;
	if (!rc)
		rc = wish_check(&wish, &why);
	return rc < 0 ? bad(r, at, "%s", why.text) : 0;
}

/* Takes text. */
static void keep(struct config *c, struct config_profile *p, const char *name, char *text)
{
	p->settings = xrealloc(p->settings, (p->count + 1) * sizeof(*p->settings));
	p->settings[p->count++] = (struct config_setting){ xstrdup(name), text };
	c->settings_count++;
}

/* Takes text. */
static int add(struct reading *r, const yaml_node_t *at, const char *name, char *text)
{
	struct config_profile *p = r->profile;

	keep(r->ret, p, name, text);
	if (r->ret->settings_count > CONFIG_SETTINGS_MAX)
		return bad(r, at, "too many settings");
	return check(r, at, name, p->settings[p->count - 1].text);
}

static int add_node(
	struct reading *r, const char *name, const yaml_node_t *at, const yaml_node_t *value)
{
	const char *text = text_of(value);

	if (!text || is_null(value))
		return bad(r, value ? value : at, "\"%.100s\" wants a value", name);
	return add(r, value, name, xstrdup(text));
}

static int add_map(struct reading *r, const char *name, const yaml_node_t *map)
{
	int rc = 0;

	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start;
		!rc && p < map->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = get(r, p->key), *value = get(r, p->value);
		const char *k = text_of(key), *v = text_of(value);

		if (!k || !v)
			return bad(r, key ? key : map, "\"%.100s\" wants words: KEY: VALUE", name);
		rc = add(r, value, name, xprintf("%s=%s", k, is_null(value) ? "" : v));
	}
	return rc;
}

static int add_list(struct reading *r, const char *name, const yaml_node_t *list)
{
	int rc = 0;

	for (const yaml_node_item_t *i = list->data.sequence.items.start;
		!rc && i < list->data.sequence.items.top; i++)
		rc = add_node(r, name, list, get(r, *i));
	return rc;
}

static bool is_list(const char *name)
{
	for (const struct opt *o = table; o->name; o++)
		if (!strcmp(o->name, name))
			return o->kind == OPT_LIST;
	return true; /* check() says that there is none of that name */
}

static int on_setting(struct reading *r, const yaml_node_t *key, const yaml_node_t *value)
{
	const char *name = text_of(key);
	struct wish_opts none = { 0 };
	struct err why = { 0 };
	int rc = opts_put(table, &none, name, "", &why);

	opts_fini(table, &none);
	if (rc == -ENOENT)
		return bad(r, key, "%s", why.text);
	if (value->type == YAML_SCALAR_NODE)
		return add_node(r, name, key, value);
	if (!is_list(name))
		return bad(r, value, "\"%.100s\" wants one value", name);
	return value->type == YAML_MAPPING_NODE ? add_map(r, name, value)
						: add_list(r, name, value);
}

/* --- the file ---------------------------------------------------------------------------------- */

static int on_profile(struct reading *r, const yaml_node_t *key, const yaml_node_t *value)
{
	struct config *c = r->ret;
	int rc;

	if (r->personal && !strcmp(text_of(key), CONFIG_RESTRICTED))
		return bad(r, key, "\"%.100s\" is built in; give yours another name", text_of(key));
	c->profiles = xrealloc(c->profiles, (c->count + 1) * sizeof(*c->profiles));
	r->profile = &c->profiles[c->count++];
	*r->profile = (struct config_profile){ .name = xstrdup(text_of(key)) };
	if (is_null(value))
		return 0;
	r->seen = (struct wish_opts)WISH_DEFAULTS;
	rc = each_pair(r, value, "a profile", on_setting);
	opts_fini(table, &r->seen);
	return rc;
}

static int choose(struct reading *r, const yaml_node_t *at, const yaml_node_t *value)
{
	struct config *c = r->ret;
	const char *text = text_of(value);

	if (!text || is_null(value))
		return bad(r, value ? value : at, "\"profile\" wants the name of a profile");
	if (c->chosen_count == CONFIG_SETTINGS_MAX / 100)
		return bad(r, value, "too many names in \"profile\"");
	c->chosen = xrealloc(c->chosen, (c->chosen_count + 1) * sizeof(*c->chosen));
	c->chosen[c->chosen_count++] = xstrdup(text);
	return 0;
}

static int set_url_template(struct reading *r, const yaml_node_t *at, const yaml_node_t *value)
{
	const char *text = text_of(value);
	struct err why = { 0 };

	if (!text || is_null(value))
		return bad(r, value ? value : at, "\"url-template\" wants a text");
	if (url_template_check(text, &why) < 0)
		return bad(r, value, "%s", why.text);
	r->ret->url_template = xstrdup(text);
	return 0;
}

static int on_top(struct reading *r, const yaml_node_t *key, const yaml_node_t *value)
{
	const char *name = text_of(key);
	int rc = 0;

	if (!strcmp(name, "profiles"))
		return is_null(value) ? 0 : each_pair(r, value, "\"profiles\"", on_profile);
	if (!strcmp(name, "url-template"))
		return set_url_template(r, key, value);
	if (strcmp(name, "profile") != 0)
		return bad(r, key,
			"\"%.100s\" is no word of this file; it has \"profile\", \"profiles\" and "
			"\"url-template\"",
			name);
	if (value->type != YAML_SEQUENCE_NODE)
		return choose(r, key, value);
	for (const yaml_node_item_t *i = value->data.sequence.items.start;
		!rc && i < value->data.sequence.items.top; i++)
		rc = choose(r, value, get(r, *i));
	return rc;
}

static int load(const char *bytes, size_t n, struct reading *r)
{
	yaml_parser_t parser;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, n);
	if (!yaml_parser_load(&parser, &r->doc))
		rc = err_set(r->err, -EINVAL, "line %zu: not YAML: %s",
			parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "cannot be read");
	yaml_parser_delete(&parser);
	return rc;
}

static int check_chosen(const struct config *c, struct err *err)
{
	for (size_t i = 0; i < c->chosen_count; i++)
		if (!config_find(c, c->chosen[i]) && strcmp(c->chosen[i], CONFIG_RESTRICTED) != 0)
			return err_set(err, -EINVAL,
				"\"profile\" names \"%.60s\", which is not there", c->chosen[i]);
	return 0;
}

int config_parse(const char *bytes, size_t n, struct config *ret, struct err *err)
{
	struct reading r = { .ret = ret, .personal = bytes != config_builtin, .err = err };
	const yaml_node_t *root;
	int rc;

	*ret = (struct config){ 0 };
	if (n > CONFIG_BYTES_MAX)
		return err_set(err, -EMSGSIZE, "it is larger than %d KiB", CONFIG_BYTES_MAX >> 10);
	rc = load(bytes, n, &r);
	if (rc < 0)
		return rc;
	root = yaml_document_get_root_node(&r.doc);
	if (root && !is_null(root))
		rc = each_pair(&r, root, "the file", on_top);
	yaml_document_delete(&r.doc);
	return rc < 0 ? rc : check_chosen(ret, err);
}

static void profile_fini(struct config_profile *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->settings[i].name);
		free(p->settings[i].text);
	}
	free(p->settings);
	free(p->name);
}

void config_fini(struct config *c)
{
	for (size_t i = 0; i < c->count; i++)
		profile_fini(&c->profiles[i]);
	for (size_t i = 0; i < c->chosen_count; i++)
		free(c->chosen[i]);
	free(c->profiles);
	free(c->chosen);
	free(c->url_template);
	*c = (struct config){ 0 };
}

const struct config_profile *config_find(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->profiles[i].name, name))
			return &c->profiles[i];
	return NULL;
}
