/* What doctor and top make of what they are told, and the Role. */
#include "tests/lib/test.h"
#include "common/kube/json.h"
#include "plugin/checks.h"
#include "plugin/cli.h"
#include "plugin/role.h"
#include "plugin/toplook.h"

/* "" when nobody is disturbed, else what to do */
static void labels(const char *metadata, const char *why, const char *todo)
{
	auto_free char *text =
		xprintf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"dev\",%s}}", metadata);
	auto_json pod = json_parse(text, strlen(text));
	auto_buf got_why = BUF_INIT(4096), got_todo = BUF_INIT(4096);

	assert_non_null(pod);
	assert_int_equal(check_labels(pod, &got_why, &got_todo), *todo != '\0');
	assert_non_null(strstr(buf_text(&got_why), why));
	assert_string_equal(buf_text(&got_todo), todo);
}

#define MANAGED "\"computesdk.io/managed\":\"true\""

static void labels_that_break_others_are_found(void **state)
{
	labels("\"labels\":{\"app\":\"x\",\"computesdk.io/runtime\":\"ruby\"}", "", "");
	labels("\"labels\":{" MANAGED "}", "", "");
	labels("\"labels\":{" MANAGED
	       ",\"computesdk.io/runtime\":\"node\",\"computesdk.io/sandbox-id\":\"web\"}",
		"", "");
	labels("\"labels\":{" MANAGED ",\"computesdk.io/runtime\":\"ruby\"}", "list() fails",
		"kubectl label pod -n dev web computesdk.io/runtime-");
	labels("\"labels\":{" MANAGED ",\"computesdk.io/sandbox-id\":\"other\"}",
		"names another sandbox", "kubectl label pod -n dev web computesdk.io/sandbox-id-");
	labels("\"labels\":{" MANAGED ",\"kubectl-sbx/pool\":\"p\"}", "a spare of pool p",
		"kubectl label pod -n dev web computesdk.io/managed-");
	labels("\"labels\":{" MANAGED ",\"agents.x-k8s.io/sandbox-name-hash\":\"ab12\"}",
		"agent-sandbox", "kubectl label pod -n dev web computesdk.io/managed-");
}

static void quota(const char *text, int percent, const char *what)
{
	auto_json q = json_parse(text, strlen(text));
	const char *name = NULL;

	assert_non_null(q);
	assert_int_equal((int)(check_quota(q, &name) * 100 + 0.5), percent);
	if (what)
		assert_string_equal(name, what);
	else
		assert_null(name);
}

static void of_a_quota_the_nearest_end_is_told(void **state)
{
	quota("{\"status\":{\"hard\":{\"pods\":\"10\",\"requests.cpu\":\"2\"},"
	      "\"used\":{\"pods\":\"3\",\"requests.cpu\":\"1900m\"}}}",
		95, "requests.cpu");
	quota("{\"status\":{\"hard\":{\"services.nodeports\":\"0\"},\"used\":{\"services."
	      "nodeports\":\"0\"}}}",
		0, NULL);
	quota("{\"spec\":{\"hard\":{\"pods\":\"1\"}}}", 0, NULL);
	quota("{\"status\":{\"hard\":{\"pods\":7},\"used\":[]}}", 0, NULL);
	quota("[]", 0, NULL);
}

static void enforcer(const char *names, const char *network, const char *other)
{
	auto_free char *text = xprintf("{\"items\":[%s]}", names);
	auto_json list = json_parse(text, strlen(text));
	const char *got_other = "", *got = check_enforcer(list, &got_other);

	assert_string_equal(got ? got : "", network);
	assert_string_equal(got_other ? got_other : "", other);
}

static void networks_are_known_by_their_daemons(void **state)
{
	enforcer("", "", "");
	enforcer("{\"metadata\":{\"name\":\"kube-proxy\"}}", "", "");
	enforcer("{\"metadata\":{\"name\":\"kube-proxy\"}},{\"metadata\":{\"name\":\"calico-node\"}"
		 "}",
		"Calico", "");
	enforcer("{\"metadata\":{\"name\":\"kube-flannel-ds\"}}", "", "Flannel");
	/* Canal's way: Calico's policies over Flannel's network */
	enforcer("{\"metadata\":{\"name\":\"kube-flannel-ds\"}},{\"metadata\":{\"name\":\"cilium\"}"
		 "}",
		"Cilium", "Flannel");
	enforcer("7,{},null", "", "");
}

static void inside(const char *text, long uid, long pids, long pids_max)
{
	struct check_inside in;

	check_inside_parse(text, &in);
	assert_int_equal(in.uid, uid);
	assert_int_equal(in.pids, pids);
	assert_int_equal(in.pids_max, pids_max);
}

static void what_a_sandbox_prints_is_taken_with_care(void **state)
{
	inside("1000\n100\nmax\n", 1000, 100, -1);
	inside("0\nunlimited\n4096\n", 0, -1, 4096);
	inside("", -1, -1, -1);
	inside("-\n-\n-", -1, -1, -1);
	inside("99999999999999999999\n-5\n0x10\n", -1, -1, -1);
	inside("1\n2\n3\n4\n5\n", 1, 2, 3);
}

static void findings_are_counted_and_escaped(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	struct checks c;
	auto_json all = NULL;

	checks_init(&c, NULL);
	checks_say(&c, CHECK_OK, "a", NULL, "fine");
	checks_say(&c, CHECK_FAIL, "b", "do\x1b[31m it", "no\n%s", "\x1b[2J");
	assert_int_equal(c.count[CHECK_OK], 1);
	assert_int_equal(c.count[CHECK_FAIL], 1);
	checks_print_json(&c, to);
	fclose(to);
	all = json_parse(text, n);
	assert_int_equal(json_int(all, "failed", 0), 1);
	assert_string_equal(json_str(all, "checks[1].state", ""), "fail");
	assert_null(strchr(json_str(all, "checks[1].text", ""), '\x1b'));
	assert_null(strchr(json_str(all, "checks[1].todo", ""), '\x1b'));
	assert_int_equal(cJSON_GetArraySize(json_at(all, "checks")), 2);
	free(text);
	checks_fini(&c);
}

static void the_role_names_each_resource_once(void **state)
{
	char *text = NULL, *at;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	role_print(to, "dev");
	fclose(to);
	assert_non_null(strstr(text, "namespace: dev\n"));
	assert_non_null(strstr(text, "  resources: [pods/exec]\n  verbs: [get, create] #"));
	assert_non_null(strstr(
		text, "  resources: [pods]\n  verbs: [get, list, watch, patch, create, delete] #"));
	assert_null(strstr(strstr(text, "resources: [services]") + 1, "resources: [services]"));
	assert_null(strstr(text, "namespaces]"));
	at = strstr(text, "\n# For agent-sandbox's objects");
	assert_non_null(at);
	assert_non_null(
		strstr(at, "\n#   resources: [sandboxclaims]\n#   verbs: [get, list, watch, "
			   "create, patch, delete] #"));
	assert_null(strstr(at, "\n-"));
	free(text);
}

static void a_tenant_has_once_but_no_policies_and_services(void **state)
{
	auto_json rules = role_rules();
	const cJSON *rule;
	bool jobs = false;

	cJSON_ArrayForEach (rule, rules) {
		const char *resource = json_str(rule, "resources[0]", "");

		jobs = jobs || !strcmp(resource, "jobs");
		assert_string_not_equal(resource, "networkpolicies");
		assert_string_not_equal(resource, "sandboxes");
		if (!strcmp(resource, "services")) /* rm's */
			assert_int_equal(cJSON_GetArraySize(json_at(rule, "verbs")), 1);
	}
	assert_true(jobs);
}

static void a_status_of_any_kind_makes_a_row(void **state)
{
	static const char good[] =
		"{\"run\":0,\"sandbox\":\"running\",\"ops\":9,\"runs_now\":1,\"connected\":true,"
		"\"counters\":{\"requests\":2,\"median_us\":240,\"bytes_in\":2844,\"runs\":3,"
		"\"reconnects\":1},\"agent\":\"static\"}";

	for (size_t n = 0; n <= strlen(good); n++) {
		auto_json box = toplook_status(good, n, "dev", "web");

		assert_string_equal(json_str(box, "name", ""), "web");
		assert_int_equal(json_int(box, "requests", -1), n == strlen(good) ? 2 : 0);
		assert_int_equal(json_int(box, "reconnects", -1), n == strlen(good) ? 1 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_that_break_others_are_found),
		cmocka_unit_test(of_a_quota_the_nearest_end_is_told),
		cmocka_unit_test(networks_are_known_by_their_daemons),
		cmocka_unit_test(what_a_sandbox_prints_is_taken_with_care),
		cmocka_unit_test(findings_are_counted_and_escaped),
		cmocka_unit_test(the_role_names_each_resource_once),
		cmocka_unit_test(a_tenant_has_once_but_no_policies_and_services),
		cmocka_unit_test(a_status_of_any_kind_makes_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
