/* Requests on contents: each is a job's work (job.h), on a worker thread. */
#ifndef SBX_AGENT_FILE_H
#define SBX_AGENT_FILE_H

#include "common/remote/agent/static/job.h"

int file_open(struct job *j);
int file_open_quick(struct job *j); /* quick.h */
void file_opened(struct job *j);    /* its after() */
int file_peek(struct job *j);
int file_fstat(struct job *j);
int file_read(struct job *j);
int file_write(struct job *j);
int file_zread(struct job *j);
int file_zwrite(struct job *j);
int file_fsync(struct job *j);
int file_close(struct job *j);
int file_where(struct job *j);
int file_fallocate(struct job *j);
int file_seek(struct job *j);
int file_copy(struct job *j);

#endif
