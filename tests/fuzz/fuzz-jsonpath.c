/*
 * A template, a NUL, an object: what the template finds prints, twice the same, and what is printed of a
 * template without braces is the template.
 */
#include "common/kube/json.h"
#include "plugin/columns.h"
#include "plugin/jsonpath.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void columns(const char *spec, const cJSON *object)
{
	struct err err = { "" };
	struct columns c;
	struct table t;

	if (!columns_parse(spec, &c, &err)) {
		table_init(&t, c.count);
		columns_add_row(&c, object, &t, &err);
		assert(t.count <= c.count);
		table_fini(&t);
	}
	columns_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	auto_buf once = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
	struct err err = { "" };
	struct jsonpath *p = NULL;
	cJSON *object;
	int rc;

	if (!nul)
		return 0;
	object = json_parse((const char *)nul + 1, size - 1 - (size_t)(nul - data));
	if (!object)
		return 0;
	rc = jsonpath_parse((const char *)data, &p, &err);
	if (!rc) {
		rc = jsonpath_print(p, object, &once, &err);
		assert(rc == jsonpath_print(p, object, &again, &err));
		assert(!strcmp(buf_text(&once), buf_text(&again)));
		if (!strpbrk((const char *)data, "{"))
			assert(!rc && !strcmp(buf_text(&once), (const char *)data));
	}
	assert(!rc || err.text[0]);
	jsonpath_free(p);
	columns((const char *)data, object);
	cJSON_Delete(object);
	return 0;
}
