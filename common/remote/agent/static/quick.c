#include "common/remote/agent/static/quick.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define READ_MAX     (64 * 1024) /* more is better copied by a worker while others are served */
#define ZREAD_MAX    (16 * 1024) /* packing takes longer than copying */
#define PAGE         4096u
#define VIEW_MAX     ((uint64_t)1 << 40)
#define PLACE_MS     1000  /* something else may be mounted there */
#define BELIEVED_MS  10000 /* a device's number may be another one's after it was unmounted */
#define SPARE_BYTES  (READ_MAX + 4096)
#define CACHED_ONLY  0x20      /* RESOLVE_CACHED of linux/openat2.h */
#define LOOK_ONLY    010000000 /* O_PATH */
#define NOT_SYNCED   0x4000    /* AT_STATX_DONT_SYNC */
#define OF_THIS_FD   0x1000    /* AT_EMPTY_PATH */
#define STATX_BASICS 0x7ff

void quick_init(struct quick *q)
{
	pthread_mutex_init(&q->lock, NULL);
}

/* --- devices -------------------------------------------------------------- */

/* linux/magic.h. Overlays count: what lies beneath one does not change by itself. */
static bool is_local(uint64_t type)
{
	static const uint32_t types[] = {
		0x794c7630, /* overlayfs */
		0xef53,     /* ext */
		0x58465342, /* xfs */
		0x9123683e, /* btrfs */
		0x01021994, /* tmpfs */
		0x858458f6, /* ramfs */
		0xf2f52010, /* f2fs */
		0x2fc12fc1, /* zfs */
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i] == (uint32_t)type)
			return true;
	}
	return false;
}

/* lock held */
static struct quick_device *slot(struct quick *q, uint64_t dev)
{
	return &q->devices[dev % QUICK_DEVICES];
}

static bool known(struct quick *q, uint64_t dev, bool *ret_local)
{
	struct quick_device *d = slot(q, dev);

	scoped_lock(&q->lock);
	*ret_local = d->local;
	return d->dev == dev && d->until_ms && clock_now_ms() < d->until_ms;
}

static bool note(struct quick *q, uint64_t dev, bool local)
{
	scoped_lock(&q->lock);
	*slot(q, dev) = (struct quick_device){ dev, clock_now_ms() + BELIEVED_MS, local };
	return local;
}

bool quick_learn(struct quick *q, int fd, uint64_t dev)
{
	struct statfs fs;

	/* Asked each time: a handle goes by it for as long as it is open. */
	return note(q, dev, fstatfs(fd, &fs) == 0 && is_local((uint64_t)fs.f_type));
}

void quick_learn_name(struct quick *q, const char *path, uint64_t dev)
{
	struct statfs fs;
	bool local;

	if (!known(q, dev, &local))
		note(q, dev, statfs(path, &fs) == 0 && is_local((uint64_t)fs.f_type));
}

/* --- pages ---------------------------------------------------------------- */

void quick_forget(struct quick_view *v)
{
	if (v->n)
		munmap(v->at, v->n);
	*v = (struct quick_view){ 0 };
}

static bool view(struct quick_view *v, int fd, uint64_t size)
{
	size_t n = (size + PAGE - 1) / PAGE * PAGE;
	void *at;

	if (n <= v->n)
		return true;
	quick_forget(v);
	at = size <= VIEW_MAX ? mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (at == MAP_FAILED)
		return false;
	*v = (struct quick_view){ at, n };
	return true;
}

/* Nothing is read through the view: it may be beyond the end by now. */
static bool resident(const struct quick_view *v, uint64_t offset, uint64_t end)
{
	unsigned char pages[READ_MAX / PAGE + 2];
	uint64_t first = offset / PAGE * PAGE;
	size_t count = (end - first + PAGE - 1) / PAGE;

	if (mincore((char *)v->at + first, end - first, pages) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!(pages[i] & 1))
			return false;
	}
	return true;
}

bool quick_has(struct quick_view *v, int fd, uint64_t offset, uint64_t n, uint64_t size)
{
	uint64_t end = n < size && offset < size - n ? offset + n : size;

	if (offset >= end)
		return true;
	return end - offset <= READ_MAX && view(v, fd, size) && resident(v, offset, end);
}

/* Within the view even its size needs no asking: what was cut off since is not there any more. */
static bool has(struct job *j)
{
	struct quick_view *v = &j->handle->view;
	uint64_t offset = j->num[1], n = j->num[2];
	struct stat st;

	if (n && n <= v->n && offset <= v->n - n)
		return resident(v, offset, offset + n);
	return fstat(j->fd, &st) == 0 && quick_has(v, j->fd, offset, n, (uint64_t)st.st_size);
}

int quick_read(struct job *j)
{
	if (!j->handle->local || j->num[2] > READ_MAX || !has(j))
		return QUICK_NOT;
	quick_lend(&j->agent->quick, j);
	return file_read(j);
}

int quick_zread(struct job *j)
{
	if (!j->handle->local || j->num[2] > ZREAD_MAX || !has(j))
		return QUICK_NOT;
	quick_lend(&j->agent->quick, j);
	return file_zread(j);
}

int quick_fstat(struct job *j)
{
	return j->handle->local ? file_fstat(j) : QUICK_NOT;
}

/* The last one lets go of all the blocks of a file that has no name any more: that takes long. */
int quick_close(struct job *j)
{
	struct stat st;

	if (!j->handle->local || !j->handle->reads_only || fstat(j->fd, &st) < 0 || !st.st_nlink)
		return QUICK_NOT;
	return file_close(j);
}

/* --- names ---------------------------------------------------------------- */

/* As statx(2)'s, which not every libc has. */
struct fields_of_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec;
		int32_t pad;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t more[14];
};

static struct stat stat_of(const struct fields_of_statx *x)
{
	return (struct stat){
		.st_dev = makedev(x->dev_major, x->dev_minor),
		.st_ino = x->ino,
		.st_nlink = x->nlink,
		.st_mode = x->mode,
		.st_uid = x->uid,
		.st_gid = x->gid,
		.st_rdev = makedev(x->rdev_major, x->rdev_minor),
		.st_size = (off_t)x->size,
		.st_blocks = (blkcnt_t)x->blocks,
		.st_atim = { x->atime.sec, x->atime.nsec },
		.st_mtim = { x->mtime.sec, x->mtime.nsec },
		.st_ctim = { x->ctime.sec, x->ctime.nsec },
	};
}

/* A descriptor of the name, by what the kernel remembers alone; -ENOENT: remembered, too; QUICK_NOT. */
static int look_up(struct quick *q, const char *path, int flags)
{
	const uint64_t how[3] = { (unsigned)flags, 0, CACHED_ONLY };
	long fd;

	if (q->no_lookups)
		return QUICK_NOT;
	fd = syscall(SYS_openat2, AT_FDCWD, path, how, sizeof(how));
	if (fd >= 0)
		return (int)fd;
	/* What forbids system calls says EPERM. */
	q->no_lookups = errno == ENOSYS || errno == EPERM;
	return errno == ENOENT ? -ENOENT : QUICK_NOT;
}

/* What is known of it without asking anybody: for a local one that is all there is to know. */
static bool attributes(struct quick *q, int fd, struct stat *ret)
{
	struct fields_of_statx x;
	bool local;

	if (syscall(SYS_statx, fd, "", OF_THIS_FD | NOT_SYNCED, STATX_BASICS, &x) < 0)
		return false;
	*ret = stat_of(&x);
	return known(q, ret->st_dev, &local) && local;
}

int quick_stat(struct job *j)
{
	struct quick *q = &j->agent->quick;
	int fd = look_up(q, j->text[0], LOOK_ONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool good;

	if (fd == -ENOENT || fd == QUICK_NOT)
		return fd;
	good = attributes(q, fd, &st);
	close(fd);
	if (!good)
		return QUICK_NOT;
	job_record(j, &st);
	return 0;
}

/* Looked at first: opening what is no file may do things. */
int quick_lookup(struct quick *q, const char *path, int flags)
{
	int fd = look_up(q, path, LOOK_ONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool good;

	if (fd == -ENOENT || fd == QUICK_NOT)
		return fd;
	good = attributes(q, fd, &st) && S_ISREG(st.st_mode);
	close(fd);
	return good ? look_up(q, path, flags) : QUICK_NOT;
}

/* --- folders -------------------------------------------------------------- */

/* Of the path of its folder; 0: there is none, or it is too long. */
static size_t folder_of(const char *path, char ret[QUICK_PATH])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : QUICK_PATH;

	if (slash == path)
		n = 1;
	if (n >= QUICK_PATH)
		return 0;
	memcpy(ret, path, n);
	ret[n] = '\0';
	return n;
}

bool quick_place(struct quick *q, const char *path)
{
	struct quick_folder *f = &q->folder;
	char folder[QUICK_PATH];
	size_t n = folder_of(path, folder);
	struct stat st;
	int fd;

	if (!n)
		return false;
	if (n == f->n && memcmp(folder, f->path, n) == 0 && clock_now_ms() < f->until_ms)
		return true;
	f->n = 0;
	fd = look_up(q, folder, LOOK_ONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fd == QUICK_NOT)
		return false;
	if (attributes(q, fd, &st)) {
		memcpy(f->path, folder, n);
		f->n = n;
		f->until_ms = deadline_after(PLACE_MS);
	}
	close(fd);
	return f->n;
}

void quick_learn_place(struct quick *q, const char *path)
{
	char folder[QUICK_PATH];
	auto_close int fd = -1;
	struct stat st;
	bool local;

	if (folder_of(path, folder))
		fd = open(folder, LOOK_ONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && !known(q, st.st_dev, &local))
		quick_learn(q, fd, st.st_dev);
}

/* --- memory --------------------------------------------------------------- */

void quick_lend(struct quick *q, struct job *j)
{
	for (size_t i = 0; i < QUICK_SPARES && !j->content.data; i++) {
		size_t max = j->content.max;

		if (!q->spares[i].data)
			continue;
		j->content = q->spares[i];
		j->content.max = max;
		q->spares[i].data = NULL;
	}
}

/* musl gives each larger piece back to the kernel at once: a system call, and page faults the next time. */
void quick_take_back(struct quick *q, struct job *j)
{
	for (size_t i = 0; i < QUICK_SPARES; i++) {
		if (q->spares[i].data || j->content.cap < PAGE || j->content.cap > SPARE_BYTES)
			continue;
		q->spares[i] = j->content;
		buf_reset(&q->spares[i]);
		buf_init(&j->content, 0);
		return;
	}
}
