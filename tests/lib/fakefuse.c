#include "tests/lib/fakefuse.h"

struct fuse_req *fake_req(void)
{
	return xcalloc(1, sizeof(struct fuse_req));
}

void fake_req_free(struct fuse_req *r)
{
	free(r->bytes);
	free(r);
}

struct op *fake_op(struct fs *fs, struct fuse_req *r, uint64_t offset, size_t n)
{
	struct op *op = op_new(fs, r, "test", 0, NULL);

	op->offset = offset;
	op->size = n;
	return op;
}

void fake_signal(struct fuse_req *r)
{
	r->interrupt(r, r->interrupt_data);
}

struct fuse_pollhandle *fake_poll(void)
{
	struct fuse_pollhandle *ph = xcalloc(1, sizeof(*ph));

	sem_init(&ph->told, 0, 0);
	return ph;
}

int (*fake_forget)(fuse_ino_t ino, off_t offset);
struct fake_kernel fake_kernel;

static int forget_behind_a_read(fuse_ino_t ino, off_t offset)
{
	if (offset < 0) {
		fake_kernel.attrs++;
		return 0;
	}
	sem_wait(&fake_kernel.reads);
	fake_kernel.pages++;
	return 0;
}

void fake_kernel_init(void)
{
	fake_kernel.pages = fake_kernel.attrs = 0;
	sem_init(&fake_kernel.reads, 0, 0);
	fake_forget = forget_behind_a_read;
}

void fake_post(void *sem)
{
	sem_post(sem);
}

/* --- libfuse ---------------------------------------------------------------- */

void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t func, void *data)
{
	req->interrupt = func;
	req->interrupt_data = data;
}

const struct fuse_ctx *fuse_req_ctx(fuse_req_t req)
{
	return &req->ctx;
}

int fuse_reply_err(fuse_req_t req, int err)
{
	req->err = err;
	req->answers++;
	return 0;
}

int fuse_reply_buf(fuse_req_t req, const char *buf, size_t size)
{
	req->bytes = xmalloc(size + 1);
	memcpy(req->bytes, buf ? buf : "", size);
	req->n = size;
	req->answers++;
	return 0;
}

int fuse_reply_write(fuse_req_t req, size_t count)
{
	req->n = count;
	req->answers++;
	return 0;
}

int fuse_lowlevel_notify_poll(struct fuse_pollhandle *ph)
{
	sem_post(&ph->told);
	return 0;
}

void fuse_pollhandle_destroy(struct fuse_pollhandle *ph)
{
	ph->destroyed++;
}

int fuse_lowlevel_notify_inval_inode(struct fuse_session *se, fuse_ino_t ino, off_t off, off_t len)
{
	return fake_forget ? fake_forget(ino, off) : 0;
}
