/*
 * What the parts of a source share (source.c, sourcefile.c, sourcesync.c). Nobody else includes this.
 */
#ifndef SBX_PACK_WALK_H
#define SBX_PACK_WALK_H

#include "common/remote/pack/copy.h"
#include "common/remote/pack/links.h"
#include "common/remote/pack/total.h"

struct source {
	const struct pack_side *side;
	struct pack_pipe *pipe;
	struct pack_sys *sys;
	const struct pack_job *job;

	uint32_t root;
	struct buf path; /* of the entry at hand, below the root */
	struct pack_count count;
	bool listing; /* of a sync: no contents */
	struct links links;
	struct total *total; /* being counted, or NULL */

	/* Going on after job->after: still among what is there. */
	bool skipping;
	struct pack_list after;

	/* What the sink has said. */
	bool ready, sink_done, wanted_all;
	struct pack_count sink_count;
	uint64_t stop; /* the entry that it has had enough of, + 1 */
	struct {
		uint64_t entry, offset, hash;
		bool told;
	} resume;
	struct buf wants; /* WANT payloads, each behind its length in 4 bytes */
	size_t want_at;
};

/* Takes what has come. wait: at least one frame. 0 or why the stream is over. */
int source_attend(struct source *s, bool wait);

/* Room for a payload of max bytes, or NULL: the stream is over. */
uint8_t *source_room(struct source *s, size_t max);
void source_commit(struct source *s, uint8_t type, const uint8_t *payload, size_t n);
int source_say(struct source *s, uint8_t type, const void *bytes, size_t n);

/* FAIL (code < 0) or NOTE about the entry at hand. 0 or why the stream is over. */
int source_tell(struct source *s, uint8_t type, int code, const char *text);

/* A regular file: FILE, BEGIN..END or HARD. st: of fd, which is borrowed. */
int source_file(struct source *s, int fd, const char *name, const struct stat *st);

/* All below the SRCs, or below one: as entries, or as a listing. */
int source_roots(struct source *s);
int source_root(struct source *s, uint32_t root);
char *source_path(const struct source *s, uint32_t root); /* malloc'ed */

/* One entry of an open folder. type: DT_*, DT_UNKNOWN asks. */
int source_entry(struct source *s, int dir, const char *name, unsigned char type, int depth);

/* The listing is out: what is wanted goes, as it is asked for. */
int source_wants(struct source *s);

#endif
