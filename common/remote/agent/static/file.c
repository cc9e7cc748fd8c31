#include "common/remote/agent/static/file.h"

#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/own.h"
#include "common/base/squeeze.h"
#include "common/remote/agent/static/put.h"

#include <fcntl.h>
#include <sys/syscall.h>

#define COPY_MAX   (16 * 1024 * 1024) /* by one request: its deadline is the next ones', too */
#define COPY_PIECE (64 * 1024)

#define LITTLE 4096 /* read at least: what size says 0 of may have bytes */

static int answer_stat(struct job *j, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	job_record(j, &st);
	return 0;
}

/* FLAGS as open(2)'s; -EINVAL. */
static int open_flags(const char *letters)
{
	static const char known[] = "rwacxt";
	static const int bits[] = { 0, 0, O_APPEND, O_CREAT, O_EXCL, O_TRUNC };
	bool r = false, w = false;
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	for (; *letters; letters++) {
		const char *at = strchr(known, *letters);

		if (!at)
			return -EINVAL;
		flags |= bits[at - known];
		r = r || *at == 'r';
		w = w || *at == 'w' || *at == 'a';
	}
	if (!r && !w)
		return -EINVAL;
	return flags | (r && w ? O_RDWR : w ? O_WRONLY : O_RDONLY);
}

/* Only files: the end of a fifo or a device would be waited for, and opening one may do things. */
static int opens(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return S_ISREG(st->st_mode) ? 0 : -ENXIO;
}

/* What a file of the kernel gives in one go is less than it has: on until it gives nothing. */
static int take_bytes(struct job *j, int fd, uint64_t offset, uint64_t wanted, uint64_t *ret_got)
{
	char *at = buf_room(&j->content, wanted);
	uint64_t got = 0;

	while (got < wanted) {
		ssize_t n = pread(fd, at + got, wanted - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !got)
			return -errno;
		if (n <= 0)
			break;
		got += (uint64_t)n;
	}
	if (at)
		buf_grew(&j->content, got);
	*ret_got = got;
	return 0;
}

/* Its first bytes come with the answer. That they cannot be had is for a read to say. */
static void look_ahead(struct job *j, int fd, uint64_t size)
{
	uint64_t wanted = j->num[1], first = size < LITTLE ? LITTLE : size + 1;

	if (!wanted || !strchr(j->word[0], 'r'))
		return;
	/* Most files are far smaller; and one that grows meanwhile must not look as if it ended here. */
	if (first > wanted)
		first = wanted;
	j->ahead = take_bytes(j, fd, 0, first, &j->valid) == 0 &&
		   (j->valid < first || first == wanted);
	if (!j->ahead)
		buf_reset(&j->content);
}

/* The open's answer, and fd for its handle. Takes fd. */
static int answer_open(struct job *j, int fd, const struct stat *st)
{
	job_record(j, st);
	look_ahead(j, fd, (uint64_t)st->st_size);
	j->fd = fd;
	return 0;
}

int file_open(struct job *j)
{
	int flags = open_flags(j->word[0]);
	struct stat st;
	struct own own;
	int fd, rc;

	if (flags < 0)
		return flags;
	if (stat(j->text[0], &st) == 0 && !((flags & O_CREAT) && (flags & O_EXCL))) {
		rc = opens(&st);
		if (rc < 0)
			return rc;
	}
	own = own_begin(
		flags & O_CREAT ? j->num[2] : OWN_KEEP, flags & O_CREAT ? j->num[3] : OWN_KEEP);
	fd = open(j->text[0], flags, (mode_t)j->num[0] & 07777);
	own_end(&own);
	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) < 0 ? -errno : opens(&st);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	j->local = quick_learn(&j->agent->quick, fd, st.st_dev);
	return answer_open(j, fd, &st);
}

int file_open_quick(struct job *j)
{
	struct quick_view view = { 0 };
	struct stat st;
	int fd = QUICK_NOT;

	if (strcmp(j->word[0], "r") == 0)
		fd = quick_lookup(&j->agent->quick, j->text[0], open_flags("r"));
	if (fd == QUICK_NOT || fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		!quick_has(&view, fd, 0, j->num[1], (uint64_t)st.st_size)) {
		quick_forget(&view);
		close(fd);
		return QUICK_NOT;
	}
	j->local = true;
	j->view = view;
	quick_lend(&j->agent->quick, j);
	return answer_open(j, fd, &st);
}

void file_opened(struct job *j)
{
	struct handle *h = j->handle;

	if (j->rc < 0) {
		if (h)
			h->failed = h->closed = true;
		return;
	}
	if (!h)
		h = handle_new(&j->agent->handles, 0);
	if (!h) {
		quick_forget(&j->view);
		close(j->fd);
		j->rc = -EMFILE;
		return;
	}
	h->fd = j->fd;
	h->local = j->local;
	h->view = j->view;
	j->view = (struct quick_view){ 0 };
	h->reads_only = strcmp(j->word[0], "r") == 0;
	j->fd = -1;
	put_words(&j->fields, &h->id, 1);
	if (j->ahead)
		put_words(&j->fields, &j->valid, 1);
}

/* Nobody has asked for this file by name: whatever else than a file it is, it is not touched. */
int file_peek(struct job *j)
{
	auto_close int fd = -1;
	struct stat st;
	int rc;

	if (lstat(j->text[0], &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -EINVAL;
	fd = open(j->text[0], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	job_record(j, &st);
	rc = take_bytes(j, fd, 0, j->num[0], &j->valid);
	if (rc == 0)
		put_words(&j->fields, &j->valid, 1);
	return rc;
}

int file_fstat(struct job *j)
{
	return answer_stat(j, j->fd);
}

int file_read(struct job *j)
{
	uint64_t got;
	int rc = take_bytes(j, j->fd, j->num[1], j->num[2], &got);

	if (rc == 0)
		put_words(&j->fields, &got, 1);
	return rc;
}

/* Packed, if it gets shorter: a copy of it for a while. */
static size_t pack(struct job *j, uint64_t got)
{
	struct buf packed = BUF_INIT(j->content.max);
	char *room = buf_room(&packed, squeeze_worth(got));
	size_t n = room ? squeeze(j->content.data, got, room, squeeze_worth(got)) : 0;

	if (!n) {
		buf_fini(&packed);
		return 0;
	}
	buf_grew(&packed, n);
	buf_fini(&j->content);
	j->content = packed;
	return n;
}

int file_zread(struct job *j)
{
	uint64_t got, words[2];
	int rc = take_bytes(j, j->fd, j->num[1], j->num[2], &got);

	if (rc < 0)
		return rc;
	words[0] = got ? pack(j, got) : 0;
	words[1] = got;
	if (words[0])
		put_words(&j->fields, words, 2);
	else
		put_words(&j->fields, &got, 1);
	return 0;
}

static int write_all(struct job *j, const char *bytes, uint64_t count)
{
	uint64_t put = 0;

	while (put < count) {
		ssize_t n = pwrite(j->fd, bytes + put, count - put, (off_t)(j->num[1] + put));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		put += (uint64_t)n;
	}
	put_words(&j->fields, &put, 1);
	return 0;
}

int file_write(struct job *j)
{
	return write_all(j, j->body, j->body_n);
}

int file_zwrite(struct job *j)
{
	auto_free char *bytes = xmalloc(j->num[2] + 1);

	if (unsqueeze(j->body, j->body_n, bytes, j->num[2]) < 0)
		return -EINVAL;
	return write_all(j, bytes, j->num[2]);
}

int file_fsync(struct job *j)
{
	return fsync(j->fd) < 0 ? -errno : answer_stat(j, j->fd);
}

int file_close(struct job *j)
{
	quick_forget(&j->handle->view);
	j->later = true;
	return close(j->fd) < 0 && errno != EINTR ? -errno : 0;
}

int file_where(struct job *j)
{
	buf_str(&j->content, "/proc/");
	put_u64(&j->content, (uint64_t)getpid());
	buf_str(&j->content, "/fd/");
	put_u64(&j->content, (uint64_t)j->fd);
	return 0;
}

int file_fallocate(struct job *j)
{
	static const char known[] = "kpz";
	static const int bits[] = { 1, 2, 16 }; /* FALLOC_FL_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE */
	int mode = 0;

	for (const char *at = j->word[0]; *at && strcmp(j->word[0], "-") != 0; at++) {
		const char *letter = strchr(known, *at);

		if (!letter)
			return -EOPNOTSUPP;
		mode |= bits[letter - known];
	}
	if (fallocate(j->fd, mode, (off_t)j->num[1], (off_t)j->num[2]) < 0)
		return -errno;
	return answer_stat(j, j->fd);
}

int file_seek(struct job *j)
{
	bool hole = strcmp(j->word[0], "h") == 0;
	uint64_t found;
	off_t at;

	if (!hole && strcmp(j->word[0], "d") != 0)
		return -EINVAL;
	at = lseek(j->fd, (off_t)j->num[1], hole ? SEEK_HOLE : SEEK_DATA);
	if (at < 0)
		return -errno;
	found = (uint64_t)at;
	put_words(&j->fields, &found, 1);
	return 0;
}

/* Where the kernel cannot. 0 or -errno; *done grows. */
static int copy_by_hand(const struct job *j, uint64_t n, uint64_t *done)
{
	auto_free char *bytes = xmalloc(COPY_PIECE);

	while (*done < n) {
		size_t part = n - *done < COPY_PIECE ? n - *done : COPY_PIECE;
		ssize_t got = pread(j->from, bytes, part, (off_t)(j->num[4] + *done));
		ssize_t put = got;

		if (got > 0)
			put = pwrite(j->fd, bytes, (size_t)got, (off_t)(j->num[1] + *done));
		if (put <= 0)
			return put < 0 && !*done ? -errno : 0;
		*done += (uint64_t)put;
	}
	return 0;
}

static bool by_hand(int error)
{
	return error == EXDEV || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

int file_copy(struct job *j)
{
	int64_t to = (int64_t)j->num[1], from = (int64_t)j->num[4];
	uint64_t n = j->num[2] < COPY_MAX ? j->num[2] : COPY_MAX, done = 0;
	int rc = 0;

	while (done < n && rc == 0) {
		long part = syscall(SYS_copy_file_range, j->from, &from, j->fd, &to, n - done, 0);

		if (part < 0 && !done)
			rc = by_hand(errno) ? copy_by_hand(j, n, &done) : -errno;
		if (part <= 0)
			break;
		done += (uint64_t)part;
	}
	if (rc == 0)
		rc = answer_stat(j, j->fd);
	if (rc == 0)
		put_words(&j->fields, &done, 1);
	return rc;
}
