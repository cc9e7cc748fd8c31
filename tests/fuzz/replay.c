/*
 * Stands in for libFuzzer where the compiler has none: gives every file of
 * the named folders to the fuzzer's function, once.
 */
#include "common/base/io.h"
#include "common/base/path.h"

#include <dirent.h>

#define FILE_BYTES_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *dir, const char *name)
{
	auto_buf path = BUF_INIT(4096);
	auto_buf bytes = BUF_INIT(FILE_BYTES_MAX);

	path_join(&path, dir, name);
	if (io_read_file(buf_text(&path), &bytes) < 0)
		return 1;
	return LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&bytes), bytes.len);
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++) {
		struct dirent *e;
		DIR *d = opendir(argv[i]);

		while (d && (e = readdir(d)))
			bad |= e->d_name[0] == '.' ? 0 : replay(argv[i], e->d_name);
		bad |= !d;
		if (d)
			closedir(d);
	}
	return bad;
}
