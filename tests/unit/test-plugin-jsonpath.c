/*
 * Templates, as kubectl has them: each expected text is what kubectl 1.32 printed for it, NULL where it
 * refused. Then columns, order, and templates that are cut and bent.
 */
#include "tests/lib/test.h"

#include "common/kube/json.h"
#include "plugin/columns.h"
#include "plugin/jsonpath.h"
#include "plugin/sortby.h"
#include "plugin/typing.h"

#include <errno.h>

/* clang-format off */
static const char object_text[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"namespac"
	"e\":\"d\",\"annotations\":{},\"labels\":{\"b\":\"2<&\\u2028\\\"\\\\\\n\\u00e4\",\""
	"a\":\"1\",\"x.io/y\":\"z\",\"zz\":\"1\"}},\"spec\":{\"containers\":[{\"name\":\"a"
	"\",\"image\":\"i1\",\"ports\":[{\"containerPort\":80},{\"containerPort\":443}]},{"
	"\"name\":\"b\",\"image\":\"i2\"},{\"name\":\"c\",\"image\":\"i3\"}],\"hostNetwork"
	"\":false,\"grace\":30,\"empty\":[],\"nothing\":null},\"n\":{\"half\":0.5,\"big\":"
	"1e+21,\"tiny\":1e-07,\"neg\":-3,\"long\":1234567890123}}";

#define WHOLE "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"annotations\":{},\"labels" \
	"\":{\"a\":\"1\",\"b\":\"2\\u003c\\u0026\\u2028\\\"\\\\\\n\303\244\",\"x.io/y\":\"" \
	"z\",\"zz\":\"1\"},\"name\":\"web\",\"namespace\":\"d\"},\"n\":{\"big\":1e+21,\"ha" \
	"lf\":0.5,\"long\":1234567890123,\"neg\":-3,\"tiny\":1e-7},\"spec\":{\"containers\"" \
	":[{\"image\":\"i1\",\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"container" \
	"Port\":443}]},{\"image\":\"i2\",\"name\":\"b\"},{\"image\":\"i3\",\"name\":\"c\"}" \
	"],\"empty\":[],\"grace\":30,\"hostNetwork\":false,\"nothing\":null}}"

static const struct {
	const char *template, *text;
} cases[] = {
	{ "{.}", "" },
	{ "{@}", WHOLE },
	{ "{}", WHOLE },
	{ "{$}", WHOLE },
	{ "{.metadata.labels}", "{\"a\":\"1\",\"b\":\"2\\u003c\\u0026\\u2028\\\"\\\\\\n\303\244\",\"x.io/y\":\"z\",\"zz\":\"1\"}" },
	{ "{.spec.containers[*].name}", "a b c" },
	{ "{.spec.containers}", "[{\"image\":\"i1\",\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":443}]},{\"image\":\"i2\",\"name\":\"b\"},{\"image\":\"i3\",\"name\":\"c\"}]" },
	{ "{.spec.nothing}", "null" },
	{ "{.spec.nothing.x}", "" },
	{ "{.nope}", "" },
	{ "a{.metadata.name}b", "awebb" },
	{ ".metadata.name", ".metadata.name" },
	{ "{range .spec.containers[*]}{.name}{\"\\t\"}{end}x", "a\tb\tc\tx" },
	{ "{range .spec.containers[*]}{.name}{\",\"}", "a,b,c,," },
	{ "{range .spec.containers[*]}{.name}{\",\"}{.kind}", "a,b,c,,Pod" },
	{ "{.spec.containers[\?(@.name==\"b\")].image}", "i2" },
	{ "{.spec.containers[\?(@.ports)].image}", "i1" },
	{ "{.spec.containers[\?(@.ports[5])].image}", "i1" },
	{ "{.spec.containers[0:2].name}", "a b" },
	{ "{.spec.containers[-1].name}", "c" },
	{ "{.spec.containers[-2:].name}", "b c" },
	{ "{.spec.containers[-2:-1].name}", "b" },
	{ "{.spec.containers[0,2].name}", "a c" },
	{ "{.spec.containers[0, 2 ,1].name}", "a c b" },
	{ "{.spec.containers[9].name}", NULL },
	{ "{.spec.containers[-9].name}", NULL },
	{ "{.spec.containers[1:9].name}", NULL },
	{ "{..name}", "web a b c" },
	{ "{..containerPort}", "80 443" },
	{ "{.metadata.labels['x\\.io/y']}", "z" },
	{ "{.metadata.labels.x\\.io/y}", "z" },
	{ "{.metadata['labels'].a}", "1" },
	{ "{['kind']}", "Pod" },
	{ "{.metadata['name','namespace']}", "web d" },
	{ "{.spec.containers[\?(@.ports[0].containerPort>=80)].name}", "a" },
	{ "{.spec.containers[\?(@.ports[0].containerPort > 80)].name}", "" },
	{ "{.spec.hostNetwork}", "false" },
	{ "{.spec.grace}", "30" },
	{ "{.spec.empty}", "[]" },
	{ "{.spec.empty[*]}", "" },
	{ "{.spec.empty[0]}", NULL },
	{ "{true}", "true" },
	{ "{1.5}", "1.5" },
	{ "{-2}", "-2" },
	{ "{+2}", "2" },
	{ "{1.2.3}", NULL },
	{ "{\"a\" \"b\"}", "b" },
	{ "{\"a\"}{\"b\"}", "ab" },
	{ "{.metadata.name \"x\"}", "x" },
	{ "{.metadata.name.x}", "" },
	{ "{.metadata.name[0]}", NULL },
	{ "{.spec.containers[*].ports[*].containerPort}", "80 443" },
	{ "{range .spec.nope[*]}{.x}{end}y", "y" },
	{ "{range .spec.empty[*]}{.x}{range .y[*]}{\"z\"}{end}{end}y", "y" },
	{ "{end}", NULL },
	{ "{'it\\'s'}", "it's" },
	{ "{\"\\u00e4\\x41\\101\\\\\\\"\\t|\"}", "\303\244AA\\\"\t|" },
	{ "{\"\\q\"}", NULL },
	{ "{\"open", NULL },
	{ "{.spec.containers[::2].name}", "a c" },
	{ "{.spec.containers[::0].name}", NULL },
	{ "{.spec.containers[:2].name}", "a b" },
	{ "{.spec.containers[1:].name}", "b c" },
	{ "{.spec.containers[0:3:2].name}", "a c" },
	{ "{range .spec.containers[*]}[{range .ports[*]}{.containerPort},{end}]{end}", "[80,443,][][]" },
	{ "{range .spec.containers[*]}[{range .ports[*]}{.containerPort},{end}]{end}-{.kind}", "[80,443,][][]-Pod" },
	{ "{range .spec.containers[*]}{.name}{end}{range .spec.containers[*]}{.image}{end}", "abci1i2i3" },
	{ "{.spec.containers[\?(@.name!=\"b\")].name}", "a c" },
	{ "{.spec.containers[\?(@.name<\"b\")].name}", "a" },
	{ "{.spec.containers[\?(@.name<=\"b\")].name}", "a b" },
	{ "{.spec.containers[\?(@.name=~\"b\")].name}", NULL },
	{ "{.spec.containers[\?(@.name==\"b)\")].name}", "" },
	{ "{.spec.containers[\?(\"b\"==@.name)].image}", "i2" },
	{ "{foo}", NULL },
	{ "{.a", NULL },
	{ "{.spec.containers[]}", "{\"image\":\"i1\",\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":443}]}" },
	{ "{.spec.containers[x].name}", NULL },
	{ "{.spec.containers[*", NULL },
	{ "{.spec.containers[\?(@.name=='b')].image}", "i2" },
	{ "{.spec.containers[\?(@.name==b)].image}", NULL },
	{ "{.spec.containers[\?(@.name==1)].image}", NULL },
	{ "{.spec.containers[\?(@.name)].image}", "i1 i2 i3" },
	{ "{.spec.containers[\?(@.name", NULL },
	{ "{.spec.containers[\?(@.nope==false)].image}", "" },
	{ "{[0]}", NULL },
	{ "{.spec.containers[0][\"name\"]}", NULL },
	{ "{.metadata.name,.kind}", NULL },
	{ "{.metadata.name .kind}", "" },
	{ "{.spec.containers[3:2].name}", NULL },
	{ "{.spec.containers[3:3].name}", "" },
	{ "{.spec.containers[2:1].name}", NULL },
	{ "{.n.half} {.n.big} {.n.tiny} {.n.neg} {.n.long}", "0.5 1e+21 1e-07 -3 1234567890123" },
	{ "{.n.half}|{.n.neg}|{.n.long}", "0.5|-3|1234567890123" },
	{ "{....name}", NULL },
	{ "{..spec..name}", "a b c" },
	{ "{.spec.containers[0].ports[1].containerPort}", "443" },
	{ "{.spec.containers[*].ports[0].containerPort}", "80" },
	{ "{.spec.containers[*]['name','image']}", "a b c i1 i2 i3" },
	{ "{.metadata.labels[\?(@.a)]}", NULL },
	{ "{range}{.kind}{end}", "Pod" },
	{ "{range .metadata}{.name}{end}", "web" },
	{ "{.spec.containers[0].name}{\"\\n\"}{.kind}{\"\\n\"}", "a\nPod\n" },
	{ "text only", "text only" },
	{ "}{", NULL },
	{ "{\"}\"}", "}" },
	{ "{ .metadata.name }", "web" },
	{ "{.metadata . name}", NULL },
	{ "{%}", NULL },
	{ "{.spec.containers[0][1]}", NULL },
	{ "{.spec.containers[\?(@.name==\"b\"||@.name==\"c\")].name}", NULL },
	{ "{.spec.containers[\?(@.name==\"b\")]}", "{\"image\":\"i2\",\"name\":\"b\"}" },
	{ "{.spec[\"containers\"]}", NULL },
};
/* clang-format on */

static cJSON *object(void)
{
	cJSON *o = json_parse(object_text, strlen(object_text));

	assert_non_null(o);
	return o;
}

/* "!SENTENCE" when it is refused. */
static char *printed(const char *template, const cJSON *on)
{
	auto_buf text = BUF_INIT(1024 * 1024);
	struct err err = { 0 };
	struct jsonpath *p = NULL;
	int rc = jsonpath_parse(template, &p, &err);

	if (!rc)
		rc = jsonpath_print(p, on, &text, &err);
	jsonpath_free(p);
	if (rc < 0) {
		assert_true(*err.text);
		return xprintf("!%s", err.text);
	}
	return text.len ? buf_steal(&text) : xstrdup("");
}

static void prints_what_kubectl_prints(void **state)
{
	cJSON *o = object();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_free char *text = printed(cases[i].template, o);

		if (cases[i].text ? strcmp(text, cases[i].text) : *text != '!')
			fail_msg("%s gives %s, not %s", cases[i].template, text,
				cases[i].text ? cases[i].text : "an error");
	}
	cJSON_Delete(o);
}

static void whatever_is_cut_or_bent_is_refused_or_printed(void **state)
{
	static const char template[] =
		"a{range .spec.containers[?(@.name!=\"b\")]}{['name','image'][0:1:1]}{\"\\u00e4\"}"
		"{..x\\.io/y[-1]}{end}{1.5}{true}";
	static const char bends[] = "{}[]()'\"\\.,:*?@$ -9a\n\xff";
	cJSON *o = object();

	for (size_t n = 0; n <= strlen(template); n++) {
		auto_free char *cut = xstrndup(template, n);
		auto_free char *text = printed(cut, o);

		for (size_t b = 0; n && b < strlen(bends); b++) {
			auto_free char *bent = xstrdup(template);
			auto_free char *other = NULL;

			bent[n - 1] = bends[b];
			other = printed(bent, o);
		}
	}
	cJSON_Delete(o);
}

static void what_finds_too_much_or_goes_too_deep_is_refused(void **state)
{
	auto_buf many = BUF_INIT(JSONPATH_TEXT_MAX), deep = BUF_INIT(JSONPATH_TEXT_MAX);
	auto_free char *text = NULL, *deeper = NULL, *longer = xcalloc(JSONPATH_TEXT_MAX + 2, 1);
	static const char nested[] =
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";
	cJSON *o = json_parse(nested, strlen(nested));
	struct jsonpath *p;
	struct err err = { 0 };

	buf_char(&many, '{');
	for (int i = 0; i < 30; i++)
		buf_str(&many, "[0,0]");
	buf_char(&many, '}');
	text = printed(buf_text(&many), o);
	assert_non_null(strstr(text, "too much"));
	for (int i = 0; i < 2 * JSONPATH_DEPTH_MAX; i++)
		buf_str(&deep, i ? "@.a[?(" : "{.a[?(");
	for (int i = 0; i < 2 * JSONPATH_DEPTH_MAX; i++)
		buf_str(&deep, ")]");
	buf_char(&deep, '}');
	deeper = printed(buf_text(&deep), o);
	assert_int_equal(deeper[0], '!');
	memset(longer, 'a', JSONPATH_TEXT_MAX + 1);
	assert_int_equal(jsonpath_parse(longer, &p, &err), -EMSGSIZE);
	cJSON_Delete(o);
}

static void a_path_may_go_without_braces(void **state)
{
	static const char *const good[] = { "kind", ".kind", "{kind}", "{.kind}" };
	static const char *const bad[] = { "", "{}", ".", "{.}", "{{kind}}", "{kind}{kind}",
		"a}b" };
	cJSON *o = object();
	struct err err = { 0 };
	struct jsonpath *p;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct jsonpath_values v;

		assert_int_equal(jsonpath_parse_relaxed(good[i], &p, &err), 0);
		assert_int_equal(jsonpath_find(p, o, &v, &err), 0);
		assert_int_equal(v.count, 1);
		assert_string_equal(v.at[0]->valuestring, "Pod");
		jsonpath_values_fini(&v);
		jsonpath_free(p);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(jsonpath_parse_relaxed(bad[i], &p, &err), -EINVAL);
	cJSON_Delete(o);
}

static char *row_of(const char *spec, bool lines)
{
	auto_buf all = BUF_INIT(4096);
	cJSON *o = object();
	struct columns c;
	struct err err = { 0 };
	int rc = (lines ? columns_parse_lines : columns_parse)(spec, &c, &err);

	if (!rc) {
		struct table t;

		table_init(&t, c.count);
		columns_add_heads(&c, &t);
		rc = columns_add_row(&c, o, &t, &err);
		for (size_t i = 0; i < t.count; i++)
			buf_printf(&all, "%s%s", i ? "|" : "", t.cells[i]);
		table_fini(&t);
	}
	columns_fini(&c);
	cJSON_Delete(o);
	return rc ? xprintf("!%s", err.text) : buf_steal(&all);
}

static void columns_are_kubectls(void **state)
{
	static const struct {
		const char *spec;
		bool lines;
		const char *row; /* NULL: refused */
	} rows[] = {
		{ "A:.kind,B:{.metadata.name}", false, "A|B|Pod|web" },
		{ "A:.spec.containers[*].name,B:.nope", false, "A|B|a,b,c|<none>" },
		{ "A:.spec.containers[0],B:.spec.nothing", false,
			"A|B|map[image:i1 name:a ports:[map[containerPort:80] "
			"map[containerPort:443]]]|<nil>" },
		{ "A:.spec.hostNetwork,B:.spec.grace,C:.spec.empty", false, "A|B|C|false|30|[]" },
		{ "A  B\n.kind   .metadata.name\n", true, "A|B|Pod|web" },
		{ "", false, NULL },
		{ "A", false, NULL },
		{ "A:", false, NULL },
		{ "A:.a,", false, NULL },
		{ "A:.spec.containers[9]", false, NULL },
		{ "A B\n.kind", true, NULL },
		{ "A\n.kind .x", true, NULL },
		{ "A", true, NULL },
		{ "", true, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		auto_free char *row = row_of(rows[i].spec, rows[i].lines);

		if (rows[i].row)
			assert_string_equal(row, rows[i].row);
		else
			assert_int_equal(row[0], '!');
	}
}

static char *order(const char *json, const char *path)
{
	auto_buf all = BUF_INIT(4096);
	cJSON *items = json_parse(json, strlen(json)), *item;
	struct err err = { 0 };
	int rc = sort_by(path, items, NULL, &err);

	cJSON_ArrayForEach (item, items)
		buf_str(&all, json_str(item, "n", "?"));
	cJSON_Delete(items);
	return rc ? xprintf("!%s", err.text) : all.len ? buf_steal(&all) : xstrdup("");
}

static void sorts_by_what_a_path_finds(void **state)
{
	static const struct {
		const char *json, *path, *order;
	} orders[] = {
		{ "[{\"n\":\"b\",\"v\":2},{\"n\":\"a\",\"v\":1},{\"n\":\"c\"}]", ".v", "cab" },
		{ "[{\"n\":\"b\",\"v\":\"web-10\"},{\"n\":\"a\",\"v\":\"web-9\"}]", "{.v}", "ab" },
		{ "[{\"n\":\"b\",\"v\":\"1Gi\"},{\"n\":\"a\",\"v\":\"900Mi\"}]", "v", "ab" },
		{ "[{\"n\":\"x\",\"v\":1},{\"n\":\"y\",\"v\":1},{\"n\":\"z\",\"v\":1}]", "v",
			"xyz" },
		{ "[{\"n\":\"b\",\"v\":true},{\"n\":\"a\",\"v\":false}]", "v", "ab" },
		{ "[{\"n\":\"b\"},{\"n\":\"a\"}]", "v", "ba" },
		{ "[]", "v", "" },
	};
	auto_free char *bad = order("[{\"v\":{}}]", "v"), *wrong = order("[]", "{.v");

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		auto_free char *got = order(orders[i].json, orders[i].path);

		assert_string_equal(got, orders[i].order);
	}
	assert_int_equal(bad[0], '!');
	assert_int_equal(wrong[0], '!');
}

static void a_usage_tells_what_each_word_is(void **state)
{
	static const struct {
		const char *usage;
		int n;
		const char *name;
	} usages[] = {
		{ "NAME RUN [FLAGS]", 1, "RUN" },
		{ "NAME RUN [FLAGS]", 2, NULL },
		{ "NAME [RUN] [FLAGS]", 1, "RUN" },
		{ "[-s SIGNAL] NAME RUN... [FLAGS]", 0, "NAME" },
		{ "[-s SIGNAL] NAME RUN... [FLAGS]", 4, "RUN" },
		{ "NAME... | -l LABELS | --all  [FLAGS]", 3, "NAME" },
		{ "[FLAGS] NAME | -l LABELS | --all  -- CMD [ARG]...", 0, "NAME" },
		{ "[FLAGS] NAME | -l LABELS | --all  -- CMD [ARG]...", 1, NULL },
		{ "[FLAGS] NAME [-- CMD [ARG]...]", 1, NULL },
		{ "[FLAGS] SRC... DST", 0, "SRC" },
		{ "[FLAGS] SRC... DST", 5, "SRC" },
		{ "up | down | status | import ...", 0, "up|down|status|import" },
		{ "up | down | status | import ...", 1, NULL },
		{ "bash|zsh|fish", 0, "bash|zsh|fish" },
		{ "[FLAGS]", 0, NULL },
	};

	for (size_t i = 0; i < sizeof(usages) / sizeof(*usages); i++) {
		auto_free char *name = typing_word_name(usages[i].usage, usages[i].n);

		if (usages[i].name && name)
			assert_string_equal(name, usages[i].name);
		else
			assert_ptr_equal(name, usages[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_what_kubectl_prints),
		cmocka_unit_test(whatever_is_cut_or_bent_is_refused_or_printed),
		cmocka_unit_test(what_finds_too_much_or_goes_too_deep_is_refused),
		cmocka_unit_test(a_path_may_go_without_braces),
		cmocka_unit_test(columns_are_kubectls),
		cmocka_unit_test(sorts_by_what_a_path_finds),
		cmocka_unit_test(a_usage_tells_what_each_word_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
