#include "plugin/folder.h"

#include "common/base/io.h"
#include "plugin/quote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define STATUS_MAX (64 * 1024)
#define SHOWN_MAX  1024 /* bytes of a script that are read to show it */

static char *path_of(const char *dir, uint32_t number, const char *file)
{
	return xprintf("%s/runs/%u%s%s", dir, number, *file ? "/" : "", file);
}

int folder_open(const char *dir, uint32_t number)
{
	auto_free char *path = path_of(dir, number, "");
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int folder_ctl(const char *dir, uint32_t number, const char *line)
{
	auto_close int at = folder_open(dir, number);

	return at < 0 ? at : folder_ctl_at(at, line);
}

int folder_ctl_at(int at, const char *line)
{
	auto_close int fd = openat(at, "ctl", O_WRONLY | O_CLOEXEC);
	size_t n = strlen(line);

	if (fd < 0 || write(fd, line, n) != (ssize_t)n)
		return -errno;
	return 0;
}

int folder_status(const char *dir, uint32_t number, struct run_row *ret)
{
	auto_close int at = folder_open(dir, number);

	return at < 0 ? at : folder_status_at(at, number, ret);
}

int folder_status_at(int at, uint32_t number, struct run_row *ret)
{
	auto_close int fd = openat(at, "status", O_RDONLY | O_CLOEXEC);
	auto_free char *text = xmalloc(STATUS_MAX);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, STATUS_MAX); /* such a file comes whole */
	return n < 0 ? -errno : run_row_of_status(text, (size_t)n, number, ret);
}

/* The script and the start, which status does not tell. */
static void learn_more(const char *dir, struct run_row *row)
{
	auto_free char *path = path_of(dir, row->number, "cmd");
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[SHOWN_MAX];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return;
	if (!fstat(fd, &st))
		row->started_ms = st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	n = read(fd, text, sizeof(text));
	if (n >= 0)
		row->command = quote_show(text, (size_t)n, n == (ssize_t)sizeof(text));
}

static DIR *open_runs(const char *dir)
{
	auto_free char *path = xprintf("%s/runs", dir);

	return opendir(path);
}

int folder_list(const char *dir, struct runs *ret, struct err *err)
{
	DIR *d = open_runs(dir);
	const struct dirent *e;
	uint32_t number;

	if (!d)
		return err_set(err, -errno, "cannot list %s/runs: %m", dir);
	while ((e = readdir(d))) {
		struct run_row row;

		if (run_id_parse(e->d_name, &number) < 0 || folder_status(dir, number, &row) < 0)
			continue; /* forgotten meanwhile */
		learn_more(dir, &row);
		*runs_add(ret) = row;
	}
	closedir(d);
	runs_sort(ret);
	return 0;
}

int folder_number(const char *dir, uint32_t id, uint32_t *ret)
{
	auto_runs all = { 0 };
	const struct run_row *found;
	struct run_row row;
	int rc = folder_status(dir, id, &row);

	if (!rc) {
		bool same = row.kept == id;

		run_row_fini(&row);
		if (same) {
			*ret = id;
			return 0;
		}
	}
	rc = folder_list(dir, &all, NULL);
	found = rc < 0 ? NULL : runs_find(&all, id);
	if (!found)
		return rc < 0 ? rc : -ENOENT;
	*ret = found->number;
	return 0;
}
