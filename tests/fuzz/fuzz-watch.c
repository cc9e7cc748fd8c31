/* However a stream is cut into pieces, the same lines come; and any line may be taken for an event.
 */
#include "common/kube/sandbox.h"
#include "common/kube/watchline.h"

#include <assert.h>

#define LINE_MAX_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take_line(void *arg, const char *line, size_t n)
{
	struct sandbox_wait wait = { .since_ms = 0 };
	struct watch_event e;

	assert(n <= LINE_MAX_BYTES && !memchr(line, '\n', n));
	buf_add(arg, line, n);
	buf_char(arg, '\n');
	if (watch_event_parse(line, n, &e) == 0) {
		assert(cJSON_IsObject(e.object) && e.rv);
		sandbox_progress(e.object, &wait, NULL);
		watch_event_fini(&e);
	}
	return 0;
}

static int feed(const char *bytes, size_t size, size_t step, struct buf *lines)
{
	struct watchline w;
	int rc = 0;

	watchline_init(&w, LINE_MAX_BYTES);
	for (size_t at = 0; at < size && rc == 0; at += step)
		rc = watchline_feed(
			&w, bytes + at, size - at < step ? size - at : step, take_line, lines);
	if (rc == 0)
		rc = watchline_end(&w);
	watchline_fini(&w);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf whole = BUF_INIT(1 << 24);
	auto_buf pieces = BUF_INIT(1 << 24);
	int a, b;

	if (size < 1)
		return 0;
	a = feed((const char *)data + 1, size - 1, size, &whole);
	b = feed((const char *)data + 1, size - 1, data[0] % 64 + 1, &pieces);
	assert(a == b);
	assert(a == -EMSGSIZE ||
		(whole.len == pieces.len &&
			memcmp(buf_text(&whole), buf_text(&pieces), whole.len) == 0));
	return 0;
}
