/* Feeds files, or all files of folders, to a fuzzer: for builds without libFuzzer. */
#include "common/base/io.h"

#include <dirent.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay(const char *path)
{
	auto_buf bytes = BUF_INIT(1u << 20);
	int rc = io_read_file(path, &bytes);

	if (rc < 0)
		return rc;
	return LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&bytes), bytes.len);
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;

		if (!d)
			bad |= replay(argv[i]) < 0;
		while (d && (e = readdir(d))) {
			auto_free char *path = xprintf("%s/%s", argv[i], e->d_name);

			if (e->d_name[0] != '.')
				bad |= replay(path) < 0;
		}
		if (d)
			closedir(d);
	}
	return bad;
}
