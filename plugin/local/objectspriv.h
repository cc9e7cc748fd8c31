/*
 * What the verbs on objects share: objects.c, update.c, deletion.c.
 */
#ifndef SBX_LOCAL_OBJECTSPRIV_H
#define SBX_LOCAL_OBJECTSPRIV_H

#include "plugin/local/objects.h"
#include "plugin/local/select.h"

bool objects_are_pods(const struct target *t);

void objects_refuse(struct answer *ret, const struct target *t, cJSON *takes_status);
void objects_not_found(struct answer *ret, const struct target *t);
void objects_bad_request(struct answer *ret, const char *text);

/* As JSON or as a table, as the call asks. */
void objects_answer(struct answer *ret, const struct call *c, int code, struct snap *s);
void objects_answer_list(const struct target *t, const struct call *c, struct snap **all, size_t n,
	uint64_t rv, struct answer *ret);

/* The body as an object. -EPERM, with the refusal in ret. */
int objects_take_body(const struct call *c, cJSON **ret_json, struct answer *ret);

/* Namespace, kind, version and name, made to agree with the path. NULL, or the refusal. */
cJSON *objects_check_meta(struct engine *e, const struct target *t, cJSON *json);

/* The call's selectors. -EINVAL, with the refusal in ret. */
int objects_select(const struct call *c, struct select **ret_labels, struct select **ret_fields,
	struct answer *ret);
/* Drops (and unrefs) what does not match; how many are left. */
size_t objects_keep(
	struct snap **all, size_t n, const struct select *labels, const struct select *fields);

#endif
