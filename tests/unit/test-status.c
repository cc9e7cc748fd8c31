#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/kube/status.h"

#include <errno.h>

#define STATUS(reason, message, more)                                                              \
	"{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"" reason                         \
	"\",\"message\":\"" message "\"" more "}"

struct expectation {
	int http;
	const char *body;
	int code;
	const char *sentence; /* all of it, or with a leading "*" a part */
};

static void check(const struct expectation *e)
{
	struct err err = { "" };

	assert_int_equal(status_error(e->http, e->body, strlen(e->body), "do it", &err), e->code);
	if (*e->sentence == '*')
		assert_non_null(strstr(err.text, e->sentence + 1));
	else
		assert_string_equal(err.text, e->sentence);
}

static void says_what_was_tried_and_what_to_do(void **state)
{
	static const struct expectation all[] = {
		{ 403,
			STATUS("Forbidden",
				"pods is forbidden: User \\\"u\\\" cannot list resource "
				"\\\"pods\\\"",
				""),
			-EACCES,
			"cannot do it: pods is forbidden: User \"u\" cannot list resource \"pods\" "
			"(HTTP 403); "
			"ask for the role printed by \"kubectl sbx doctor --role\"" },
		{ 403,
			STATUS("Forbidden",
				"pods \\\"a\\\" is forbidden: exceeded quota: q, requested: pods=1",
				""),
			-EDQUOT, "*quota raised" },
		{ 403,
			STATUS("Forbidden",
				"pods \\\"a\\\" is forbidden: violates PodSecurity "
				"\\\"restricted\\\"",
				""),
			-EACCES, "*stricter Pods" },
		{ 403, "", -EACCES, "*cannot do it: the server gave no reason (HTTP 403)" },
		{ 403, "<html><title>\n 403 Forbidden </title>", -EACCES,
			"*titled \"403 Forbidden\"" },
		{ 401, STATUS("Unauthorized", "Unauthorized", ""), -EACCES, "*sign in again" },
		{ 404,
			STATUS("NotFound", "namespaces \\\"x\\\" not found",
				",\"details\":{\"kind\":\"namespaces\"}"),
			-ENOENT, "*check the namespace" },
		{ 404, "404 page not found\n", -ENOENT,
			"cannot do it: 404 page not found (HTTP 404); "
			"this server has no such API; check the server URL of the kubeconfig" },
		{ 409, STATUS("AlreadyExists", "pods \\\"a\\\" already exists", ""), -EEXIST,
			"*another name" },
		{ 409,
			STATUS("AlreadyExists",
				"object is being deleted: pods \\\"a\\\" already exists", ""),
			-EEXIST, "*still going away" },
		{ 409, STATUS("Conflict", "Precondition failed: UID in precondition: a", ""),
			-EBUSY, "*another object has this name now" },
		{ 409, STATUS("Conflict", "the object has been modified", ""), -EBUSY,
			"*try again" },
		{ 410, STATUS("Expired", "too old resource version", ""), -ESTALE, "*list again" },
		{ 413, "too large", -EMSGSIZE, "*send less" },
		{ 422,
			STATUS("Invalid", "Pod is invalid",
				",\"details\":{\"causes\":[{\"field\":\"spec.x\",\"message\":"
				"\"Required\"},"
				"{\"field\":\"spec.y\",\"message\":\"is invalid\"}]}"),
			-EINVAL,
			"cannot do it: Pod is invalid; spec.x: Required (HTTP 422); correct these "
			"fields" },
		{ 429, "Too many requests, please try again later.\n", -EAGAIN,
			"*cannot do it: Too many requests, please try again later. (HTTP 429)" },
		{ 500, STATUS("InternalError", "etcd", ""), -EIO, "*its log" },
		{ 502, "", -EHOSTUNREACH, "*proxy" },
		{ 503, "", -EHOSTUNREACH, "*not ready" },
		{ 504, "", -ETIMEDOUT, "*too long" },
		{ 302, "", -EIO, "*check its URL" },
		{ 418, "teapot", -EINVAL, "*teapot (HTTP 418)" },
		{ 599, "", -EIO, "*" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		check(&all[i]);
}

static void keeps_the_advice_whatever_the_length(void **state)
{
	char body[3000], what[500];
	struct err err = { "" };

	memset(body, '\033', sizeof(body));
	memset(what, 'w', sizeof(what) - 1);
	what[sizeof(what) - 1] = '\0';
	assert_int_equal(status_error(403, body, sizeof(body), what, &err), -EACCES);
	assert_non_null(strstr(err.text, "doctor --role\""));
	assert_non_null(strstr(err.text, "\\x1b... (HTTP 403)"));
	assert_null(strchr(err.text, '\033'));
	memset(body, 0xc3, sizeof(body));
	for (size_t i = 1; i < sizeof(body); i += 2)
		body[i] = (char)0xa4;
	for (size_t n = 580; n < 620; n++) {
		assert_int_equal(status_error(403, body, n, "do it", &err), -EACCES);
		assert_non_null(strstr(err.text, "doctor --role\""));
	}
}

static void survives_cut_and_flipped_bytes(void **state)
{
	static const char text[] = STATUS("Invalid", "Pod is invalid",
		",\"details\":{\"causes\":[{\"field\":\"spec.x\",\"message\":\"Required\"}]}");
	char body[sizeof(text)];
	struct err err;

	for (size_t n = 0; n < sizeof(text); n++)
		assert_int_equal(status_error(422, text, n, "do it", &err), -EINVAL);
	for (size_t i = 0; i < 8 * (sizeof(text) - 1); i++) {
		memcpy(body, text, sizeof(text));
		body[i / 8] ^= (char)(1 << i % 8);
		assert_int_equal(status_error(422, body, sizeof(text) - 1, "do it", &err), -EINVAL);
		assert_non_null(strstr(err.text, "cannot do it: "));
	}
}

static void knows_too_old_in_each_form(void **state)
{
	static const char expired[] = "{\"kind\":\"Status\",\"code\":410}";
	static const char gone[] = "{\"kind\":\"Status\",\"reason\":\"Gone\"}";
	static const char other[] = "{\"kind\":\"Status\",\"code\":500,\"reason\":\"Timeout\"}";

	assert_true(status_is_expired(410, "", 0));
	assert_true(status_is_expired(0, expired, strlen(expired)));
	assert_true(status_is_expired(0, gone, strlen(gone)));
	assert_false(status_is_expired(0, other, strlen(other)));
	assert_false(status_is_expired(200, "410", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_was_tried_and_what_to_do),
		cmocka_unit_test(keeps_the_advice_whatever_the_length),
		cmocka_unit_test(survives_cut_and_flipped_bytes),
		cmocka_unit_test(knows_too_old_in_each_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
