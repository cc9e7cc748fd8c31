/*
 * What a new sandbox may do, where it runs, what it mounts and who may talk to it.
 */
#include "tests/unit/podfix.h"

#include "plugin/podparts.h"
#include "plugin/wish.h"

#include <errno.h>

#define CONTAINER "spec.containers[0]."
#define SECURITY  CONTAINER "securityContext."

#define LIST(...)                                                                                  \
	{                                                                                          \
		(const char *[]){ __VA_ARGS__ },                                                   \
			sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *)             \
	}

static void is_safe_by_default(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = build(&w, NULL);

	assert_false(json_bool(pod, "spec.automountServiceAccountToken", true));
	assert_false(json_bool(pod, "spec.enableServiceLinks", true));
	assert_false(json_bool(pod, SECURITY "allowPrivilegeEscalation", true));
	CHECK_TEXT(json_str(pod, SECURITY "capabilities.drop[0]", ""), "ALL");
	assert_null(json_at(pod, SECURITY "capabilities.add"));
	CHECK_TEXT(json_str(pod, "spec.securityContext.seccompProfile.type", ""), "RuntimeDefault");
	assert_null(json_at(pod, SECURITY "runAsNonRoot"));
	assert_null(json_at(pod, SECURITY "runAsUser"));
	assert_null(json_at(pod, SECURITY "readOnlyRootFilesystem"));
	assert_null(json_at(pod, "spec.volumes"));
	assert_null(pod_policy(pod));
}

static void capabilities_can_be_had(void **state)
{
	struct pod_wish w = plain();
	auto_json some = NULL;
	auto_json all = NULL;
	auto_json over = NULL;
	auto_json admin = NULL;

	w.o.capabilities = (struct opt_list)LIST("cap_chown", "NET_BIND_SERVICE", "CHOWN");
	some = build(&w, NULL);
	CHECK_TEXT(json_str(some, SECURITY "capabilities.drop[0]", ""), "ALL");
	assert_int_equal(cJSON_GetArraySize(json_at(some, SECURITY "capabilities.add")), 2);
	CHECK_TEXT(json_str(some, SECURITY "capabilities.add[0]", ""), "CHOWN");
	w.o.capabilities = (struct opt_list)LIST("default");
	all = build(&w, NULL);
	assert_null(json_at(all, SECURITY "capabilities"));
	over = build(&w, "{\"spec\":{\"containers\":[{\"securityContext\":{\"capabilities\":{"
			 "\"drop\":[\"ALL\"],\"add\":[\"KILL\"]}}}]}}");
	assert_null(json_at(over, SECURITY "capabilities.drop"));
	CHECK_TEXT(json_str(over, SECURITY "capabilities.add[0]", ""), "KILL");
	w.o.capabilities = (struct opt_list)LIST("SYS_ADMIN");
	admin = build(&w, NULL);
	assert_null(json_at(admin, SECURITY "allowPrivilegeEscalation"));
}

static void a_privileged_base_stays_one(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = build(&w, "{\"spec\":{\"containers\":[{\"securityContext\":{\"privileged\":"
				  "true}}]}}");

	assert_null(json_at(pod, SECURITY "allowPrivilegeEscalation"));
	assert_null(json_at(pod, SECURITY "capabilities"));
	assert_null(json_at(pod, "spec.securityContext.seccompProfile"));
}

static void flags_win_over_the_base(void **state)
{
	static const char base[] =
		"{\"spec\":{\"automountServiceAccountToken\":true,\"containers\":[{\"workingDir\":"
		"\"/a\",\"securityContext\":{\"readOnlyRootFilesystem\":true,\"runAsNonRoot\":true,"
		"\"runAsUser\":5}}]}}";
	struct pod_wish w = plain();
	auto_json kept = build(&w, base);
	auto_json pod = NULL;

	assert_true(json_bool(kept, SECURITY "readOnlyRootFilesystem", false));
	assert_true(json_bool(kept, "spec.automountServiceAccountToken", false));
	CHECK_TEXT(json_str(kept, CONTAINER "workingDir", ""), "/a");
	w.o.read_only = OPT_NO;
	w.o.non_root = OPT_NO;
	w.o.user = "7";
	w.o.workdir = "/b";
	pod = build(&w, base);
	assert_false(json_bool(pod, SECURITY "readOnlyRootFilesystem", true));
	assert_false(json_bool(pod, SECURITY "runAsNonRoot", true));
	assert_int_equal(json_int(pod, SECURITY "runAsUser", 0), 7);
	CHECK_TEXT(json_str(pod, CONTAINER "workingDir", ""), "/b");
}

static void a_read_only_one_can_write_tmp(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;
	auto_json own = NULL;

	w.o.read_only = OPT_YES;
	pod = build(&w, NULL);
	CHECK_TEXT(json_str(pod, CONTAINER "volumeMounts[0].mountPath", ""), "/tmp");
	assert_true(cJSON_IsObject(json_at(pod, "spec.volumes[0].emptyDir")));
	w.o.volumes = (struct opt_list)LIST("pvc:data:/tmp");
	own = build(&w, NULL);
	assert_int_equal(cJSON_GetArraySize(json_at(own, "spec.volumes")), 1);
	CHECK_TEXT(json_str(own, "spec.volumes[0].persistentVolumeClaim.claimName", ""), "data");
}

static void volumes_of_each_kind(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;

	w.o.host_paths = OPT_YES;
	w.o.volumes = (struct opt_list)LIST("emptyDir:/a", "emptyDir:/b:1Gi", "pvc:p:/c:ro",
		"configMap:m:/d", "secret:s:/e", "hostPath:/dev/x:/f:ro", "secret:t:/a");
	pod = build(&w, NULL);
	assert_int_equal(cJSON_GetArraySize(json_at(pod, "spec.volumes")), 7);
	assert_int_equal(cJSON_GetArraySize(json_at(pod, CONTAINER "volumeMounts")), 6);
	CHECK_TEXT(json_str(pod, "spec.volumes[1].emptyDir.sizeLimit", ""), "1Gi");
	CHECK_TEXT(json_str(pod, "spec.volumes[3].configMap.name", ""), "m");
	CHECK_TEXT(json_str(pod, "spec.volumes[4].secret.secretName", ""), "s");
	CHECK_TEXT(json_str(pod, "spec.volumes[5].hostPath.path", ""), "/dev/x");
	CHECK_TEXT(json_str(pod, CONTAINER "volumeMounts[1].mountPath", ""), "/c");
	assert_true(json_bool(pod, CONTAINER "volumeMounts[1].readOnly", false));
	CHECK_TEXT(json_str(pod, CONTAINER "volumeMounts[5].mountPath", ""), "/a");
	CHECK_TEXT(json_str(pod, CONTAINER "volumeMounts[5].name", ""), "sbx-volume-6");
}

static void is_placed_as_wished(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;

	w.o.node_selector = (struct opt_list)LIST("disk=ssd", "example.com/zone=");
	w.o.tolerations = (struct opt_list)LIST("gpu=yes:NoSchedule", "spot", "a:NoExecute", "*");
	w.o.pull_secrets = (struct opt_list)LIST("reg", "reg");
	w.o.labels = (struct opt_list)LIST("team=red");
	pod = build(&w, NULL);
	CHECK_TEXT(json_str(pod, "spec.nodeSelector.disk", ""), "ssd");
	assert_true(
		cJSON_IsString(json_member(json_at(pod, "spec.nodeSelector"), "example.com/zone")));
	CHECK_TEXT(json_str(pod, "spec.tolerations[0].key", ""), "gpu");
	CHECK_TEXT(json_str(pod, "spec.tolerations[0].value", ""), "yes");
	CHECK_TEXT(json_str(pod, "spec.tolerations[0].effect", ""), "NoSchedule");
	CHECK_TEXT(json_str(pod, "spec.tolerations[1].operator", ""), "Exists");
	CHECK_TEXT(json_str(pod, "spec.tolerations[2].effect", ""), "NoExecute");
	assert_null(json_at(pod, "spec.tolerations[3].key"));
	assert_int_equal(cJSON_GetArraySize(json_at(pod, "spec.imagePullSecrets")), 1);
	CHECK_TEXT(json_str(pod, "metadata.labels.team", ""), "red");
}

static void a_process_limit_comes_by_environment(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;

	w.o.pids = 64;
	pod = build(&w, NULL);
	CHECK_TEXT(json_str(pod, CONTAINER "env[0].name", ""), "SBX_PIDS");
	CHECK_TEXT(json_str(pod, CONTAINER "env[0].value", ""), "64");
}

static void an_unlisted_one_has_no_labels_of_sandboxes(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;

	w.unlisted = true;
	w.o.runtime = "node";
	pod = build(&w, NULL);
	assert_null(json_member(json_at(pod, "metadata.labels"), LABEL_MANAGED));
	assert_null(json_member(json_at(pod, "metadata.labels"), LABEL_RUNTIME));
}

/* --- the network ----------------------------------------------------------------------------------- */

static void no_network_is_a_policy_that_the_pod_owns(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;
	auto_json policy = NULL;
	const cJSON *id;

	w.o.network = "none";
	pod = build(&w, NULL);
	json_set_str(pod, "metadata.uid", "12345678-9");
	policy = pod_policy(pod);
	id = json_member(json_at(pod, "metadata.labels"), LABEL_NETWORK);
	CHECK_TEXT(json_str(policy, "kind", ""), "NetworkPolicy");
	CHECK_TEXT(json_str(policy, "metadata.name", ""), "web-network-12345678");
	CHECK_TEXT(json_str(policy, "metadata.namespace", ""), "dev");
	CHECK_TEXT(json_str(policy, "metadata.ownerReferences[0].uid", ""), "12345678-9");
	CHECK_TEXT(json_str(policy, "metadata.ownerReferences[0].kind", ""), "Pod");
	CHECK_TEXT(json_member(json_at(policy, "spec.podSelector.matchLabels"), LABEL_NETWORK)
			   ->valuestring,
		id->valuestring);
	assert_int_equal(cJSON_GetArraySize(json_at(policy, "spec.policyTypes")), 2);
	assert_null(json_at(policy, "spec.egress"));
	assert_null(json_at(policy, "spec.ingress"));
}

static void egress_lets_out_but_not_to_the_node(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;
	auto_json policy = NULL;

	w.o.network = "egress";
	pod = build(&w, NULL);
	policy = pod_policy(pod);
	assert_null(json_at(policy, "spec.ingress"));
	CHECK_TEXT(json_str(policy, "spec.egress[0].to[0].ipBlock.cidr", ""), "0.0.0.0/0");
	CHECK_TEXT(
		json_str(policy, "spec.egress[0].to[0].ipBlock.except[0]", ""), "169.254.0.0/16");
}

static void default_network_undoes_the_base(void **state)
{
	struct pod_wish w = plain();
	auto_json pod = NULL;
	auto_json policy = NULL;

	w.o.network = "default";
	pod = build(&w, "{\"metadata\":{\"annotations\":{\"kubectl-sbx/network\":\"none\"},"
			"\"labels\":{\"kubectl-sbx/network-id\":\"x\"}}}");
	policy = pod_policy(pod);
	assert_null(policy);
}

/* --- refusals -------------------------------------------------------------------------------------- */

static void bad_wishes_are_refused(void **state)
{
	const struct {
		struct wish_opts o;
		const char *says;
	} cases[] = {
		{ { .network = "off" }, "--network is none, egress or default" },
		{ { .workdir = "tmp" }, "--workdir wants a path" },
		{ { .capabilities = LIST("a b") }, "--cap-add wants" },
		{ { .capabilities = LIST("") }, "--cap-add wants" },
		{ { .node_selector = LIST("disk") }, "--node-selector wants KEY=VALUE" },
		{ { .node_selector = LIST("a=b c") }, "--node-selector wants KEY=VALUE" },
		{ { .node_selector = LIST("/a=b") }, "--node-selector wants KEY=VALUE" },
		{ { .labels = LIST("=b") }, "--label wants KEY=VALUE" },
		{ { .labels = LIST("computesdk.io/managed=false") }, "set by create itself" },
		{ { .labels = LIST("kubectl-sbx/x=y") }, "set by create itself" },
		{ { .tolerations = LIST("a:Never") }, "--toleration wants" },
		{ { .tolerations = LIST("") }, "--toleration wants" },
		{ { .pull_secrets = LIST("A") }, "--pull-secret wants" },
		{ { .volumes = LIST("/data") }, "-v wants" },
		{ { .volumes = LIST("emptyDir:data") }, "-v wants" },
		{ { .volumes = LIST("emptyDir:/a:big") }, "-v wants" },
		{ { .volumes = LIST("pvc:/a") }, "-v wants" },
		{ { .volumes = LIST("pvc::/a") }, "-v wants" },
		{ { .volumes = LIST("pvc:a:/a:rw") }, "-v wants" },
		{ { .volumes = LIST("secret:a:/a:ro:x") }, "-v wants" },
		{ { .volumes = LIST("hostPath:/:/host") }, "--allow-host-path" },
		{ { .non_root = OPT_YES, .user = "0" }, "contradict" },
		{ { .pids = 5, .user = "0:5" }, "--pids" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pod_wish w = plain();
		struct err err = { 0 };

		w.o = cases[i].o;
		CHECK_RC(wish_check(&w, &err), -EINVAL);
		CHECK_HAS(err.text, cases[i].says);
	}
}

static void senseless_bases_do_no_harm(void **state)
{
	static const char *const members[] = { "securityContext", "volumes", "tolerations",
		"nodeSelector", "imagePullSecrets" };
	static const char *const own[] = { "securityContext", "volumeMounts", "env", "resources" };
	static const char *const values[] = { "1", "[]", "{}", "null", "true", "\"x\"", "[[]]",
		"[1,2]", "[{}]", "{\"capabilities\":3}",
		"{\"capabilities\":{\"drop\":1,\"add\":{}}}" };
	struct pod_wish w = plain();

	w.o.read_only = OPT_YES;
	w.o.node_selector = (struct opt_list)LIST("a=b");
	w.o.tolerations = (struct opt_list)LIST("a");
	w.o.volumes = (struct opt_list)LIST("emptyDir:/a");
	w.o.capabilities = (struct opt_list)LIST("KILL", "default");
	w.o.pull_secrets = (struct opt_list)LIST("a");
	for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++) {
		for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
			auto_free char *text =
				xprintf("{\"spec\":{\"%s\":%s}}", members[i], values[k]);
			auto_json pod = build(&w, text);
		}
		for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
			auto_free char *text = xprintf(
				"{\"spec\":{\"containers\":[{\"%s\":%s}]}}", own[i], values[k]);
			auto_json pod = build(&w, text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_safe_by_default),
		cmocka_unit_test(capabilities_can_be_had),
		cmocka_unit_test(a_privileged_base_stays_one),
		cmocka_unit_test(flags_win_over_the_base),
		cmocka_unit_test(a_read_only_one_can_write_tmp),
		cmocka_unit_test(volumes_of_each_kind),
		cmocka_unit_test(is_placed_as_wished),
		cmocka_unit_test(a_process_limit_comes_by_environment),
		cmocka_unit_test(an_unlisted_one_has_no_labels_of_sandboxes),
		cmocka_unit_test(no_network_is_a_policy_that_the_pod_owns),
		cmocka_unit_test(egress_lets_out_but_not_to_the_node),
		cmocka_unit_test(default_network_undoes_the_base),
		cmocka_unit_test(bad_wishes_are_refused),
		cmocka_unit_test(senseless_bases_do_no_harm),
	};

	return cmocka_run_group_tests_name("plugin wish", tests, NULL, NULL);
}
