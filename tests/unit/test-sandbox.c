#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/kube/json.h"
#include "common/kube/sandbox.h"

#define META                                                                                       \
	"\"metadata\":{\"name\":\"web\",\"namespace\":\"dev\",\"uid\":\"u-1\","                    \
	"\"resourceVersion\":\"%d\","                                                              \
	"\"labels\":{\"computesdk.io/"                                                             \
	"runtime\":\"node\"},\"creationTimestamp\":\"2026-11-22T04:10:29Z\"}"
#define SPEC                                                                                       \
	"\"spec\":{\"restartPolicy\":\"Never\",\"nodeName\":\"n1\",\"containers\":["               \
	"{\"name\":\"side\",\"image\":\"s\"},{\"name\":\"sandbox\",\"image\":\"i\"}]}"
#define POD(status) "{\"kind\":\"Pod\"," META "," SPEC ",\"status\":{" status "}}"
#define STATE(state)                                                                               \
	"\"containerStatuses\":[{\"name\":\"sandbox\",\"restartCount\":2,\"containerID\":\"c://"   \
	"1\",\"state\":{" state "}}]"
#define RUNNING                                                                                    \
	POD("\"phase\":\"Running\",\"podIP\":\"10.0.0.1\",\"conditions\":[{\"type\":\"Ready\","    \
	    "\"status\":\"True\"}]," STATE("\"running\":{}"))
#define WAITING(reason)                                                                            \
	POD("\"phase\":\"Pending\"," STATE(                                                        \
		"\"waiting\":{\"reason\":\"" reason "\",\"message\":\"m\\u001b\"}"))
#define ENDED(more)                                                                                \
	POD("\"phase\":\"Running\"," STATE("\"terminated\":{\"exitCode\":3,\"reason\":\"Error\"}") \
			more)
#define UNSCHEDULED(reason)                                                                        \
	POD("\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":"         \
	    "\"False\",\"reason\":\"" reason "\",\"message\":\"0/1 nodes are available\"}]")

static void drop(cJSON **json)
{
	cJSON_Delete(*json);
}
#define auto_json cJSON *auto_with(drop)

static cJSON *pod_of(const char *fmt, int rv)
{
	auto_buf text = BUF_INIT(65536);
	cJSON *pod;
	const char *mark = strstr(fmt, "%d");

	buf_add(&text, fmt, (size_t)(mark - fmt));
	buf_printf(&text, "%d%s", rv, mark + 2);
	pod = json_parse(text.data, text.len);
	assert_non_null(pod);
	return pod;
}

static void reads_a_running_one(void **state)
{
	auto_json pod = pod_of(RUNNING, 7);
	struct sandbox s;

	assert_int_equal(sandbox_parse(pod, NULL, &s, NULL), 0);
	assert_string_equal(s.ns, "dev");
	assert_string_equal(s.name, "web");
	assert_string_equal(s.uid, "u-1");
	assert_string_equal(s.container, "sandbox");
	assert_string_equal(s.container_id, "c://1");
	assert_string_equal(s.image, "i");
	assert_string_equal(s.node, "n1");
	assert_string_equal(s.ip, "10.0.0.1");
	assert_string_equal(s.runtime, "node");
	assert_string_equal(s.resource_version, "7");
	assert_string_equal(s.reason, "");
	assert_int_equal(s.phase, SANDBOX_RUNNING);
	assert_int_equal(s.restarts, 2);
	assert_true(s.running && s.ready && !s.deleting);
	assert_true(s.created_ms == 1795320629000);
	sandbox_fini(&s);
}

static void chooses_the_container(void **state)
{
	cJSON *annotations = cJSON_CreateObject();
	auto_json pod = pod_of(RUNNING, 7);
	struct err err = { "" };
	struct sandbox s;

	assert_int_equal(sandbox_parse(pod, "side", &s, &err), 0);
	assert_string_equal(s.container, "side");
	assert_false(s.running);
	sandbox_fini(&s);
	assert_int_equal(sandbox_parse(pod, "other", &s, &err), -ENOENT);
	assert_string_equal(err.text, "pod web has no container 'other'; it has: side, sandbox");
	cJSON_AddStringToObject(annotations, "kubectl.kubernetes.io/default-container", "side");
	json_set(pod, "metadata.annotations", annotations);
	assert_int_equal(sandbox_parse(pod, NULL, &s, &err), 0);
	assert_string_equal(s.container, "side");
	sandbox_fini(&s);
}

static void tells_why_it_does_not_run(void **state)
{
	static const struct {
		const char *pod, *reason;
	} all[] = {
		{ WAITING("ErrImagePull"), "ErrImagePull: m\\x1b" },
		{ ENDED(""), "Error (exit code 3)" },
		{ UNSCHEDULED("Unschedulable"), "Unschedulable: 0/1 nodes are available" },
		{ POD("\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"low on memory\""),
			"Evicted: low on memory" },
		{ POD(""), "" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		auto_json pod = pod_of(all[i].pod, 1);
		struct sandbox s;

		assert_int_equal(sandbox_parse(pod, NULL, &s, NULL), 0);
		assert_string_equal(s.reason, all[i].reason);
		sandbox_fini(&s);
	}
}

static void refuses_names_that_no_server_gives(void **state)
{
	static const char *const members[] = { "metadata.name", "metadata.namespace",
		"metadata.uid" };
	static const char *const values[] = { "", "..", ".", "a/b", "../x", "a\nb", "A B", "-a",
		"\xff" };

	for (size_t m = 0; m < 3; m++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
			auto_json pod = pod_of(RUNNING, 1);
			struct sandbox s;

			if (m == 2 && strchr("-.", values[v][0])) /* a uid is no name */
				continue;
			json_set_str(pod, members[m], values[v]);
			assert_int_equal(sandbox_parse(pod, NULL, &s, NULL), -EBADMSG);
		}
	}
}

static void any_json_is_safe(void **state)
{
	static const char text[] = WAITING("ErrImagePull");
	char bytes[sizeof(text)];

	for (size_t i = 0; i < 8 * (sizeof(text) - 1); i++) {
		struct sandbox_wait wait = { .since_ms = 0 };
		struct sandbox s;
		cJSON *pod;

		memcpy(bytes, text, sizeof(text));
		bytes[i / 8] ^= (char)(1 << i % 8);
		pod = json_parse(bytes, sizeof(text) - 1);
		if (sandbox_parse(pod, NULL, &s, NULL) == 0)
			sandbox_fini(&s);
		assert_true(sandbox_progress(pod, &wait, NULL) <= 0);
		cJSON_Delete(pod);
	}
}

static int progress(const char *text, int rv, struct sandbox_wait *wait, struct err *err)
{
	auto_json pod = pod_of(text, rv);

	return sandbox_progress(pod, wait, err);
}

static void sees_what_is_decided(void **state)
{
	static const struct {
		const char *pod;
		int rc;
		const char *words;
	} all[] = {
		{ RUNNING, 1, "" },
		{ WAITING("ContainerCreating"), 0, "" },
		{ WAITING("InvalidImageName"), -ENOTCONN,
			"pod web cannot run: InvalidImageName: m\\x1b; correct the image's name" },
		{ WAITING("CrashLoopBackOff"), -ENOTCONN, "again and again" },
		{ ENDED(""), -ENOTCONN, "its container has ended with exit code 3 (Error)" },
		{ POD("\"phase\":\"Succeeded\""), -ENOTCONN, "its command has ended" },
		{ POD("\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"full\""),
			-ENOTCONN, "Evicted: full" },
		{ WAITING("ErrImagePull"), 0, "" },
		{ UNSCHEDULED("Unschedulable"), 0, "" },
		{ UNSCHEDULED("SchedulingGated"), 0, "" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct sandbox_wait wait = { .since_ms = 0 };
		struct err err = { "" };

		assert_int_equal(progress(all[i].pod, 1, &wait, &err), all[i].rc);
		assert_non_null(strstr(err.text, all[i].words));
	}
}

static void soft_troubles_fail_when_they_last(void **state)
{
	static const struct {
		const char *pod;
		int grace_ms; /* 0: never */
	} all[] = {
		{ WAITING("ErrImagePull"), 3000 },
		{ WAITING("CreateContainerConfigError"), 3000 },
		{ WAITING("CreateContainerError"), 3000 },
		{ UNSCHEDULED("Unschedulable"), 3000 },
		{ UNSCHEDULED("SchedulingGated"), 0 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct sandbox_wait wait = { .since_ms = 0 };
		struct err err = { "" };

		assert_int_equal(progress(all[i].pod, 1, &wait, &err), 0);
		wait.since_ms -= all[i].grace_ms ? all[i].grace_ms - 1000 : 0;
		assert_int_equal(progress(all[i].pod, 1, &wait, &err), 0);
		wait.since_ms -= all[i].grace_ms ? 1000 : 100000000;
		assert_int_equal(
			progress(all[i].pod, 1, &wait, &err), all[i].grace_ms ? -ENOTCONN : 0);
	}
}

static void room_may_be_waited_for(void **state)
{
	struct sandbox_wait wait = { .schedule_grace_ms = 60000 };
	struct err err = { "" };

	assert_int_equal(progress(UNSCHEDULED("Unschedulable"), 1, &wait, &err), 0);
	wait.since_ms -= 59000;
	assert_int_equal(progress(UNSCHEDULED("Unschedulable"), 1, &wait, &err), 0);
	wait.since_ms -= 1000;
	assert_int_equal(progress(UNSCHEDULED("Unschedulable"), 1, &wait, &err), -ENOTCONN);
}

static void a_second_failure_needs_no_grace(void **state)
{
	struct sandbox_wait pull = { .since_ms = 0 }, start = { .since_ms = 0 };

	assert_int_equal(progress(WAITING("ErrImagePull"), 1, &pull, NULL), 0);
	assert_int_equal(progress(WAITING("ImagePullBackOff"), 2, &pull, NULL), 0);
	assert_int_equal(progress(WAITING("ImagePullBackOff"), 2, &pull, NULL), 0);
	assert_int_equal(progress(WAITING("ErrImagePull"), 3, &pull, NULL), -ENOTCONN);
	assert_int_equal(progress(WAITING("RunContainerError"), 1, &start, NULL), 0);
	assert_int_equal(progress(WAITING("RunContainerError"), 1, &start, NULL), 0);
	assert_int_equal(progress(WAITING("RunContainerError"), 2, &start, NULL), -ENOTCONN);
}

static void a_trouble_that_passes_is_forgotten(void **state)
{
	struct sandbox_wait wait = { .since_ms = 0 };

	assert_int_equal(progress(WAITING("ErrImagePull"), 1, &wait, NULL), 0);
	wait.since_ms -= 2000;
	assert_int_equal(progress(WAITING("ContainerCreating"), 2, &wait, NULL), 0);
	assert_string_equal(wait.trouble, "");
	assert_int_equal(progress(WAITING("ErrImagePull"), 3, &wait, NULL), 0);
	assert_int_equal(progress(RUNNING, 4, &wait, NULL), 1);
}

static void a_dying_one_is_stale(void **state)
{
	auto_json pod = pod_of(RUNNING, 1);
	struct sandbox_wait wait = { .since_ms = 0 };
	struct err err = { "" };

	json_set_str(pod, "metadata.deletionTimestamp", "2026-11-22T04:10:29Z");
	assert_int_equal(sandbox_progress(pod, &wait, &err), -ESTALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_running_one),
		cmocka_unit_test(chooses_the_container),
		cmocka_unit_test(tells_why_it_does_not_run),
		cmocka_unit_test(refuses_names_that_no_server_gives),
		cmocka_unit_test(any_json_is_safe),
		cmocka_unit_test(sees_what_is_decided),
		cmocka_unit_test(soft_troubles_fail_when_they_last),
		cmocka_unit_test(room_may_be_waited_for),
		cmocka_unit_test(a_second_failure_needs_no_grace),
		cmocka_unit_test(a_trouble_that_passes_is_forgotten),
		cmocka_unit_test(a_dying_one_is_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
