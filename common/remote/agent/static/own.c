#include "common/remote/agent/static/own.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP_VERSION_3 0x20080522 /* linux/capability.h, which not every libc's headers bring */

struct cap_header {
	uint32_t version;
	int pid;
};

struct cap_data {
	uint32_t effective, permitted, inheritable;
};

/* Other ids than root's take the capabilities of the file system away; the checks are the client's. */
static void keep_capabilities(void)
{
	struct cap_header header = { .version = CAP_VERSION_3 };
	struct cap_data data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	syscall(SYS_capset, &header, data);
}

struct own own_begin(uint64_t uid, uint64_t gid)
{
	struct own own = {
		.changed = (uid != OWN_KEEP && uid != geteuid()) ||
			   (gid != OWN_KEEP && gid != getegid()),
	};

	if (!own.changed)
		return own;
	/* By syscall: the wrappers of some libraries change all threads. */
	if (gid != OWN_KEEP)
		syscall(SYS_setfsgid, (unsigned)gid);
	if (uid != OWN_KEEP)
		syscall(SYS_setfsuid, (unsigned)uid);
	keep_capabilities();
	return own;
}

void own_end(struct own *own)
{
	int error = errno;

	if (own->changed) {
		syscall(SYS_setfsuid, geteuid());
		syscall(SYS_setfsgid, getegid());
	}
	errno = error;
}
