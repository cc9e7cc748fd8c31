/* Input: a body in protobuf. What is taken is an object with a kind, and prints. */
#include "plugin/local/protobuf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_json cJSON *json = NULL;
	auto_free char *text = NULL;

	if (protobuf_decode(data, n, &json) < 0) {
		assert(!json);
		return 0;
	}
	text = cJSON_PrintUnformatted(json);
	assert(text && json_text(json, "kind") && json_text(json, "apiVersion"));
	return 0;
}
