/*
 * Ends the boxes that nobody holds any more, on a thread of its own: saying
 * goodbye to a sandbox may take seconds, and nobody's run may wait for that.
 */
#ifndef SBX_FS_REAPER_H
#define SBX_FS_REAPER_H

struct box;
struct reaper;

int reaper_open(struct reaper **ret); /* fails with the errno of pthread_create(3) */
/* Any thread, any lock. Takes the box. */
void reaper_take(struct reaper *r, struct box *b);
void reaper_hurry(struct reaper *r); /* from now on nobody is waited for */
void reaper_close(struct reaper *r); /* ends those that are left; takes NULL */

#endif
