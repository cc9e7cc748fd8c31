/*
 * The stream of `kubectl sbx cp` and `sync`: many files, in one direction, over a byte stream in
 * each. One side is the source (it has the files), the other the sink (it writes them). The same
 * code is both sides, in this program and in the static agent; between two sandboxes this program
 * hands on what it gets, frame by frame.
 *
 * How an agent comes to speak it: as the first request after its hello
 *	TAG pack LF	-> = TAG LF
 * and from then on both directions of the stream are frames, until it ends.
 *
 * A frame, all numbers big-endian:
 *	N 4  TYPE 1  CHECK 8  PAYLOAD N
 * N <= PACK_FRAME_MAX. CHECK is hash64 of PAYLOAD, seeded with the number of this frame in its
 * direction (from 0), times 256, plus TYPE: a frame that is changed, lost, doubled or out of place
 * is seen. Anything that is not as said here is a broken peer: -EBADMSG, and the stream is dead.
 *
 * Flow: each side sends at most PACK_WINDOW bytes (whole frames, ACK and BEAT not counted) ahead of
 * what the other has said to be done with.
 *	ACK	total 8: so many bytes that you have sent were consumed (both directions)
 *	BEAT	nothing. From who has not sent for PACK_BEAT_MS. PACK_SILENCE_MS without a frame: lost
 *
 * Packed: whole frames on their way, so many as are sent at once, may come as one
 *	PACKED	size 4, block: base/squeeze.h; it holds size <= PACK_PACKED_MAX bytes of whole frames, none of them
 *		PACKED, at least half of it frames that count. What is said above holds for those, as if they had
 *		come bare. PACKED ones are numbered for themselves. Both sides take them at any time
 *
 * From the client to each agent, first of all
 *	JOB	what to do (job.h). The sink answers READY or FAIL + DONE
 *
 * Source to sink. The tree is walked depth first, names of a folder in the order of their bytes, so
 * that two walks can be compared as they go. Names are of one component; where they belong is
 * said by the folders entered and not yet left: the sink never sees a path.
 *	ROOT	number 4: the next entry belongs to this SRC. Its name is empty: the sink knows it
 *	ENTER	META: a folder, what follows is in it
 *	LEAVE	whole 1: the folder is done, its mode and times can be set; 0: not all of it was read
 *	FILE	META content: a regular file, all of it; at most PACK_SMALL bytes
 *	BEGIN	META: a larger one: DATA*, then END
 *	DATA	offset 8, bytes: in rising order; what is between two is a hole
 *	JUMP	offset 8: what is before this is as the sink has it (RESUME)
 *	END	size 8, ok 1: 0: it could not be read to its end, a FAIL says why: it is not put in place
 *	LINK	META target of a symbolic link
 *	FIFO	META
 *	HARD	META root 4 path: another name of what was sent before as that
 * Each of ENTER, LEAVE, FILE, END, LINK, FIFO and HARD is an entry; the first of a stream is entry 0.
 *	FAIL	errno 4, root 4, path NUL text: could not be read; it is not sent
 *	NOTE	as FAIL: a word about something that is left out and is no failure
 *	TOTAL	entries 8, bytes 8, final 1: how much there is, as far as known by now
 *	DONE	entries 8, bytes 8, failures 8: that was all. Bytes: of file contents in FILE and DATA
 *
 * Sink to source
 *	READY	nothing: the destination is there
 *	SURE	entries 8: the entries below this are written (or have been told as failed)
 *	RESUME	entry 8, offset 8, hash 8: of the file that has BEGUN as this entry, this many bytes are here
 *		from an earlier time. hash: hash64 of pieces of PACK_HASH_PIECE, each seeded with
 *		the one before, the first with 0. A source that has the same jumps there
 *	STOP	entry 8: no more of this one, which has BEGUN, is wanted
 *	FAIL	errno 4, root 4, path NUL text: it could not be written
 *	NOTE	as FAIL
 *	DONE	entries 8, bytes 8, failures 8: all is written and closed. The stream ends after it
 *
 * Sync. The source sends its listing first: the same entries, but FILE and BEGIN both as ITEM (META alone;
 * size and mtime are what is compared; whole seconds decide where one side's nanoseconds are 0). The sink compares with what it has, makes folders, links and
 * fifos, sets modes and times, deletes; and asks for contents:
 *	ITEM	META: a regular file that could be had
 *	LISTED	nothing: the listing is complete
 *	WANT	how 1, hash 8, root 4, path: how 0: this file; 1: this folder with all in it; 2: this file unless
 *		its hash (as in RESUME) is that. In the order of the listing
 *	WANTED	nothing: no more is wanted
 * Then come ROOT, ENTER, FILE... as above for what was wanted, with ENTER and LEAVE around them, and DONE.
 *	SAME	META: how was 2, and it is the same: mode and times alone are to be set
 *
 * META
 *	kind 1  mode 2  uid 4  gid 4  seconds 8  nanoseconds 4  size 8  name_n 1  name
 * kind is the TYPE again that it is for, mode the low 12 bits, the time is that of the last change of
 * the content. A name is 1 to 255 bytes without '/' and NUL, not . or .., or empty behind a ROOT.
 */
#ifndef SBX_PACK_PACK_H
#define SBX_PACK_PACK_H

#include "common/base/buf.h"
#include "common/base/wire.h"

#include <sys/stat.h>

#define PACK_HEAD       13
#define PACK_FRAME_MAX  (256 * 1024 + 4096)
#define PACK_PACKED_MAX (128 * 1024 + PACK_HEAD + PACK_FRAME_MAX)
#define PACK_SMALL      (128 * 1024)
#define PACK_DATA       (256 * 1024) /* bytes of one DATA at most */
#define PACK_WINDOW     (4 * 1024 * 1024)
#define PACK_BEAT_MS    5000
#define PACK_SILENCE_MS 60000
#define PACK_HASH_PIECE (256 * 1024)
#define PACK_DEPTH_MAX  400 /* folders in folders: each costs a descriptor on both sides */
#define PACK_META_BYTES 32  /* without the name */
#define PACK_NAME_MAX   255
#define PACK_PATH_MAX   (64 * 1024)
#define PACK_TARGET_MAX 4096
#define PACK_ROOTS_MAX  10000

enum pack_type {
	PACK_ACK = 'A',
	PACK_BEAT = 'K',
	PACK_PACKED = 'z',
	PACK_JOB = 'J',
	PACK_ROOT = 'R',
	PACK_ENTER = 'D',
	PACK_LEAVE = 'U',
	PACK_FILE = 'F',
	PACK_BEGIN = 'B',
	PACK_DATA_AT = 'd',
	PACK_JUMP = 'j',
	PACK_END = 'E',
	PACK_LINK = 'L',
	PACK_FIFO = 'P',
	PACK_HARD = 'H',
	PACK_FAIL = 'X',
	PACK_NOTE = 'N',
	PACK_TOTAL = 'T',
	PACK_DONE = 'Z',
	PACK_READY = 'O',
	PACK_SURE = 'S',
	PACK_RESUME = 'G',
	PACK_STOP = 'Q',
	PACK_ITEM = 'I',
	PACK_LISTED = 'l',
	PACK_WANT = 'W',
	PACK_WANTED = 'w',
	PACK_SAME = 'M',
};

/* What a frame says of a file. name is borrowed, not NUL-terminated. */
struct pack_meta {
	uint8_t kind; /* enum pack_type */
	uint16_t mode;
	uint32_t uid, gid;
	struct timespec mtime;
	uint64_t size;
	const char *name;
	size_t name_n;
};

void pack_meta_of(const struct stat *st, uint8_t kind, const char *name, struct pack_meta *ret);
size_t pack_meta_put(const struct pack_meta *m, uint8_t *to); /* at most PACK_META_BYTES + 255 */

/* Takes a META from the front of what is left. -EBADMSG: it is none, or its name is not allowed. */
int pack_meta_take(struct reader *r, uint8_t kind, struct pack_meta *ret);

/* A legal name of one component. */
bool pack_name_ok(const char *name, size_t n);

/* A path of legal names with '/' between, or empty; without a '/' at either end. */
bool pack_path_ok(const char *path, size_t n);

/* FAIL and NOTE. path and text are borrowed and NUL-terminated. */
struct pack_trouble {
	uint32_t code, root; /* errno, positive */
	const char *path, *text;
};
void pack_trouble_put(struct buf *b, const struct pack_trouble *t);
int pack_trouble_take(const uint8_t *bytes, size_t n, struct buf *keep, struct pack_trouble *ret);

/* TOTAL, DONE. */
struct pack_count {
	uint64_t entries, bytes, failures; /* failures of a TOTAL: is it final? */
};
void pack_count_put(struct buf *b, const struct pack_count *c);
int pack_count_take(const uint8_t *bytes, size_t n, struct pack_count *ret);

/* The header of a frame; seq is its number. */
void pack_head_put(
	uint8_t to[PACK_HEAD], uint8_t type, const void *payload, size_t n, uint64_t seq);

/*
 * Is a whole frame at the front of bytes? Its length, 0: not yet, -EBADMSG. Only then is the rest of
 * it looked at: pack_head_check.
 */
ssize_t pack_frame_whole(const uint8_t *bytes, size_t n);
int pack_head_check(const uint8_t *frame, size_t n, uint64_t seq); /* n: the whole frame */

/* Against the other side's credit. */
bool pack_counts(uint8_t type);

#endif
