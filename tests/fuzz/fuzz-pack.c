/*
 * What a hostile source says to the sink on this machine (pack.h), and what a client's JOB and the parts of frames are
 * read as. The input is frames: TYPE, a length of two bytes, PAYLOAD; sums and numbers are put right, so that it
 * is not those that stop everything. Nothing may be made beside the sink's own folder, and no name of it
 * may lead anywhere.
 */
#include "common/base/io.h"
#include "common/remote/pack/copy.h"

#include <assert.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int gone(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	/* never through a link: the input has made those */
	if (type == FTW_DNR)
		chmod(path, 0700);
	return remove(path) < 0 && ftw->level == 0 ? -1 : 0;
}

static void parts(const uint8_t *data, size_t size)
{
	auto_buf keep = BUF_INIT(PACK_FRAME_MAX);
	auto_buf again = BUF_INIT(PACK_FRAME_MAX);
	struct pack_trouble t;
	struct pack_job job;

	pack_job_init(&job);
	if (pack_job_take(data, size, &job) == 0) {
		pack_job_put(&again, &job);
		assert(again.len == size);
	}
	pack_job_fini(&job);
	if (pack_trouble_take(data, size, &keep, &t) == 0) {
		buf_reset(&again);
		pack_trouble_put(&again, &t);
		assert(again.len == size && memcmp(again.data, data, size) == 0);
	}
}

static void frames(struct buf *b, const uint8_t *data, size_t size)
{
	for (uint64_t seq = 0; size >= 3 && b->len < 200000; seq++) {
		size_t n = (size_t)data[1] << 8 | data[2];
		uint8_t head[PACK_HEAD];

		if (n > size - 3)
			n = size - 3;
		pack_head_put(head, data[0], data + 3, n, seq);
		buf_add(b, head, sizeof(head));
		buf_add(b, data + 3, n);
		data += 3 + n;
		size -= 3 + n;
	}
}

static int sink(const struct buf *b, const char *dst, uint32_t flags)
{
	struct pack_job job;
	struct pack_side side = { .sys = &pack_sys_here, .job = &job };
	int fds[2], rc;

	pack_job_init(&job);
	job.flags = flags;
	pack_list_add(&job.paths, "got", 3);
	job.dst = xstrdup(dst);
	if (io_pair(fds) < 0)
		abort();
	if (b->len && write(fds[1], b->data, b->len) < 0)
		abort();
	shutdown(fds[1], SHUT_WR);
	if (pack_pipe_open(fds[0], fds[0], true, &side.pipe) < 0)
		abort();
	rc = pack_sink(&side);
	pack_pipe_close(side.pipe);
	close(fds[0]);
	close(fds[1]);
	pack_job_fini(&job);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char outer[] = "/tmp/sbx-fuzz-pack.XXXXXX";
	auto_buf b = BUF_INIT(1 << 20);
	auto_free char *dst = NULL;
	struct dirent *e;
	DIR *d;

	parts(data, size);
	if (!size || !mkdtemp(outer))
		return 0;
	dst = xprintf("%s/in", outer);
	mkdir(dst, 0700);
	frames(&b, data + 1, size - 1);
	sink(&b, dst, data[0] & 1 ? PACK_JOB_SYNC | PACK_JOB_DELETE : 0);
	d = opendir(outer);
	while (d && (e = readdir(d)))
		assert(e->d_name[0] == '.' || strcmp(e->d_name, "in") == 0);
	closedir(d);
	nftw(outer, gone, 20, FTW_DEPTH | FTW_PHYS);
	return 0;
}
