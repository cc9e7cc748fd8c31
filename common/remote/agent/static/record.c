#include "common/remote/agent/static/record.h"

#include "common/remote/agent/static/put.h"

#include <sys/sysmacros.h>

static void put_fraction(struct buf *b, const struct timespec *t)
{
	buf_add(b, "|.", 2);
	put_nine(b, (uint32_t)t->tv_nsec);
}

void record_put(struct buf *b, const struct stat *st, const char *name)
{
	const uint64_t first[] = { st->st_dev, st->st_ino, st->st_nlink, st->st_uid, st->st_gid,
		(uint64_t)st->st_size, (uint64_t)st->st_blocks };
	const int64_t times[] = { st->st_atim.tv_sec, st->st_mtim.tv_sec, st->st_ctim.tv_sec };

	put_hex(b, st->st_mode);
	put_words(b, first, sizeof(first) / sizeof(first[0]));
	for (int i = 0; i < 3; i++) {
		buf_char(b, ' ');
		put_i64(b, times[i]);
	}
	buf_char(b, ' ');
	put_hex(b, major(st->st_rdev));
	buf_char(b, ' ');
	put_hex(b, minor(st->st_rdev));
	put_fraction(b, &st->st_mtim);
	put_fraction(b, &st->st_ctim);
	put_fraction(b, &st->st_atim);
	buf_char(b, '|');
	if (name)
		buf_str(b, name);
	buf_add(b, "/\n", 2);
}
