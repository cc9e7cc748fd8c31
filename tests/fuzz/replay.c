/* Replays a corpus through a fuzzer without libFuzzer: each argument is a file or a folder of
 * files. */
#include "common/base/io.h"

#include <dirent.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int replay(const char *path)
{
	auto_buf b = BUF_INIT(64 * 1024 * 1024);
	uint8_t *exact;
	int rc = io_read_file(path, &b);

	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-rc));
		return 1;
	}
	exact = xmalloc(b.len); /* of its own size, so that a sanitizer sees one byte past it */
	if (b.len)
		memcpy(exact, b.data, b.len);
	LLVMFuzzerTestOneInput(exact, b.len);
	free(exact);
	return 0;
}

static int replay_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int bad = 0;

	if (!d)
		return 1;
	while ((e = readdir(d))) {
		auto_free char *file = xprintf("%s/%s", path, e->d_name);

		if (e->d_name[0] != '.')
			bad |= replay(file);
	}
	closedir(d);
	return bad;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0)
			bad = 1;
		else
			bad |= S_ISDIR(st.st_mode) ? replay_folder(argv[i]) : replay(argv[i]);
	}
	return bad;
}
