#include "common/kube/channel.h"

#include "common/base/wire.h"
#include "common/kube/json.h"
#include "common/kube/ws.h"

#include <assert.h>

static void encode(
	struct buf *ret, uint8_t channel, const void *bytes, size_t n, const uint8_t key[static 4])
{
	struct iovec parts[2] = { { &channel, 1 }, { (void *)(uintptr_t)bytes, n } };

	ws_encode(ret, WS_BINARY, key, parts, 2);
}

void channel_data(struct buf *ret, const void *bytes, size_t n, const uint8_t key[static 4])
{
	assert(n <= CHANNEL_DATA_MAX);
	encode(ret, CHANNEL_STDIN, bytes, n, key);
}

void channel_resize(struct buf *ret, uint16_t cols, uint16_t rows, const uint8_t key[static 4])
{
	char json[64];
	int n = snprintf(json, sizeof json, "{\"Width\":%u,\"Height\":%u}", cols, rows);

	encode(ret, CHANNEL_RESIZE, json, n, key);
}

/* Exactly two bytes: at any other length the server drops the connection (KUBERNETES.md 1.6). */
void channel_eof(struct buf *ret, const uint8_t key[static 4])
{
	uint8_t which = CHANNEL_STDIN;

	encode(ret, CHANNEL_CLOSE, &which, 1, key);
}

void channel_keepalive(struct buf *ret, const uint8_t key[static 4])
{
	ws_encode(ret, WS_BINARY, key, NULL, 0);
}

bool channel_take(const void *message, size_t n, struct channel_message *ret)
{
	const uint8_t *bytes = message;

	if (n == 0 || bytes[0] < CHANNEL_STDOUT || bytes[0] > CHANNEL_STATUS)
		return false;
	*ret = (struct channel_message){ .channel = bytes[0], .data = bytes + 1, .n = n - 1 };
	return true;
}

/* The cause's kind stands under "reason" (Go's field is called Type), the code in "message". */
static int exit_code_of(const cJSON *root)
{
	const cJSON *cause;
	uint64_t code;

	cJSON_ArrayForEach (cause, json_at(root, "details.causes")) {
		if (strcmp(json_str(cause, "reason", ""), "ExitCode") == 0 &&
			parse_u64(json_str(cause, "message", ""), 255, &code) == 0)
			return (int)code;
	}
	return -1;
}

int channel_status(const void *json, size_t n, struct channel_status *ret)
{
	struct channel_status s = { .exit_code = -1 };
	cJSON *root = json_parse(json, n);
	const char *word = json_str(root, "status", "");
	bool failure = strcmp(word, "Failure") == 0;

	s.success = strcmp(word, "Success") == 0;
	s.exit_code = s.success ? 0 : exit_code_of(root);
	snprintf(s.reason, sizeof s.reason, "%s", json_str(root, "reason", ""));
	snprintf(s.message, sizeof s.message, "%s", json_str(root, "message", ""));
	cJSON_Delete(root);
	if (!s.success && !failure)
		return -EBADMSG;
	*ret = s;
	return 0;
}
