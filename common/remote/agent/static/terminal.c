#include "common/remote/agent/static/terminal.h"

#include "common/base/buf.h"
#include "common/remote/agent/static/put.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static int open_by_name(int ours)
{
	auto_buf path = BUF_INIT(64);
	int n;

	if (ioctl(ours, TIOCGPTN, &n) < 0)
		return -1;
	buf_str(&path, "/dev/pts/");
	put_u64(&path, (uint64_t)n);
	return open(path.data, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int terminal_open(int *ret_ours, int *ret_theirs)
{
	auto_close int ours = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int locked = 0;
	int theirs;

	if (ours < 0)
		ours = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (ours < 0 || ioctl(ours, TIOCSPTLCK, &locked) < 0)
		return -ENOTTY;
	theirs = ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (theirs < 0)
		theirs = open_by_name(ours);
	if (theirs < 0)
		return -ENOTTY;
	*ret_ours = take_fd(ours);
	*ret_theirs = theirs;
	return 0;
}

void terminal_resize(int ours, unsigned cols, unsigned rows)
{
	struct winsize size = { .ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows };

	ioctl(ours, TIOCSWINSZ, &size);
}

size_t terminal_eof(int ours, char last, char ret[static 2])
{
	struct termios t;

	ret[0] = tcgetattr(ours, &t) == 0 ? (char)t.c_cc[VEOF] : 4;
	ret[1] = ret[0];
	return last == '\n' || !last ? 1 : 2;
}
