/* What parses as labels matches itself again: the same text gives the same answer twice. */
#include "plugin/local/select.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char object[] =
		"{\"metadata\":{\"name\":\"a\",\"labels\":{\"a\":\"b\",\"c\":\"\"}}}";
	auto_free char *text = xstrndup((const char *)data, n);
	auto_with(select_free_at) struct select *one = NULL, *two = NULL;
	auto_json cJSON *json = cJSON_Parse(object);
	int a = select_parse_labels(text, &one, NULL), b = select_parse_labels(text, &two, NULL);

	assert(a == b && (a == 0 || a == -EINVAL));
	if (a == 0)
		assert(select_matches(one, json) == select_matches(two, json));
	select_free(take_ptr(one));
	if (select_parse_fields(text, &one, NULL) == 0)
		select_matches(one, json);
	return 0;
}
