/*
 * The Pod of a new sandbox.
 */
#include "tests/unit/podfix.h"

#include <errno.h>

static const char *label(const cJSON *pod, const char *name)
{
	const cJSON *l = json_member(json_at(pod, "metadata.labels"), name);

	return cJSON_IsString(l) ? l->valuestring : "";
}

static const char *annotation(const cJSON *pod, const char *name)
{
	const cJSON *l = json_member(json_at(pod, "metadata.annotations"), name);

	return cJSON_IsString(l) ? l->valuestring : "";
}

static void is_what_others_expect(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = build(&w, NULL);

	CHECK_TEXT(json_str(pod, "kind", ""), "Pod");
	CHECK_TEXT(json_str(pod, "metadata.name", ""), "web");
	CHECK_TEXT(json_str(pod, "metadata.namespace", ""), "dev");
	CHECK_TEXT(label(pod, "computesdk.io/managed"), "true");
	CHECK_TEXT(label(pod, "computesdk.io/sandbox-id"), "web");
	CHECK_TEXT(label(pod, "computesdk.io/runtime"), "");
	CHECK_TEXT(annotation(pod, "kubectl.kubernetes.io/default-container"), "sandbox");
	CHECK_TEXT(annotation(pod, "kubectl-sbx/expires-at"), "");
	assert_int_equal(strlen(annotation(pod, ANNOTATION_REQUEST)), 16);
	CHECK_TEXT(json_str(pod, "spec.restartPolicy", ""), "Never");
	assert_int_equal((int)json_num(pod, "spec.terminationGracePeriodSeconds", -1), 5);
	assert_false(json_bool(pod, "spec.automountServiceAccountToken", true));
	assert_int_equal(cJSON_GetArraySize(json_at(pod, "spec.containers")), 1);
	CHECK_TEXT(json_str(pod, "spec.containers[0].name", ""), "sandbox");
	CHECK_TEXT(json_str(pod, "spec.containers[0].image", ""), "debian:12-slim");
	CHECK_TEXT(json_str(pod, "spec.containers[0].imagePullPolicy", ""), "IfNotPresent");
	CHECK_TEXT(json_str(pod, "spec.containers[0].command[0]", ""), "sh");
	assert_false(json_bool(
		pod, "spec.containers[0].securityContext.allowPrivilegeEscalation", true));
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.requests.cpu", ""), "250m");
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.requests.memory", ""), "256Mi");
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.limits.cpu", ""), "1");
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.limits.memory", ""), "1Gi");
	assert_null(json_at(pod, "spec.activeDeadlineSeconds"));
}

static void runtimes_have_their_images(void **state)
{
	struct pod_wish w = plain();
	auto_json node = NULL;
	auto_json python = NULL;
	auto_json other = NULL;

	w.o.runtime = "node";
	node = build(&w, NULL);
	CHECK_TEXT(json_str(node, "spec.containers[0].image", ""), "node:20-alpine");
	CHECK_TEXT(label(node, "computesdk.io/runtime"), "node");
	w.o.runtime = "python";
	w.o.image = "mine:1";
	python = build(&w, NULL);
	CHECK_TEXT(json_str(python, "spec.containers[0].image", ""), "mine:1");
	CHECK_TEXT(label(python, "computesdk.io/runtime"), "python");
	w = plain();
	w.otherwise_image = "host";
	other = build(&w, NULL);
	CHECK_TEXT(json_str(other, "spec.containers[0].image", ""), "host");
}

static void makes_up_names_that_differ(void **state)
{
	struct pod_wish w = plain();
	auto_json a = NULL;
	auto_json b = NULL;

	w.name = NULL;
	a = build(&w, NULL);
	b = build(&w, NULL);
	assert_memory_equal(json_str(a, "metadata.name", ""), "sbx-", 4);
	assert_int_equal(strlen(json_str(a, "metadata.name", "")), 9);
	assert_string_not_equal(json_str(a, "metadata.name", ""), json_str(b, "metadata.name", ""));
	CHECK_TEXT(label(a, "computesdk.io/sandbox-id"), json_str(a, "metadata.name", ""));
}

static void wishes_are_granted(void **state)
{
	const char *env[] = { "A=1", "B=x=y", "A=2" };
	const char *meta[] = { "owner=ann", "note=" };
	struct opt_list envs = { env, 3 };
	struct opt_list metas = { meta, 2 };
	struct pod_wish w = plain();
	auto_json pod = NULL;

	w.o.env = envs;
	w.o.meta = metas;
	w.o.ttl_ms = 90500;
	w.o.user = "1000:100";
	w.o.service_account = "builder";
	w.o.runtime_class = "gvisor";
	w.o.pull_policy = "Always";
	pod = build(&w, NULL);
	assert_int_equal(cJSON_GetArraySize(json_at(pod, "spec.containers[0].env")), 2);
	CHECK_TEXT(json_str(pod, "spec.containers[0].env[0].value", ""), "x=y");
	CHECK_TEXT(json_str(pod, "spec.containers[0].env[1].value", ""), "2");
	CHECK_TEXT(annotation(pod, "computesdk.io/meta-owner"), "ann");
	CHECK_TEXT(annotation(pod, "computesdk.io/meta-note"), "");
	CHECK_HAS(annotation(pod, "kubectl-sbx/expires-at"), "2023-11-14T22:14:50");
	assert_int_equal((int)json_num(pod, "spec.activeDeadlineSeconds", 0), 86400);
	CHECK_TEXT(json_str(pod, "spec.containers[0].command[4]", ""), "91");
	assert_int_equal(
		(int)json_num(pod, "spec.containers[0].securityContext.runAsUser", 0), 1000);
	assert_int_equal(
		(int)json_num(pod, "spec.containers[0].securityContext.runAsGroup", 0), 100);
	CHECK_TEXT(json_str(pod, "spec.serviceAccountName", ""), "builder");
	CHECK_TEXT(json_str(pod, "spec.runtimeClassName", ""), "gvisor");
	CHECK_TEXT(json_str(pod, "spec.containers[0].imagePullPolicy", ""), "Always");
}

static void defaults_never_contradict_wishes(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;

	w.o.cpu = "2";
	w.o.limit_memory = "64Mi";
	pod = build(&w, NULL);
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.requests.cpu", ""), "2");
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.limits.cpu", ""), "2");
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.requests.memory", ""), "64Mi");
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.limits.memory", ""), "64Mi");
}

static void a_base_keeps_what_it_says(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;

	w.name = NULL;
	w.o.memory = "1Gi";
	pod = build(&w,
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"mine\","
		"\"uid\":\"x\",\"labels\":{\"app\":\"a\",\"computesdk.io/runtime\":\"ruby\"}},"
		"\"spec\":{\"restartPolicy\":\"Always\",\"volumes\":[{\"name\":\"v\"}],"
		"\"containers\":[{\"name\":\"app\",\"image\":\"i:1\",\"command\":[\"/idle\"],"
		"\"resources\":{\"limits\":{\"cpu\":\"4\"}}}]},\"status\":{\"phase\":\"Failed\"}}");
	CHECK_TEXT(json_str(pod, "metadata.name", ""), "mine");
	assert_null(json_at(pod, "metadata.uid"));
	assert_null(json_at(pod, "status"));
	CHECK_TEXT(label(pod, "app"), "a");
	CHECK_TEXT(label(pod, "computesdk.io/managed"), "true");
	CHECK_TEXT(label(pod, "computesdk.io/runtime"), "");
	CHECK_TEXT(json_str(pod, "spec.restartPolicy", ""), "Always");
	CHECK_TEXT(json_str(pod, "spec.volumes[0].name", ""), "v");
	CHECK_TEXT(json_str(pod, "spec.containers[0].name", ""), "sandbox");
	CHECK_TEXT(json_str(pod, "spec.containers[0].image", ""), "i:1");
	CHECK_TEXT(json_str(pod, "spec.containers[0].command[0]", ""), "/idle");
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.limits.cpu", ""), "4");
	CHECK_TEXT(json_str(pod, "spec.containers[0].resources.requests.memory", ""), "1Gi");
}

static void a_container_called_sandbox_is_found(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = build(&w,
		"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"db\",\"image\":\"d\"},"
		"{\"name\":\"sandbox\"}]}}");

	CHECK_TEXT(json_str(pod, "spec.containers[0].image", ""), "d");
	assert_null(json_at(pod, "spec.containers[0].command"));
	CHECK_TEXT(json_str(pod, "spec.containers[1].image", ""), "debian:12-slim");
}

static void a_command_can_be_ones_own(void **state)
{
	char *argv[] = { (char *)"/idle", (char *)"-x" };
	struct pod_wish w = plain();
	auto_json own = NULL;

	w.command = argv;
	w.command_count = 2;
	own = build(&w, NULL);
	CHECK_TEXT(json_str(own, "spec.containers[0].command[0]", ""), "/idle");
	CHECK_TEXT(json_str(own, "spec.containers[0].command[1]", ""), "-x");
	assert_int_equal(cJSON_GetArraySize(json_at(own, "spec.containers[0].command")), 2);
}

static void odd_bases_are_refused(void **state)
{
	static const struct {
		const char *base, *says;
	} cases[] = {
		{ "[]", "no Pod" },
		{ "null", "no Pod" },
		{ "\"x\"", "no Pod" },
		{ "{\"kind\":\"Deployment\"}", "no Pod" },
		{ "{\"metadata\":{\"namespace\":\"other\"}}", "namespace \"other\"" },
		{ "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
			"several containers" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_json base = json_parse(cases[i].base, strlen(cases[i].base));
		struct pod_wish w = plain();
		struct err err = { 0 };
		cJSON *pod;

		CHECK_RC(pod_build(&w, base, &pod, &err), -EINVAL);
		CHECK_HAS(err.text, cases[i].says);
	}
}

/* Members of any type where others are expected: never a crash, always a Pod or a refusal. */
static void senseless_bases_do_no_harm(void **state)
{
	static const char *const members[] = { "metadata", "spec", "kind", "apiVersion" };
	static const char *const inner[] = { "labels", "annotations", "name", "namespace",
		"containers", "env" };
	static const char *const values[] = { "1", "[]", "{}", "null", "true", "\"x\"", "[[]]",
		"[1,2]", "[{}]" };

	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 6; j++)
			for (size_t k = 0; k < 9; k++) {
				auto_free char *text = xprintf(
					"{\"%s\":{\"%s\":%s}}", members[i], inner[j], values[k]);
				auto_free char *flat =
					xprintf("{\"%s\":%s}", members[i], values[k]);
				auto_json one = json_parse(text, strlen(text));
				auto_json two = json_parse(flat, strlen(flat));
				struct pod_wish w = plain();
				auto_json pod = NULL;
				auto_json again = NULL;

				pod_build(&w, one, &pod, NULL);
				pod_build(&w, two, &again, NULL);
			}
}

static void bad_wishes_are_refused(void **state)
{
	const char *bad_env[] = { "1A=x" };
	const char *no_value[] = { "A" };
	const char *bad_meta[] = { "a b=x" };
	struct opt_list env = { bad_env, 1 };
	struct opt_list env2 = { no_value, 1 };
	struct opt_list meta = { bad_meta, 1 };
	const struct {
		struct pod_wish w;
		const char *says;
	} cases[] = {
		{ { .name = "Web" }, "cannot be a sandbox's name" },
		{ { .name = "" }, "cannot be a sandbox's name" },
		{ { .name = "a23456789012345678901234567890123456789012345678901234567890" },
			"1 to 59" },
		{ { .name = "a.b" }, "cannot be a sandbox's name" },
		{ { .o.runtime = "ruby" }, "node or python" },
		{ { .o.image = "" }, "--image wants" },
		{ { .o.image = "a b" }, "--image wants" },
		{ { .o.env = env }, "-e wants NAME=VALUE" },
		{ { .o.env = env2 }, "-e wants NAME=VALUE" },
		{ { .o.meta = meta }, "--meta wants KEY=VALUE" },
		{ { .o.cpu = "lots" }, "--cpu wants an amount" },
		{ { .o.limit_memory = "1gb" }, "--limit-memory wants an amount" },
		{ { .o.memory = "64Mi", .o.limit_memory = "32Mi" }, "--memory 64Mi is more than" },
		{ { .o.cpu = "1", .o.limit_cpu = "900m" }, "--cpu 1 is more than" },
		{ { .o.user = "root" }, "--user wants numbers" },
		{ { .o.user = "1:" }, "--user wants numbers" },
		{ { .o.user = "-1" }, "--user wants numbers" },
		{ { .o.pull_policy = "always" }, "--pull-policy is" },
		{ { .o.service_account = "A" }, "--service-account wants" },
		{ { .o.runtime_class = "a/b" }, "--runtime-class wants" },
		{ { .o.ttl_ms = 5 }, "at least a second" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pod_wish w = cases[i].w;
		struct err err = { 0 };
		cJSON *pod;

		w.ns = "dev";
		CHECK_RC(pod_build(&w, NULL, &pod, &err), -EINVAL);
		CHECK_HAS(err.text, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_what_others_expect),
		cmocka_unit_test(runtimes_have_their_images),
		cmocka_unit_test(makes_up_names_that_differ),
		cmocka_unit_test(wishes_are_granted),
		cmocka_unit_test(defaults_never_contradict_wishes),
		cmocka_unit_test(a_base_keeps_what_it_says),
		cmocka_unit_test(a_container_called_sandbox_is_found),
		cmocka_unit_test(a_command_can_be_ones_own),
		cmocka_unit_test(odd_bases_are_refused),
		cmocka_unit_test(senseless_bases_do_no_harm),
		cmocka_unit_test(bad_wishes_are_refused),
	};

	return cmocka_run_group_tests_name("plugin pod", tests, NULL, NULL);
}
