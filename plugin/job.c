#include "plugin/job.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/remote/hello.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/kind.h"
#include "plugin/lifetime.h"
#include "plugin/podjson.h"
#include "plugin/podparts.h"

#include <errno.h>

#define KEPT_S          60 /* how long it is there when it has ended by itself */
#define EVENTS_MAX      (32 * 1024)
#define EVENTS_FIRST_MS 1000

/*
 * Waits for an agent to come and go: when process 1 has been alone for so long, the client is not coming back,
 * or never came. Who came and went between two looks has left a gap in the process numbers. An image without
 * sleep waits to the Job's deadline.
 */
static const char entrypoint[] =
	HELLO_LIMIT "\n"
		    "trap 'exit 0' TERM INT\n"
		    "alone=0 most=120 last=\n"
		    "while command -v sleep >/dev/null 2>&1; do\n"
		    "\tsleep 1 & wait $!\n"
		    "\tset -- /proc/[0-9]*\n"
		    "\tif [ $# -gt 1 ] || [ $! -gt $((${last:-$!} + 1)) ]; then\n"
		    "\t\talone=0 most=10\n"
		    "\telse\n"
		    "\t\talone=$((alone + 1))\n"
		    "\tfi\n"
		    "\tlast=$!\n"
		    "\t[ $alone -lt $most ] || exit 0\n"
		    "done\n"
		    "while read -r line </dev/ptmx || [ $? -gt 128 ]; do :; done\n";

static char *const entry[] = { (char *)"sh", (char *)"-c", (char *)entrypoint, NULL };

/* --- building ------------------------------------------------------------------------------------ */

/* The Pod's own labels and annotations, not its name: Jobs name their Pods. */
static cJSON *template_of(cJSON *pod)
{
	cJSON *template = cJSON_CreateObject(), *metadata = pj_object(pod, "metadata");

	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "name");
	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "namespace");
	pj_put_str(pj_object(metadata, "labels"), LABEL_ONCE, "true");
	cJSON_AddItemToObject(
		template, "metadata", cJSON_DetachItemFromObjectCaseSensitive(pod, "metadata"));
	cJSON_AddItemToObject(
		template, "spec", cJSON_DetachItemFromObjectCaseSensitive(pod, "spec"));
	cJSON_DeleteItemFromObjectCaseSensitive(
		pj_object(template, "spec"), "activeDeadlineSeconds");
	pj_put_str(pj_object(template, "spec"), "restartPolicy", "Never");
	return template;
}

static void set_metadata(const struct pod_wish *w, cJSON *job, const char *name, int64_t deadline_s)
{
	cJSON *metadata = pj_object(job, "metadata");
	char request[LIFE_REQUEST_LETTERS + 1];

	pj_put_str(metadata, "name", name);
	pj_put_str(metadata, "namespace", w->ns);
	kind_label(job, LABEL_ONCE, "true");
	kind_annotate_time(job, ANNOTATION_EXPIRES, w->now_ms + deadline_s * 1000);
	life_request(request);
	kind_annotate(job, ANNOTATION_REQUEST, request);
}

int job_build(const struct pod_wish *w, const cJSON *base, int64_t deadline_s, cJSON **ret,
	struct err *err)
{
	struct pod_wish waiting = *w;
	auto_json pod = NULL;
	char made_up[16];
	cJSON *job, *spec;
	int rc;

	waiting.unlisted = true;
	waiting.command = entry;
	waiting.command_count = 3;
	pod_made_up_name(made_up);
	waiting.name = made_up;
	rc = pod_build(&waiting, base, &pod, err);
	if (rc < 0)
		return rc;
	job = cJSON_CreateObject();
	pj_put_str(job, "apiVersion", "batch/v1");
	pj_put_str(job, "kind", "Job");
	set_metadata(w, job, made_up, deadline_s);
	spec = pj_object(job, "spec");
	pj_put(spec, "backoffLimit", cJSON_CreateNumber(0));
	pj_put(spec, "ttlSecondsAfterFinished", cJSON_CreateNumber(KEPT_S));
	pj_put(spec, "activeDeadlineSeconds", cJSON_CreateNumber((double)deadline_s));
	pj_put(spec, "template", template_of(pod));
	*ret = job;
	return 0;
}

/* --- its Pod --------------------------------------------------------------------------------------- */

struct finding {
	struct kube *k;
	struct job *job;
	int64_t events_next_ms;
};

/* A quota or a policy refuses the Pod, not the Job: that is told by events only. */
static int check_events(struct finding *f, struct err *err)
{
	auto_buf events = BUF_INIT(EVENTS_MAX);
	const char *at;

	if (!deadline_passed(f->events_next_ms))
		return 0;
	sandbox_events(f->k, f->job->ns, f->job->uid, &events);
	at = strstr(buf_text(&events), "Warning FailedCreate: ");
	if (!at)
		return 0;
	at += strlen("Warning FailedCreate: ");
	return err_set(err, -ENOTCONN, "%.*s", (int)strnlen(at, strcspn(at, "\n")), at);
}

static int found(void *arg, const char *type, const cJSON *object, struct err *err)
{
	struct finding *f = arg;

	if (!object)
		return check_events(f, err);
	if (strcmp(json_str(object, "metadata.ownerReferences[0].uid", ""), f->job->uid) != 0)
		return 0;
	f->job->pod = cJSON_Duplicate(object, true);
	return 1;
}

static int find_pod(struct kube *k, const struct make_spec *spec, struct job *j, struct err *err)
{
	auto_free char *pods = rest_path("/api/v1/namespaces/%s/pods", j->ns);
	auto_free char *labels = xprintf("job-name=%s", j->name);
	struct finding f = { k, j, deadline_after(EVENTS_FIRST_MS) };
	int rc = watch_until_labelled(k, pods, labels, deadline_after((int)spec->timeout_ms),
		interrupt_flag(), found, &f, err);

	if (rc == -ETIMEDOUT)
		return err_set(err, rc,
			"the cluster has made no Pod for the Job after %.0f s; does its job "
			"controller "
			"run?",
			(double)spec->timeout_ms / 1000);
	return rc < 0 ? rc : 0;
}

/* --- its life -------------------------------------------------------------------------------------- */

static int post(struct kube *k, const struct make_spec *spec, int64_t deadline_s, struct job *ret,
	struct err *err)
{
	auto_json job = NULL;
	auto_json there = NULL;
	int rc = job_build(spec->wish, spec->base, deadline_s, &job, err);

	if (rc < 0)
		return rc;
	ret->ns = xstrdup(spec->wish->ns);
	ret->name = xstrdup(json_str(job, "metadata.name", ""));
	rc = kind_post(k, &kind_job, job, &there, err);
	ret->uid = xstrdup(json_str(there, "metadata.uid", ""));
	/* of a lost answer it is not known what came of it */
	if (rest_unsure(rc))
		kind_remove(k, &kind_job, ret->ns, ret->name, NULL, NULL);
	return rc;
}

static int finish(struct kube *k, const struct make_spec *spec, struct job *j, struct err *err)
{
	int rc = find_pod(k, spec, j, err);

	if (!rc)
		rc = make_finish(k, spec, &j->pod, err);
	return rc;
}

int job_start(struct kube *k, const struct make_spec *spec, int64_t deadline_s, struct job *ret,
	struct err *err)
{
	struct err why = { 0 };
	int rc;

	*ret = (struct job){ 0 };
	rc = post(k, spec, deadline_s, ret, err);
	if (rc < 0)
		return rc;
	phases_reach(spec->phases, "created", "created job %s", ret->name);
	rc = finish(k, spec, ret, err);
	if (!rc)
		return 0;
	err_wrap(err, rc, "cannot start in job %s/%s", ret->ns, ret->name);
	if (job_remove(k, ret, &why) < 0)
		err_set(&why, rc, "%.600s; and %.300s", err->text, why.text), *err = why;
	return rc;
}

/* The Job first: it would make another Pod in the place of one that is gone. */
int job_remove(struct kube *k, struct job *j, struct err *err)
{
	int rc = kind_remove(k, &kind_job, j->ns, j->name, j->uid, err);

	if (!j->pod)
		return rc;
	return make_undo(k, j->pod, rc < 0 ? NULL : err) < 0 ? -EIO : rc;
}

void job_fini(struct job *j)
{
	free(j->ns);
	free(j->name);
	free(j->uid);
	cJSON_Delete(j->pod);
	*j = (struct job){ 0 };
}
