/*
 * From a request to its answer: paths, verbs, kinds. On the service thread;
 * waits for nothing but small files.
 */
#ifndef SBX_LOCAL_API_H
#define SBX_LOCAL_API_H

#include "plugin/local/call.h"
#include "plugin/local/engine.h"

/* What a path says. Strings are the path's own, cut in place. */
struct target {
	const struct resource *resource;
	char *ns;   /* "" when none */
	char *name; /* NULL: the collection */
	char *sub;  /* "log", "exec", ... or NULL */
};

/* -ENOENT: no path of this API. Cuts path. */
int target_parse(char *path, struct target *ret);

void api_serve(struct engine *e, struct call *c, struct answer *ret);

/* Whether the token is the right one; compares in constant time. */
bool api_knows(const struct engine *e, const struct call *c);

enum stream_kind { STREAM_EXEC, STREAM_ATTACH, STREAM_FORWARD };

/* What a pods/exec, attach or portforward is about. */
struct stream_target {
	enum stream_kind kind;
	struct snap *pod; /* a reference */
	char *container;  /* for portforward: the one whose life is the Pod's */
	uint16_t port;
};
void stream_target_fini(struct stream_target *t);

/* Checks such a request. 0, or -EPERM and the refusal in ret. */
int api_stream_target(
	struct engine *e, struct call *c, struct stream_target *ret_target, struct answer *ret);

#endif
