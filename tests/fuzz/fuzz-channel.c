/*
 * A Status from a server: whatever it says, the exit code is in range, texts end, and only Success
 * with 0 is a success. The same bytes as a message give a channel that a client may hear.
 */
#include "common/kube/channel.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct channel_status s, again;
	struct channel_message m;

	if (channel_take(data, size, &m)) {
		assert(m.channel >= CHANNEL_STDOUT && m.channel <= CHANNEL_STATUS);
		assert(m.data == data + 1 && m.n == size - 1);
	} else {
		assert(size == 0 || data[0] == 0 || data[0] > CHANNEL_STATUS);
	}
	if (channel_status(data, size, &s) < 0)
		return 0;
	assert(s.exit_code >= -1 && s.exit_code <= 255);
	assert(!s.success || s.exit_code == 0);
	assert(strnlen(s.reason, sizeof s.reason) < sizeof s.reason);
	assert(strnlen(s.message, sizeof s.message) < sizeof s.message);
	assert(channel_status(data, size, &again) == 0 && again.exit_code == s.exit_code);
	return 0;
}
