/* What json_parse takes, prints and is taken again, to the same print. */
#include "common/base/buf.h"
#include "common/kube/json.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *once = json_parse((const char *)data, size), *twice;
	char *first, *second;

	if (!once)
		return 0;
	first = cJSON_PrintUnformatted(once);
	assert(first);
	twice = json_parse(first, strlen(first));
	assert(twice);
	second = cJSON_PrintUnformatted(twice);
	assert(strcmp(first, second) == 0);
	json_str(once, "metadata.name", "");
	json_at(once, "a[0][1].b");
	free(first);
	free(second);
	cJSON_Delete(once);
	cJSON_Delete(twice);
	return 0;
}
