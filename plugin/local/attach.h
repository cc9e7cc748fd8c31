/*
 * Attaching to a container: what it writes from now on, read from its log,
 * and its standard input by way of the shim's FIFO. For the pump's thread.
 */
#ifndef SBX_LOCAL_ATTACH_H
#define SBX_LOCAL_ATTACH_H

#include "plugin/local/streampriv.h"

struct attach;

/* s->out.fd becomes a descriptor that is readable when there may be more; s->in.fd the FIFO. */
int attach_begin(struct stream *s, struct err *err);

/* Moves what there is into s's output, until it is full. -EPIPE: the container has ended. */
int attach_read(struct stream *s);
void attach_free(struct attach *a);

#endif
