/*
 * How long things live, what is proven to be ours, pools and tenants: what gc, ttl, pool and tenant
 * decide without a cluster.
 */
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/keep.h"
#include "plugin/cli.h"
#include "plugin/lifetime.h"
#include "plugin/pool.h"
#include "plugin/role.h"
#include "plugin/tenantplan.h"

#include <errno.h>

#define NOW 1700000000000 /* 2023-11-14T22:13:20Z */

static cJSON *parsed(const char *text)
{
	cJSON *json = json_parse(text, strlen(text));

	assert_non_null(json);
	return json;
}

/* A sandbox "web" with more of labels and annotations, each beginning with a comma. */
static cJSON *sandbox(const char *labels, const char *annotations)
{
	auto_free char *text =
		xprintf("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"namespace\":\"dev\","
			"\"uid\":\"u1\","
			"\"resourceVersion\":\"7\",\"creationTimestamp\":\"2023-11-14T22:00:00Z\","
			"\"labels\":{\"app\":\"x\"%s},\"annotations\":{\"a\":\"b\"%s}},"
			"\"status\":{\"startTime\":\"2023-11-14T22:00:01Z\"}}",
			labels, annotations);

	return parsed(text);
}

#define MANAGED ",\"computesdk.io/managed\":\"true\",\"computesdk.io/sandbox-id\":\"web\""
#define REQUEST ",\"kubectl-sbx/request\":\"bcdfghjklmnp2456\""

static void only_what_carries_our_request_is_ours(void **state)
{
	static const struct {
		const char *labels, *annotations;
		bool ours;
	} cases[] = {
		{ MANAGED, REQUEST, true },
		{ MANAGED, "", false },
		{ "", REQUEST, false },
		{ MANAGED, ",\"kubectl-sbx/request\":\"\"", false },
		{ MANAGED, ",\"kubectl-sbx/request\":\"short\"", false },
		{ MANAGED, ",\"kubectl-sbx/request\":\"bcdfghjklmnp2456x\"", false },
		{ MANAGED, ",\"kubectl-sbx/request\":\"BCDFGHJKLMNP2456\"", false },
		{ MANAGED, ",\"kubectl-sbx/request\":7", false },
		{ ",\"computesdk.io/managed\":\"true\",\"computesdk.io/sandbox-id\":\"web2\"",
			REQUEST, false },
		{ ",\"computesdk.io/managed\":\"false\",\"computesdk.io/sandbox-id\":\"web\"",
			REQUEST, false },
		{ ",\"kubectl-sbx/pool\":\"p\"", REQUEST, true },
		{ ",\"kubectl-sbx/pool\":\"p\"", "", false },
		/* a spare that others list as a sandbox is none of ours */
		{ ",\"kubectl-sbx/pool\":\"p\",\"computesdk.io/managed\":\"true\"", REQUEST,
			false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_json pod = sandbox(cases[i].labels, cases[i].annotations);

		if (life_is_ours(pod, true) != cases[i].ours)
			fail_msg("case %zu", i);
	}
}

static bool over(const char *annotations, int64_t now_ms, int64_t older_ms, char why[static 80])
{
	auto_json pod = sandbox(MANAGED, annotations);
	struct life life;

	life_read(pod, &life);
	return life_is_over(&life, now_ms, older_ms, why);
}

static void lives_end_at_their_time_and_not_before(void **state)
{
	static const char expires[] = ",\"kubectl-sbx/expires-at\":\"2023-11-14T22:13:20Z\"";
	static const char idle[] = ",\"kubectl-sbx/idle-until\":\"2023-11-14T22:13:20Z\"";
	static const char unfinished[] =
		",\"kubectl-sbx/unfinished-until\":\"2023-11-14T22:13:20Z\"";
	char why[80] = "";

	assert_false(over("", NOW, 0, why));
	assert_false(over(expires, NOW - 1, 0, why));
	assert_true(over(expires, NOW, 0, why));
	assert_true(over(expires, NOW + 300000, 0, why));
	CHECK_TEXT(why, "expired 5m0s ago");
	assert_false(over(expires, NOW + 299999, 300000, why));
	assert_true(over(expires, NOW + 300000, 300000, why));
	assert_false(over(idle, NOW - 1, 0, why));
	assert_true(over(idle, NOW, 0, why));
	CHECK_HAS(why, "idle");
	assert_false(over(unfinished, NOW, 0, why));
	assert_false(over(unfinished, NOW + LIFE_SLACK_MS - 1, 0, why));
	assert_true(over(unfinished, NOW + LIFE_SLACK_MS, 0, why));
	CHECK_HAS(why, "never finished");
}

static void what_is_no_time_ends_nothing(void **state)
{
	static const char *const bad[] = { "\"\"", "\"soon\"", "\"0\"", "7", "null", "{}",
		"\"2023-11-14\"", "\"2023-13-14T22:13:20Z\"", "\"2023-11-14T22:13:20\"",
		"\"1969-11-14T22:13:20Z\"" };
	char why[80];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_free char *text = xprintf(",\"kubectl-sbx/expires-at\":%s", bad[i]);

		if (over(text, NOW, 0, why))
			fail_msg("%s ended it", bad[i]);
	}
}

static void a_life_is_extended_as_far_as_the_kubelet_lets_it(void **state)
{
	struct life life = { 0 };
	struct err err = { 0 };

	CHECK_RC(life_extend(&life, NOW, 3600000, &err), 0);
	CHECK_RC(life_extend(&life, NOW, 0, &err), 0);
	life.hard_ms = NOW + 3600000;
	CHECK_RC(life_extend(&life, NOW, 3600000, &err), 0);
	CHECK_RC(life_extend(&life, NOW, 3600001, &err), -EPERM);
	CHECK_HAS(err.text, "2023-11-14T23:13:20Z");
	CHECK_HAS(err.text, "--max-ttl");
}

static void the_kubelets_limit_counts_from_the_start(void **state)
{
	auto_json pod = sandbox(MANAGED, REQUEST);
	struct life life;

	life_read(pod, &life);
	assert_true(life.hard_ms == 0);
	json_set(pod, "spec.activeDeadlineSeconds", cJSON_CreateNumber(600));
	life_read(pod, &life);
	assert_true(life.hard_ms == NOW - 13 * 60000 - 19000 + 600000);
	json_set(pod, "spec.activeDeadlineSeconds", cJSON_CreateNumber(-5));
	life_read(pod, &life);
	assert_true(life.hard_ms == 0);
}

static void use_is_said_seldom(void **state)
{
	assert_true(keep_every_ms(1000) == 500);
	assert_true(keep_every_ms(60000) == 15000);
	assert_true(keep_every_ms(24 * 3600 * 1000) == 300000);
}

/* --- pools --------------------------------------------------------------------------- */

static cJSON *pool_of(const char *runtime)
{
	struct pod_wish w = { .o = WISH_DEFAULTS, .ns = "dev", .now_ms = NOW, .unlisted = true };
	auto_json pod = NULL;
	struct err err = { 0 };
	cJSON *pool;

	w.o.image = "i:1";
	w.o.runtime = runtime;
	CHECK_RC(pod_build(&w, NULL, &pod, &err), 0);
	pool = pool_template("p", "dev", pod, runtime, 3, NOW);
	json_set_str(pool, "metadata.uid", "pool-uid");
	return pool;
}

static const char *in(const cJSON *object, const char *path, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(json_at(object, path), name);

	return cJSON_IsString(m) ? m->valuestring : cJSON_IsNull(m) ? "null" : "";
}

static void spares_are_no_sandboxes(void **state)
{
	auto_json pool = pool_of("node");
	auto_json spare = pool_spare(pool);

	assert_true(pool_is_ours(pool));
	assert_true(pool_size(pool) == 3);
	assert_true(life_is_spare(spare));
	assert_true(life_is_ours(spare, true));
	CHECK_TEXT(in(spare, "metadata.labels", LABEL_POOL), "p");
	CHECK_TEXT(in(spare, "metadata.labels", LABEL_MANAGED), "");
	CHECK_TEXT(in(spare, "metadata.labels", LABEL_SANDBOX_ID), "");
	CHECK_TEXT(in(spare, "metadata.labels", LABEL_RUNTIME), "");
	CHECK_TEXT(json_str(spare, "metadata.ownerReferences[0].uid", ""), "pool-uid");
	CHECK_TEXT(json_str(spare, "metadata.ownerReferences[0].kind", ""), "PodTemplate");
	CHECK_TEXT(json_str(spare, "spec.containers[0].image", ""), "i:1");
	assert_int_equal(strncmp(json_str(spare, "metadata.name", ""), "p-", 2), 0);
}

static void taking_makes_a_sandbox_of_a_spare(void **state)
{
	static const char *const meta[] = { "owner=ann" };
	struct pod_wish w = { .ns = "dev", .now_ms = NOW, .unfinished_ms = NOW + 60000 };
	auto_json pool = pool_of("node");
	auto_json spare = pool_spare(pool);
	auto_json patch = NULL;

	json_set_str(spare, "metadata.resourceVersion", "42");
	json_set_str(spare, "status.startTime", "2023-11-14T21:13:20Z");
	w.o.ttl_ms = 60000;
	w.o.meta = (struct opt_list){ (const char **)meta, 1 };
	patch = pool_take_patch(spare, &w, "bcdfghjklmnp2456");
	CHECK_TEXT(json_str(patch, "metadata.resourceVersion", ""), "42");
	CHECK_TEXT(in(patch, "metadata", "ownerReferences"), "null");
	CHECK_TEXT(in(patch, "metadata.labels", LABEL_POOL), "null");
	CHECK_TEXT(in(patch, "metadata.labels", LABEL_MANAGED), "true");
	CHECK_TEXT(in(patch, "metadata.labels", LABEL_SANDBOX_ID),
		json_str(spare, "metadata.name", "-"));
	CHECK_TEXT(in(patch, "metadata.labels", LABEL_RUNTIME), "node");
	CHECK_TEXT(in(patch, "metadata.annotations", META_PREFIX "owner"), "ann");
	CHECK_TEXT(in(patch, "metadata.annotations", ANNOTATION_POOL_FROM), "p");
	CHECK_TEXT(in(patch, "metadata.annotations", ANNOTATION_EXPIRES), "2023-11-14T22:14:20Z");
	/* the hour that it has waited, and a day */
	assert_int_equal(json_int(patch, "spec.activeDeadlineSeconds", 0), 3600 + 86400);
}

static void only_spares_that_run_are_ready(void **state)
{
	auto_json pool = pool_of(NULL);
	auto_json spare = pool_spare(pool);
	auto_json status = parsed(
		"{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],"
		"\"containerStatuses\":[{\"name\":\"sandbox\",\"ready\":true,"
		"\"containerID\":\"c://1\",\"state\":{\"running\":{}}}]}");

	json_set_str(spare, "metadata.uid", "6f2d4a9e-0000-4000-8000-000000000001");
	assert_true(pool_counts(spare));
	assert_false(pool_is_ready(spare));
	json_set(spare, "status", cJSON_Duplicate(status, true));
	assert_true(pool_is_ready(spare));
	kind_label(spare, LABEL_MANAGED, "true");
	assert_false(pool_is_ready(spare));
	assert_false(pool_counts(spare));
}

/* --- tenants ------------------------------------------------------------------------- */

static const struct tenant_wish alice = { .name = "alice",
	.cpu = "4",
	.memory = "8Gi",
	.pods = 20,
	.pod_security = "baseline",
	.unfinished_ms = NOW };

static cJSON *part_of(const struct tenant_wish *w, const struct kind *wanted)
{
	for (size_t i = 0; i < TENANT_PARTS; i++) {
		const struct kind *kind;
		cJSON *part = tenant_part(w, i, &kind);

		if (kind == wanted)
			return part;
		cJSON_Delete(part);
	}
	fail();
	return NULL;
}

static void every_part_of_a_tenant_is_marked(void **state)
{
	auto_json ns = tenant_namespace(&alice);

	assert_true(tenant_is(ns));
	for (size_t i = 0; i < TENANT_PARTS; i++) {
		const struct kind *kind;
		auto_json part = tenant_part(&alice, i, &kind);

		CHECK_TEXT(json_str(part, "metadata.namespace", ""), "alice");
		CHECK_TEXT(json_str(part, "kind", ""), kind->kind);
		CHECK_TEXT(in(part, "metadata.labels", LABEL_TENANT), "alice");
		assert_true(life_is_ours(part, false));
	}
}

static void a_tenants_quota_holds_for_requests_and_limits(void **state)
{
	struct tenant_wish more = alice;
	auto_json quota = part_of(&alice, &kind_quota);
	auto_json other = NULL;

	CHECK_TEXT(in(quota, "spec.hard", "requests.cpu"), "4");
	CHECK_TEXT(in(quota, "spec.hard", "limits.cpu"), "4");
	CHECK_TEXT(in(quota, "spec.hard", "limits.memory"), "8Gi");
	CHECK_TEXT(in(quota, "spec.hard", "pods"), "20");
	more.limit_cpu = "16";
	more.pods = 0;
	other = part_of(&more, &kind_quota);
	CHECK_TEXT(in(other, "spec.hard", "limits.cpu"), "16");
	CHECK_TEXT(in(other, "spec.hard", "pods"), "");
}

static void defaults_of_containers_fit_the_quota(void **state)
{
	struct tenant_wish small = alice;
	auto_json limits = part_of(&alice, &kind_limits);
	auto_json tight = NULL;

	CHECK_TEXT(json_str(limits, "spec.limits[0].default.cpu", ""), "1");
	CHECK_TEXT(json_str(limits, "spec.limits[0].defaultRequest.memory", ""), "256Mi");
	small.cpu = "100m";
	tight = part_of(&small, &kind_limits);
	CHECK_TEXT(json_str(tight, "spec.limits[0].default.cpu", ""), "100m");
	CHECK_TEXT(json_str(tight, "spec.limits[0].defaultRequest.cpu", ""), "100m");
}

static void a_tenants_network_is_closed(void **state)
{
	struct tenant_wish open = alice;
	auto_json policy = part_of(&alice, &kind_policy);
	auto_json other = NULL;

	assert_int_equal(cJSON_GetArraySize(json_at(policy, "spec.policyTypes")), 2);
	assert_null(json_at(policy, "spec.ingress"));
	assert_null(json_at(policy, "spec.egress"));
	open.egress = true;
	other = part_of(&open, &kind_policy);
	assert_int_equal(cJSON_GetArraySize(json_at(other, "spec.policyTypes")), 1);
}

static void no_rule_lets_a_tenant_open_or_grow(void **state)
{
	auto_json rules = role_rules();
	const cJSON *rule, *word;

	assert_true(cJSON_GetArraySize(rules) > 0);
	cJSON_ArrayForEach (rule, rules) {
		cJSON_ArrayForEach (word, json_at(rule, "verbs"))
			assert_string_not_equal(word->valuestring, "*");
		cJSON_ArrayForEach (word, json_at(rule, "resources")) {
			static const char *const never[] = { "*", "roles", "rolebindings",
				"secrets", "resourcequotas", "limitranges", "namespaces",
				"serviceaccounts" };

			for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
				assert_string_not_equal(word->valuestring, never[i]);
		}
	}
}

static void bad_tenants_are_refused(void **state)
{
	static const struct {
		const char *name, *cpu, *level, *says;
	} cases[] = {
		{ "Alice", NULL, "baseline", "tenant's name" },
		{ "", NULL, "baseline", "tenant's name" },
		{ "a", "many", "baseline", "--cpu" },
		{ "a", "0", "baseline", "--cpu" },
		{ "a", NULL, "none", "--pod-security" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tenant_wish w = {
			.name = cases[i].name, .cpu = cases[i].cpu, .pod_security = cases[i].level
		};
		struct err err = { 0 };

		CHECK_RC(tenant_check(&w, &err), -EINVAL);
		CHECK_HAS(err.text, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_carries_our_request_is_ours),
		cmocka_unit_test(lives_end_at_their_time_and_not_before),
		cmocka_unit_test(what_is_no_time_ends_nothing),
		cmocka_unit_test(a_life_is_extended_as_far_as_the_kubelet_lets_it),
		cmocka_unit_test(the_kubelets_limit_counts_from_the_start),
		cmocka_unit_test(use_is_said_seldom),
		cmocka_unit_test(spares_are_no_sandboxes),
		cmocka_unit_test(taking_makes_a_sandbox_of_a_spare),
		cmocka_unit_test(only_spares_that_run_are_ready),
		cmocka_unit_test(every_part_of_a_tenant_is_marked),
		cmocka_unit_test(a_tenants_quota_holds_for_requests_and_limits),
		cmocka_unit_test(defaults_of_containers_fit_the_quota),
		cmocka_unit_test(a_tenants_network_is_closed),
		cmocka_unit_test(no_rule_lets_a_tenant_open_or_grow),
		cmocka_unit_test(bad_tenants_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
