#include "common/remote/agent/static/xattr.h"

#include "common/remote/agent/static/put.h"
#include "common/remote/proto.h"

#include <sys/xattr.h>

/* name NULL: all names. Not more than wanted. */
static int answer(struct job *j, const char *name, uint64_t wanted)
{
	char *bytes = buf_room(&j->content, PROTO_XATTR_MAX);
	uint64_t got;
	ssize_t n;

	if (name)
		n = lgetxattr(j->text[0], name, bytes, PROTO_XATTR_MAX);
	else
		n = llistxattr(j->text[0], bytes, PROTO_XATTR_MAX);
	if (n < 0)
		return -errno;
	got = (uint64_t)n;
	if (got > wanted)
		return -ERANGE;
	buf_grew(&j->content, got);
	put_words(&j->fields, &got, 1);
	return 0;
}

int xattr_get(struct job *j)
{
	return answer(j, j->text[1], j->num[0]);
}

int xattr_list(struct job *j)
{
	return answer(j, NULL, j->num[0]);
}

int xattr_set(struct job *j)
{
	const char *flag = j->word[0];
	int flags = *flag == 'n' ? XATTR_CREATE : *flag == 'r' ? XATTR_REPLACE : 0;

	if (flag[0] && (flag[1] || (!flags && *flag != '-')))
		return -EINVAL;
	return lsetxattr(j->text[0], j->text[1], j->body, j->body_n, flags) < 0 ? -errno : 0;
}

int xattr_remove(struct job *j)
{
	return lremovexattr(j->text[0], j->text[1]) < 0 ? -errno : 0;
}
