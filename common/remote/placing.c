#include "common/remote/placing.h"

#include "common/remote/hello.h"

#include "common/remote/agent/static/agent-binary.h"

/* containerd mounts /dev/shm so that nothing there can be executed. */
#define FOLDERS "/var/tmp /tmp /dev/shm /run ."
#define NAME    "$l/.sbx-agent-" AGENT_HASH

/* It says so itself: what is empty or cut off would be a script to some shells, and end well. */
#define TRY(file) "[ \"$(" file " --probe </dev/null 2>/dev/null)\" = sbx ]"

/*
 * -h: a link to something else of ours would be ours as well. Its variable is l alone: a
 * container's own, if exported, would reach its runs.
 */
static const char boot[] = HELLO_LIMIT
	"for l in " FOLDERS ";do "
	"[ -f " NAME " ]&&[ ! -h " NAME " ]&&[ -O " NAME " ]&&[ -x " NAME
	" ]&&" TRY(NAME) "&&exec " NAME ";done;"
			 "echo \"sbx want $(uname -m 2>/dev/null||echo -)"
			 "$(dd iflag=fullblock </dev/null >/dev/null 2>&1&&echo ' dd')\";"
			 "IFS= read -r l&&eval \"$(printf %b \"$l\")\"";

/*
 * Finds a folder where a file can be made, executed and filled: true, and l its last name but for .$$.
 * Only trying tells: busybox's -x looks at the mode alone, also on a file system that forbids to
 * execute; and a folder may be full. FILL prints as much as will come, which can go into one only.
 */
#define FIND(fill)                                                                                 \
	"sbx_find(){ for l in " FOLDERS ";do l=" NAME ";"                                          \
	"(umask 077;set -C;echo '#!/bin/sh' >$l.$$)2>/dev/null||continue;"                         \
	"chmod 700 $l.$$ 2>/dev/null&&{ $l.$$ </dev/null >/dev/null 2>&1;[ $? != 126 ];}&&" fill   \
	" 2>/dev/null >$l.$$&&return;"                                                             \
	"rm -f $l.$$ 2>/dev/null;done;false;};"
#define START                                                                                      \
	TRY("$l.$$")                                                                               \
	"&&exec $l.$$ --place $l;"                                                                 \
	"rm -f $l.$$ 2>/dev/null;"
#define EXACT "dd bs=%zu count=1 iflag=fullblock "
#define AGAIN                                                                                      \
	"unset -f sbx_find;set --;echo 'sbx want -';"                                              \
	"IFS= read -r l&&eval \"$(printf %b \"$l\")\""

#define DECLARE(arch, name, file)                                                                  \
	__asm__(".pushsection .rodata\n"                                                           \
		"agent_" #name ": .incbin \"" file "\"\n"                                          \
		"agent_end_" #name ": .byte 0\n"                                                   \
		".popsection\n");                                                                  \
	extern const char agent_##name[] __attribute__((visibility("hidden")));                    \
	extern const char agent_end_##name[] __attribute__((visibility("hidden")));
AGENT_EACH(DECLARE)

struct program {
	const char *arch;
	const char *bytes, *end;
};

#define ENTRY(arch, name, file) { arch, agent_##name, agent_end_##name },

static const struct program programs[] = { AGENT_EACH(ENTRY){ NULL, NULL, NULL } };

const char *placing_boot(void)
{
	return boot;
}

static const struct program *find(const char *arch, size_t n)
{
	for (const struct program *p = programs; p->arch; p++) {
		if (strlen(p->arch) == n && memcmp(p->arch, arch, n) == 0)
			return p;
	}
	return NULL;
}

bool placing_has(const char *arch, size_t n)
{
	return find(arch, n) != NULL;
}

static bool plain(unsigned char c)
{
	return c >= ' ' && c < 127 && c != '\\';
}

/* For printf's %b: a byte is itself, or \0 and as few octal digits as the next one allows. */
static void put_escaped(struct buf *to, const char *bytes, const char *end)
{
	for (; bytes < end; bytes++) {
		unsigned char c = (unsigned char)*bytes;
		bool digit = bytes + 1 < end && bytes[1] >= '0' && bytes[1] <= '7';

		if (plain(c))
			buf_char(to, (char)c);
		else
			buf_printf(to, digit ? "\\0%03o" : c ? "\\0%o" : "\\0", c);
	}
}

void placing_text(struct buf *ret, const char *arch, size_t n, bool dd)
{
	const struct program *p = find(arch, n);
	size_t size = (size_t)(p->end - p->bytes);

	if (dd) {
		buf_printf(ret,
			FIND(EXACT "</dev/zero") "if sbx_find;then " EXACT "2>/dev/null >$l.$$;",
			size, size);
		buf_printf(ret, START "else " EXACT ">/dev/null 2>&1;fi;", size);
		buf_str(ret, AGAIN "\n");
		buf_add(ret, p->bytes, size);
		return;
	}
	buf_str(ret, "IFS= read -r l;set -- \"$l\";" FIND("printf %b \"$1\""));
	buf_str(ret, "if sbx_find \"$1\";then " START "fi;" AGAIN "\n");
	put_escaped(ret, p->bytes, p->end);
	buf_char(ret, '\n');
}
