/*
 * Stands in for libFuzzer where it is absent: each file named goes through
 * the fuzzer once, whole and cut at each length to 256 bytes.
 */
#include "common/base/io.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* From a copy of its own size, so that a sanitizer sees a read behind the end. */
static void feed(const char *bytes, size_t n)
{
	auto_free uint8_t *copy = xmalloc(n);

	if (n)
		memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		auto_buf b = BUF_INIT(1 << 24);
		int rc = io_read_file(argv[i], &b);

		if (rc < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(-rc));
			return 1;
		}
		for (size_t n = 0; n <= b.len && n <= 256; n++)
			feed(buf_text(&b), n);
		feed(buf_text(&b), b.len);
	}
	return 0;
}
