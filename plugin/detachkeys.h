/*
 * The keys that leave a terminal: "ctrl-p,ctrl-q", as docker's --detach-keys.
 *
 * What is typed passes at once; only the beginning of the sequence is held back until the next key
 * tells, or until the caller has waited long enough (detachkeys_release).
 */
#ifndef SBX_PLUGIN_DETACHKEYS_H
#define SBX_PLUGIN_DETACHKEYS_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define DETACHKEYS_MAX 16

struct detachkeys {
	char keys[DETACHKEYS_MAX];
	size_t n;    /* 0: none, all passes */
	size_t held; /* the first keys of the sequence, typed already */
};

/*
 * Keys by comma: one character, ctrl-X with X of a-z @ [ \ ] ^ _, or DEL. "" is none.
 * -EINVAL: err says which one is no key.
 */
int detachkeys_parse(const char *text, struct detachkeys *ret, struct err *err);

/* Appends to ret what is not the sequence: at most n + DETACHKEYS_MAX bytes. True: the sequence
 * came; what was typed behind it is dropped. */
bool detachkeys_feed(struct detachkeys *d, const void *bytes, size_t n, struct buf *ret);

/* What is held back was not meant. */
void detachkeys_release(struct detachkeys *d, struct buf *ret);

#endif
