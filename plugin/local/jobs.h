/*
 * What other clusters have controllers for: a Job's Pod, and the end of what is owned by an object that is
 * gone. One Pod a Job: it is never tried again (backoffLimit 0, whatever it says).
 */
#ifndef SBX_LOCAL_JOBS_H
#define SBX_LOCAL_JOBS_H

#include "plugin/local/store.h"

/* Looks at all Jobs and at all that is owned. How long until the next look, in ms. The pods thread. */
int jobs_reconcile(struct store *st);

#endif
