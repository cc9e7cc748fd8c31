/* The whole API without a network: calls in, answers out, over a store in a scratch folder. */
#include "plugin/local/api.h"
#include "plugin/local/folder.h"
#include "plugin/local/objects.h"
#include "plugin/local/podspec.h"
#include "plugin/local/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static int set_up(void **state)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	auto_free char *objects = NULL;

	e->home = xstrdup("/tmp/test-local-api.XXXXXX");
	assert_non_null(mkdtemp(e->home));
	e->token = xstrdup("secret");
	objects = xprintf("%s/objects", e->home);
	assert_int_equal(store_open(objects, &e->store, NULL), 0);
	objects_seed(e->store);
	*state = e;
	return 0;
}

static int tear_down(void **state)
{
	struct engine *e = *state;

	store_close(e->store);
	folder_remove(e->home, NULL);
	free(e->home);
	free(e->token);
	free(e);
	return 0;
}

/* target: "METHOD PATH[?ARG[&ARG]]" */
static void call_with(struct engine *e, const char *target, const char *type, const char *body,
	struct answer *ret)
{
	const char *path = strchr(target, ' ') + 1, *query = strchr(path, '?');
	struct call c;

	call_init(&c);
	answer_init(ret);
	snprintf(c.method, sizeof(c.method), "%.*s", (int)(path - target - 1), target);
	c.path = query ? xstrndup(path, (size_t)(query - path)) : xstrdup(path);
	while (query) {
		const char *from = query + 1;
		auto_free char *arg = xstrndup(from, strcspn(from, "&"));

		call_add_arg(&c, arg);
		query = strchr(from, '&');
	}
	c.authorization = xstrdup("Bearer secret");
	c.content_type = xstrdup(type);
	buf_str(&c.body, body ? body : "");
	api_serve(e, &c, ret);
	call_fini(&c);
}

static int code_of(struct engine *e, const char *target, const char *body)
{
	struct answer a;
	int code;

	call_with(e, target,
		strncmp(target, "PATCH", 5) ? "application/json" : "application/merge-patch+json",
		body, &a);
	code = a.code;
	answer_fini(&a);
	return code;
}

#define PODS "/api/v1/namespaces/default/pods"

static char *pod_named(const char *name)
{
	return xprintf("{\"metadata\":{\"name\":\"%s\",\"labels\":{\"app\":\"%s\"}},"
		       "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"host\"}]}}",
		name, name);
}

static void paths_become_targets(void **state)
{
	static const char *const wrong[] = { "", "/", "/api", "/api/v1", "/api/v2/pods",
		"/apis/x/v1/pods", "/api/v1/nosuch", "/api/v1/pods/name",
		"/api/v1/namespaces/a/pods/b/log/more", "/api/v1/namespaces/a/nodes/b" };
	char good[] = "/apis/batch/v1/namespaces/a/jobs/b/status", all[] = "/api/v1/pods";
	char ns[] = "/api/v1/namespaces/a";
	struct target t;

	assert_int_equal(target_parse(good, &t), 0);
	assert_string_equal(t.resource->kind, "Job");
	assert_string_equal(t.ns, "a");
	assert_string_equal(t.name, "b");
	assert_string_equal(t.sub, "status");
	assert_int_equal(target_parse(all, &t), 0);
	assert_string_equal(t.ns, "");
	assert_null(t.name);
	assert_int_equal(target_parse(ns, &t), 0);
	assert_string_equal(t.resource->kind, "Namespace");
	assert_string_equal(t.name, "a");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		auto_free char *copy = xstrdup(wrong[i]);

		assert_int_equal(target_parse(copy, &t), -ENOENT);
	}
}

static void custom_resources_are_there_while_they_are_defined(void **state)
{
#define CRDS  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define BOXES "/apis/agents.x-k8s.io/v1beta1/namespaces/default/sandboxes"
#define CRD(n)                                                                                     \
	"{\"metadata\":{\"name\":\"" n "\"},\"spec\":{\"versions\":[{\"name\":\"v1beta1\","        \
	"\"served\":true}]}}"
	struct engine *e = *state;

	assert_int_equal(code_of(e, "GET /apis/agents.x-k8s.io", NULL), 404);
	assert_int_equal(code_of(e, "GET /apis/agents.x-k8s.io/v1beta1", NULL), 404);
	assert_int_equal(code_of(e, "GET " BOXES, NULL), 404);
	assert_int_equal(code_of(e, "POST " CRDS, CRD("others.example.com")), 422);
	assert_int_equal(code_of(e, "POST " CRDS, CRD("sandboxes.agents.x-k8s.io")), 201);
	assert_int_equal(code_of(e, "GET /apis/agents.x-k8s.io", NULL), 200);
	assert_int_equal(code_of(e, "GET /apis/agents.x-k8s.io/v1beta1", NULL), 200);
	assert_int_equal(code_of(e, "GET /apis/extensions.agents.x-k8s.io", NULL), 404);
	assert_int_equal(code_of(e, "POST " BOXES, "{\"metadata\":{\"name\":\"a\"}}"), 201);
	assert_int_equal(code_of(e, "PATCH " BOXES "/a/status", "{\"status\":{\"x\":1}}"), 200);
	assert_int_equal(code_of(e, "DELETE " CRDS "/sandboxes.agents.x-k8s.io", NULL), 200);
	assert_int_equal(code_of(e, "GET " BOXES "/a", NULL), 404);
	assert_int_equal(code_of(e, "POST " CRDS, CRD("sandboxes.agents.x-k8s.io")), 201);
	assert_int_equal(code_of(e, "GET " BOXES "/a", NULL), 404);
	assert_int_equal(code_of(e, "DELETE " CRDS "/sandboxes.agents.x-k8s.io", NULL), 200);
}

static void a_wrong_token_is_401(void **state)
{
	struct engine *e = *state;
	struct answer a;
	struct call c;

	call_init(&c);
	answer_init(&a);
	snprintf(c.method, sizeof(c.method), "GET");
	c.path = xstrdup("/version");
	api_serve(e, &c, &a);
	assert_int_equal(a.code, 401);
	c.authorization = xstrdup("Bearer secreT");
	api_serve(e, &c, &a);
	assert_int_equal(a.code, 401);
	call_fini(&c);
	answer_fini(&a);
}

static void pods_are_created_read_and_deleted(void **state)
{
	struct engine *e = *state;
	auto_free char *web = pod_named("web");

	assert_int_equal(code_of(e, "POST " PODS, web), 201);
	assert_int_equal(code_of(e, "POST " PODS, web), 409);
	assert_int_equal(code_of(e, "GET " PODS "/web", NULL), 200);
	assert_int_equal(code_of(e, "GET " PODS "/nosuch", NULL), 404);
	assert_int_equal(
		code_of(e, "DELETE " PODS "/web", "{\"preconditions\":{\"uid\":\"x\"}}"), 409);
	assert_int_equal(code_of(e, "DELETE " PODS "/web", "{\"gracePeriodSeconds\":0}"), 200);
	assert_int_equal(code_of(e, "GET " PODS "/web", NULL), 404);
}

static void what_is_wrong_is_named_by_its_code(void **state)
{
	struct engine *e = *state;
	auto_free char *upper = pod_named("Web"), *web = pod_named("web");

	assert_int_equal(code_of(e, "POST " PODS, "{"), 400);
	assert_int_equal(code_of(e, "POST " PODS, "[]"), 400);
	assert_int_equal(code_of(e, "POST " PODS, "{\"kind\":\"Service\"}"), 400);
	assert_int_equal(code_of(e, "POST " PODS, "{\"metadata\":{\"name\":\"a\"}}"), 422);
	assert_int_equal(code_of(e, "POST " PODS, upper), 422);
	assert_int_equal(code_of(e, "POST /api/v1/namespaces/nosuch/pods", web), 404);
	assert_int_equal(code_of(e, "PUT " PODS, web), 405);
	assert_int_equal(code_of(e, "GET " PODS "?labelSelector=a in b", NULL), 400);
	assert_int_equal(code_of(e, "GET " PODS "?watch=1&resourceVersion=5", NULL), 410);
	assert_int_equal(code_of(e, "POST " PODS "?dryRun=All", web), 201);
	assert_int_equal(code_of(e, "GET " PODS "/web", NULL), 404);
}

static void a_stale_update_is_a_conflict(void **state)
{
	struct engine *e = *state;
	auto_free char *web = pod_named("web");

	assert_int_equal(code_of(e, "POST " PODS, web), 201);
	assert_int_equal(
		code_of(e, "PATCH " PODS "/web", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}"), 200);
	assert_int_equal(
		code_of(e, "PATCH " PODS "/web", "{\"metadata\":{\"resourceVersion\":\"1\"}}"),
		409);
	assert_int_equal(
		code_of(e, "PATCH " PODS "/web", "{\"spec\":{\"nodeName\":\"other\"}}"), 422);
}

static void a_watch_tells_what_comes_into_and_out_of_its_selection(void **state)
{
	struct engine *e = *state;
	auto_free char *web = pod_named("web");
	auto_buf out = BUF_INIT(1u << 20);
	struct answer a;

	call_with(e, "GET " PODS "?watch=1&labelSelector=app=other", NULL, NULL, &a);
	assert_int_equal(a.code, 200);
	assert_int_equal(code_of(e, "POST " PODS, web), 201);
	assert_int_equal(a.source->next(a.source, &out), 0);
	code_of(e, "PATCH " PODS "/web", "{\"metadata\":{\"labels\":{\"app\":\"other\"}}}");
	code_of(e, "PATCH " PODS "/web", "{\"metadata\":{\"labels\":{\"more\":\"1\"}}}");
	code_of(e, "PATCH " PODS "/web", "{\"metadata\":{\"labels\":{\"app\":\"web\"}}}");
	assert_int_equal(a.source->next(a.source, &out), 1);
	assert_non_null(strstr(buf_text(&out), "\"ADDED\""));
	assert_non_null(strstr(buf_text(&out), "\"MODIFIED\""));
	assert_non_null(strstr(buf_text(&out), "\"DELETED\""));
	answer_fini(&a);
}

/* Events are not written to files, so four thousand changes are quick. */
#define EVENTS "/api/v1/namespaces/default/events"

static void a_watch_that_fell_behind_ends_with_410_in_the_stream(void **state)
{
	struct engine *e = *state;
	static const char event[] = "{\"metadata\":{\"name\":\"web\"}}";
	auto_buf out = BUF_INIT(1u << 20);
	struct answer a;

	call_with(e, "GET " EVENTS "?watch=1", NULL, NULL, &a);
	code_of(e, "POST " EVENTS, event);
	for (int i = 0; i < STORE_CHANGES + 10; i++) {
		auto_free char *patch = xprintf("{\"metadata\":{\"labels\":{\"n\":\"%d\"}}}", i);

		code_of(e, "PATCH " EVENTS "/web", patch);
	}
	assert_int_equal(a.source->next(a.source, &out), 1);
	assert_non_null(strstr(buf_text(&out), "\"ERROR\""));
	assert_non_null(strstr(buf_text(&out), "410"));
	assert_int_equal(a.source->next(a.source, &out), -EPIPE);
	answer_fini(&a);
}

static void objects_outlive_the_store(void **state)
{
	struct engine *e = *state;
	auto_free char *objects = xprintf("%s/objects", e->home), *web = pod_named("web");
	uint64_t rv;

	assert_int_equal(code_of(e, "POST " PODS, web), 201);
	rv = store_rv(e->store);
	store_close(e->store);
	assert_int_equal(store_open(objects, &e->store, NULL), 0);
	assert_int_equal(code_of(e, "GET " PODS "/web", NULL), 200);
	assert_true(store_rv(e->store) > rv);
}

static void quantities_are_read(void **state)
{
	static const char *const wrong[] = { "", "x", "1x", "-1", "1..2.3.4.5.6.7.8.9.0.1.2",
		"99999999999999999Ti" };
	int64_t n;

	assert_int_equal(quantity_parse_milli("250m", &n), 0);
	assert_int_equal(n, 250);
	assert_int_equal(quantity_parse_milli("64Mi", &n), 0);
	assert_int_equal(n, 64ll * 1024 * 1024 * 1000);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(quantity_parse_milli(wrong[i], &n), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_become_targets),
		TEST(a_wrong_token_is_401),
		TEST(custom_resources_are_there_while_they_are_defined),
		TEST(pods_are_created_read_and_deleted),
		TEST(what_is_wrong_is_named_by_its_code),
		TEST(a_stale_update_is_a_conflict),
		TEST(a_watch_tells_what_comes_into_and_out_of_its_selection),
		TEST(a_watch_that_fell_behind_ends_with_410_in_the_stream),
		TEST(objects_outlive_the_store),
		cmocka_unit_test(quantities_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
