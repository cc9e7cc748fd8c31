/* What decodes from text encodes to what decodes the same; log lines and sizes stay inside their
 * bytes. */
#include "plugin/local/channel.h"
#include "plugin/local/podlog.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	auto_buf one = BUF_INIT(1u << 16), back = BUF_INIT(1u << 17), two = BUF_INIT(1u << 16);
	uint8_t channel, again;
	uint16_t columns, rows;
	struct podlog_line line;

	if (channel_decode_text(text, n, &channel, &one) == 0) {
		channel_encode_text(channel, buf_text(&one), one.len, &back);
		assert(channel_decode_text(buf_text(&back), back.len, &again, &two) == 0);
		assert(channel == again && one.len == two.len);
		assert(!memcmp(buf_text(&one), buf_text(&two), one.len));
	}
	channel_parse_resize(text, n, &columns, &rows);
	if (podlog_parse(text, n, &line) == 0)
		assert(line.text >= text && line.text + line.text_bytes == text + n);
	return 0;
}
