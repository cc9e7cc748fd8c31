/* Input: a document, a NUL, a patch. Every kind of patch leaves a document that prints and parses.
 */
#include "plugin/local/patch.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const cJSON *json)
{
	auto_free char *text = cJSON_PrintUnformatted(json);
	auto_json cJSON *again = NULL;

	assert(text);
	assert(json_parse(text, strlen(text), &again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *nul = memchr(data, 0, n);
	auto_json cJSON *target = NULL, *patch = NULL, *copy = NULL;
	size_t first = nul ? (size_t)(nul - data) : n;

	if (!nul || json_parse((const char *)data, first, &target) < 0 ||
		json_parse((const char *)nul + 1, n - first - 1, &patch) < 0 ||
		!cJSON_IsObject(target))
		return 0;
	copy = cJSON_Duplicate(target, true);
	patch_operations(copy, patch, NULL);
	check(copy);
	if (!cJSON_IsObject(patch))
		return 0;
	patch_strategic(copy, patch);
	check(copy);
	patch_merge(target, patch);
	check(target);
	return 0;
}
