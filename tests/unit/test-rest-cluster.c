/*
 * The same calls against a real cluster. Runs only when SBX_TEST_KUBECONFIG names one; its Pods are
 * called rest-..., in the namespace of its context. SBX_TEST_IMAGE: what they run (it needs sh).
 * SBX_TEST_KUBECONFIG_NOBODY: a user without rights.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"

#define WAIT_MS 60000

struct at {
	struct kube *k;
	const char *ns;
	char name[64];
};

static struct kube *client(const char *kubeconfig)
{
	struct kube_flags flags = { .kubeconfig = kubeconfig };
	struct kube_target *t = NULL;
	struct kube *k = NULL;
	struct err err = { "" };

	if (kube_target_load(&flags, &t, &err) < 0 || kube_open(t, &k, &err) < 0)
		fail_msg("no client: %s", err.text);
	return k;
}

static int setup(void **state)
{
	struct at *at = xcalloc(1, sizeof(*at));

	at->k = client(getenv("SBX_TEST_KUBECONFIG"));
	at->ns = kube_target(at->k)->ns;
	snprintf(at->name, sizeof(at->name), "rest-%d-%d", (int)getpid(),
		(int)(clock_now_ms() % 100000));
	*state = at;
	return 0;
}

static int teardown(void **state)
{
	struct at *at = *state;

	sandbox_delete(at->k, at->ns, at->name, NULL, 0, NULL);
	kube_close(at->k);
	free(at);
	return 0;
}

static int create(
	struct at *at, const char *image, const char *script, cJSON **ret, struct err *err)
{
	auto_buf text = BUF_INIT(4096);
	cJSON *pod;
	int rc;

	buf_printf(&text,
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\"},\"spec\":{"
		"\"restartPolicy\":\"Never\",\"terminationGracePeriodSeconds\":0,\"containers\":[{"
		"\"name\":\"sandbox\",\"image\":\"%s\",\"imagePullPolicy\":\"IfNotPresent\","
		"\"command\":[\"sh\",\"-c\",\"%s\"]}]}}",
		at->name, image, script);
	pod = json_parse(text.data, text.len);
	assert_non_null(pod);
	rc = sandbox_create(at->k, at->ns, pod, ret, err);
	cJSON_Delete(pod);
	return rc;
}

static const char *image(void)
{
	const char *named = getenv("SBX_TEST_IMAGE");

	return named ? named : "busybox:1";
}

struct waiting {
	cJSON *last;
	struct sandbox_wait wait;
	bool for_the_end;
};

static int on_event(void *arg, const char *type, const cJSON *object, struct err *err)
{
	struct waiting *w = arg;

	if (strcmp(type, "DELETED") == 0 || strcmp(type, "GONE") == 0)
		return w->for_the_end ? 1 : err_set(err, -ESTALE, "it was deleted");
	if (object) {
		cJSON_Delete(w->last);
		w->last = cJSON_Duplicate(object, true);
	}
	return w->for_the_end || !w->last ? 0 : sandbox_progress(w->last, &w->wait, err);
}

static int await(struct at *at, const cJSON *pod, bool for_the_end, struct err *err)
{
	auto_free char *collection = rest_path("/api/v1/namespaces/%s/pods", at->ns);
	auto_free char *selector = xprintf("metadata.name=%s", at->name);
	struct waiting w = { .for_the_end = for_the_end };
	int rc = watch_until(at->k, collection, selector,
		json_str(pod, "metadata.resourceVersion", NULL), deadline_after(WAIT_MS), NULL,
		on_event, &w, err);

	cJSON_Delete(w.last);
	return rc;
}

static void a_pod_lives_and_dies(void **state)
{
	struct at *at = *state;
	struct err err = { "" };
	struct sandbox s;
	cJSON *pod = NULL;
	int rc;

	if (create(at, image(), "sleep 600", &pod, &err) < 0)
		fail_msg("%s", err.text);
	rc = await(at, pod, false, &err);
	if (rc < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(pod);
	assert_int_equal(create(at, image(), "sleep 600", NULL, &err), -EEXIST);
	print_message("# %s\n", err.text);
	assert_int_equal(sandbox_get(at->k, at->ns, at->name, &pod, &err), 0);
	assert_int_equal(sandbox_parse(pod, NULL, &s, &err), 0);
	assert_true(s.running);
	assert_int_equal(sandbox_delete(at->k, at->ns, at->name, "00000000-0000", 0, &err), 0);
	assert_int_equal(await(at, NULL, false, &err), 0); /* not ours: it still runs */
	assert_int_equal(sandbox_delete(at->k, at->ns, at->name, s.uid, 1, &err), 0);
	assert_int_equal(await(at, pod, true, &err), 0);
	assert_int_equal(sandbox_delete(at->k, at->ns, at->name, s.uid, 1, &err), 0);
	assert_int_equal(sandbox_get(at->k, at->ns, at->name, NULL, &err), -ENOENT);
	print_message("# %s\n", err.text);
	sandbox_fini(&s);
	cJSON_Delete(pod);
}

static void what_cannot_run_says_why(void **state)
{
	static const struct {
		const char *image, *script, *words;
	} all[] = { { "nowhere.invalid/none:1", "true", "ErrImagePull" },
		{ NULL, "exit 3", "exit code 3" }, { "UPPER CASE", "true", "InvalidImageName" } };
	struct at *at = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct err err = { "" };
		cJSON *pod = NULL;

		if (create(at, all[i].image ? all[i].image : image(), all[i].script, &pod, &err) <
			0)
			fail_msg("%s", err.text);
		assert_int_equal(await(at, pod, false, &err), -ENOTCONN);
		print_message("# %s\n", err.text);
		assert_non_null(strstr(err.text, all[i].words));
		sandbox_delete(at->k, at->ns, at->name, json_str(pod, "metadata.uid", ""), 0, &err);
		await(at, pod, true, &err);
		cJSON_Delete(pod);
	}
}

static void an_invalid_one_is_explained(void **state)
{
	struct at *at = *state;
	struct err err = { "" };

	snprintf(at->name, sizeof(at->name), "Bad_Name");
	assert_int_equal(create(at, image(), "true", NULL, &err), -EINVAL);
	print_message("# %s\n", err.text);
	assert_non_null(strstr(err.text, "(HTTP 422); correct these fields"));
}

static void a_user_without_rights_is_told_whom_to_ask(void **state)
{
	const char *kubeconfig = getenv("SBX_TEST_KUBECONFIG_NOBODY");
	struct err err = { "" };
	struct kube *k;

	if (!kubeconfig)
		skip();
	k = client(kubeconfig);
	assert_int_equal(sandbox_list(k, "default", NULL, NULL, &err), -EACCES);
	print_message("# %s\n", err.text);
	assert_non_null(strstr(err.text, "cannot list pods in namespace default: "));
	assert_non_null(strstr(err.text, "(HTTP 403); ask for the role printed by"));
	kube_close(k);
}

static void on_listed(void *arg, const cJSON *items)
{
	__atomic_store_n((int *)arg, 1 + cJSON_GetArraySize(items), __ATOMIC_RELEASE);
}

static void on_health(void *arg, int rc, const struct err *err)
{
	if (rc < 0)
		print_message("# %s\n", err->text);
}

static void a_watch_lists_and_closes(void **state)
{
	struct watch_ops ops = { .listed = on_listed, .health = on_health };
	struct at *at = *state;
	int64_t deadline = deadline_after(WAIT_MS);
	struct err err = { "" };
	struct watch *w = NULL;
	int listed = 0;

	assert_int_equal(watch_open(at->k, "/api/v1/pods", NULL, NULL, &ops, &listed, &w, &err), 0);
	while (!__atomic_load_n(&listed, __ATOMIC_ACQUIRE) && !deadline_passed(deadline))
		sched_yield();
	watch_close(w);
	assert_true(listed);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_pod_lives_and_dies),
		CASE(what_cannot_run_says_why),
		CASE(an_invalid_one_is_explained),
		CASE(a_user_without_rights_is_told_whom_to_ask),
		CASE(a_watch_lists_and_closes),
	};

	if (!getenv("SBX_TEST_KUBECONFIG"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
