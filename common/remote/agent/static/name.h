/* Requests on names and attributes: each is a job's work (job.h), on a worker thread. */
#ifndef SBX_AGENT_NAME_H
#define SBX_AGENT_NAME_H

#include "common/remote/agent/static/job.h"

int name_stat(struct job *j);
int name_list(struct job *j);
int name_zlist(struct job *j); /* streams */
int name_readlink(struct job *j);
int name_mkdir(struct job *j);
int name_mknod(struct job *j);
int name_symlink(struct job *j);
int name_link(struct job *j);
int name_rename(struct job *j);
int name_unlink(struct job *j);
int name_rmdir(struct job *j);
int name_statfs(struct job *j);

#endif
