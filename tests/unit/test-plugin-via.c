/* agent-sandbox's objects: what is posted, what is read from what its controller says. */
#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/viabuild.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct kind sandbox = { "sandbox", "/apis/agents.x-k8s.io/v1beta1", "sandboxes",
	"agents.x-k8s.io/v1beta1", "Sandbox" };
static const struct kind claim = { "sandboxclaim", "/apis/extensions.agents.x-k8s.io/v1beta1",
	"sandboxclaims", "extensions.agents.x-k8s.io/v1beta1", "SandboxClaim" };
static const struct kind old_claim = { "sandboxclaim", "/apis/extensions.agents.x-k8s.io/v1alpha1",
	"sandboxclaims", "extensions.agents.x-k8s.io/v1alpha1", "SandboxClaim" };

#define CHECK_TEXT(object, path, text) assert_string_equal(json_str(object, path, "(none)"), text)

static cJSON *parse(const char *text)
{
	cJSON *json = json_parse(text, strlen(text));

	assert_non_null(json);
	return json;
}

static cJSON *a_pod(void)
{
	const char *labels[] = { "team=red" }, *meta[] = { "owner=ann" };
	struct pod_wish w = { .o = WISH_DEFAULTS, .name = "web", .ns = "dev", .unlisted = true };
	cJSON *pod = NULL;

	w.o.labels = (struct opt_list){ labels, 1 };
	w.o.meta = (struct opt_list){ meta, 1 };
	assert_int_equal(pod_build(&w, NULL, &pod, NULL), 0);
	return pod;
}

static void a_sandbox_makes_the_pod_that_was_wished(void **state)
{
	auto_json pod = a_pod();
	auto_json o = via_build_sandbox(&sandbox, pod);
	const cJSON *of_pod = json_at(o, "spec.podTemplate.metadata");

	CHECK_TEXT(o, "kind", "Sandbox");
	CHECK_TEXT(o, "metadata.name", "web");
	CHECK_TEXT(o, "metadata.namespace", "dev");
	CHECK_TEXT(o, "metadata.labels.team", "red");
	CHECK_TEXT(of_pod, "labels.team", "red");
	CHECK_TEXT(o, "spec.podTemplate.spec.containers[0].name", "sandbox");
	assert_true(cJSON_Compare(json_at(o, "spec.podTemplate.spec"), json_at(pod, "spec"), true));
	assert_null(json_at(of_pod, "name"));
}

static void its_pod_is_nobodys_to_take_away(void **state)
{
	auto_json pod = a_pod();
	auto_json o = via_build_sandbox(&sandbox, pod);
	const cJSON *of_pod = json_at(o, "spec.podTemplate.metadata");

	assert_null(json_member(json_at(of_pod, "labels"), LABEL_MANAGED));
	assert_null(json_member(json_at(of_pod, "labels"), LABEL_SANDBOX_ID));
	assert_null(json_member(json_at(of_pod, "annotations"), ANNOTATION_REQUEST));
	assert_non_null(json_member(json_at(o, "metadata.annotations"), ANNOTATION_REQUEST));
	assert_non_null(json_member(json_at(of_pod, "annotations"), META_PREFIX "owner"));
}

static void a_claim_names_what_its_version_wants(void **state)
{
	const char *env[] = { "A=b=c" }, *meta[] = { "owner=ann" };
	struct pod_wish w = { .o = WISH_DEFAULTS, .name = "mine", .ns = "dev" };
	auto_json now = NULL;
	auto_json old = NULL;
	auto_json other = NULL;

	w.o.env = (struct opt_list){ env, 1 };
	w.o.meta = (struct opt_list){ meta, 1 };
	now = via_build_claim(&claim, &w, "python", "warm");
	CHECK_TEXT(now, "spec.warmPoolRef.name", "warm");
	assert_null(json_at(now, "spec.sandboxTemplateRef"));
	CHECK_TEXT(now, "spec.env[0].name", "A");
	CHECK_TEXT(now, "spec.env[0].value", "b=c");
	assert_non_null(json_member(
		json_at(now, "spec.additionalPodMetadata.annotations"), META_PREFIX "owner"));
	old = via_build_claim(&old_claim, &w, "python", "warm");
	CHECK_TEXT(old, "spec.sandboxTemplateRef.name", "python");
	CHECK_TEXT(old, "spec.warmpool", "warm");
	assert_null(json_at(old, "spec.warmPoolRef"));
	other = via_build_claim(&old_claim, &w, "python", NULL);
	assert_null(json_at(other, "spec.warmpool"));
}

static void a_pool_made_for_a_claim_has_no_spares(void **state)
{
	auto_json pool = via_build_pool(&claim, "dev", "python");

	assert_int_equal(json_int(pool, "spec.replicas", -1), 0);
	CHECK_TEXT(pool, "spec.sandboxTemplateRef.name", "python");
	assert_int_equal(strncmp(json_str(pool, "metadata.name", ""), "python-sbx-", 11), 0);
}

/* status, reason of its condition Ready */
static int progress(const char *status, const char *reason, struct err *err)
{
	auto_free char *text =
		xprintf("{\"status\":{\"conditions\":[{\"type\":\"Suspended\",\"status\":"
			"\"True\"},{\"type\":\"Ready\",\"status\":\"%s\",\"reason\":"
			"\"%s\",\"message\":\"in \\u001b words\"}]}}",
			status, reason);
	auto_json json = parse(text);
	struct via_object o = { &claim, json };

	return via_progress(&o, err);
}

static void knows_what_can_still_come_from_what_cannot(void **state)
{
	struct err err = { 0 };

	assert_int_equal(progress("True", "DependenciesReady", &err), 1);
	assert_int_equal(progress("False", "DependenciesNotReady", &err), 0);
	assert_int_equal(progress("False", "AdoptionPending", &err), 0);
	assert_int_equal(progress("Unknown", "SandboxExpired", &err), 0);
	assert_int_equal(progress("False", "SandboxExpired", &err), -ENOTCONN);
	assert_int_equal(progress("False", "EnvVarsInjectionRejected", &err), -ENOTCONN);
	assert_non_null(strstr(err.text, "EnvVarsInjectionRejected: in \\x1b words"));
}

static void its_end_is_where_its_kind_has_it(void **state)
{
	auto_json one = cJSON_CreateObject();
	auto_json other = cJSON_CreateObject();
	struct via_object o = { &sandbox, one };

	via_put_shutdown(&sandbox, one, 1700000000000);
	CHECK_TEXT(one, "spec.shutdownTime", "2023-11-14T22:13:20Z");
	CHECK_TEXT(one, "spec.shutdownPolicy", "Delete");
	assert_int_equal(via_shutdown(&o), 1700000000000);
	via_put_shutdown(&claim, other, 1700000000000);
	CHECK_TEXT(other, "spec.lifecycle.shutdownTime", "2023-11-14T22:13:20Z");
	via_put_shutdown(&claim, other, 0);
	assert_true(cJSON_IsNull(
		cJSON_GetObjectItem(json_at(other, "spec.lifecycle"), "shutdownTime")));
}

static void says_who_made_a_pod(void **state)
{
	static const struct {
		const char *pod, *by;
	} all[] = {
		{ "{\"metadata\":{\"labels\":{\"computesdk.io/managed\":\"true\"}}}",
			"computesdk" },
		{ "{\"metadata\":{\"labels\":{\"agents.x-k8s.io/sandbox-name-hash\":\"1\"}}}",
			"agent-sandbox" },
		{ "{\"metadata\":{\"labels\":{\"opensandbox.io/id\":\"1\"}}}", "opensandbox" },
		{ "{\"metadata\":{\"labels\":{\"app\":\"x\"}}}", "" },
		{ "{}", "" },
		{ "{\"metadata\":{\"name\":\"w\",\"labels\":{\"computesdk.io/managed\":\"true\","
		  "\"computesdk.io/sandbox-id\":\"w\"},\"annotations\":{\"kubectl-sbx/request\":"
		  "\"bcdfghjklmnpqrst\"}}}",
			"kubectl-sbx" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		auto_json pod = parse(all[i].pod);

		assert_string_equal(via_by(pod), all[i].by);
	}
}

static void takes_any_json_for_an_object(void **state)
{
	static const char *const all[] = { "{}", "[]", "null", "{\"status\":{\"conditions\":7}}",
		"{\"status\":{\"conditions\":[7,null,{}]}}", "{\"spec\":3,\"metadata\":[]}" };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		auto_json json = parse(all[i]);
		struct via_object o = { &claim, json };
		auto_free char *why = via_why(&o);

		assert_int_equal(via_progress(&o, NULL), 0);
		assert_int_equal(via_shutdown(&o), 0);
		assert_string_equal(why, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sandbox_makes_the_pod_that_was_wished),
		cmocka_unit_test(its_pod_is_nobodys_to_take_away),
		cmocka_unit_test(a_claim_names_what_its_version_wants),
		cmocka_unit_test(a_pool_made_for_a_claim_has_no_spares),
		cmocka_unit_test(knows_what_can_still_come_from_what_cannot),
		cmocka_unit_test(its_end_is_where_its_kind_has_it),
		cmocka_unit_test(says_who_made_a_pod),
		cmocka_unit_test(takes_any_json_for_an_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
