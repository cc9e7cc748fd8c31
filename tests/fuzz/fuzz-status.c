/* A sentence always comes, safe for a terminal, with the advice at its end; and the errno is one.
 */
#include "common/kube/status.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int codes[] = { 200, 302, 400, 401, 403, 404, 409, 410, 413, 422, 429, 500,
		503, 0 };
	struct err err = { "" };
	const char *body;
	int http;

	if (size < 1)
		return 0;
	http = codes[data[0] % (sizeof(codes) / sizeof(*codes))];
	body = (const char *)data + 1;
	size--;
	assert(status_error(http, body, size, "do it", &err) < 0);
	assert(strncmp(err.text, "cannot do it: ", 14) == 0);
	assert(strstr(err.text, "); ") && strlen(err.text) < ERR_TEXT_BYTES - 1);
	for (const char *at = err.text; *at; at++)
		assert((unsigned char)*at >= 0x20 && *at != 0x7f);
	assert(!status_is_expired(200, body, size) || size > 10);
	return 0;
}
