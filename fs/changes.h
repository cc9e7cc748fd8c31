/*
 * What a far end tells of the folders that it was asked to watch, put into the tables and told on to
 * the kernel.
 *
 * What equals what is known costs nothing: all that this mount changes is told, too. What an answer has
 * just contradicted is in doubt (DIR_CROSS_MS). While a file is being written, its attributes are put
 * into the listing alone, and weighed when the writer's own have come.
 */
#ifndef SBX_FS_CHANGES_H
#define SBX_FS_CHANGES_H

#include "common/remote/remote.h"

/* session_spec's changed; box is a struct box. */
void changes_told(void *box, uint64_t watch, const struct change *changes, size_t count);

#endif
