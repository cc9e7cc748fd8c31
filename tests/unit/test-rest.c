#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/json.h"
#include "common/kube/keep.h"
#include "common/kube/kube.h"
#include "common/kube/sandbox.h"
#include "tests/lib/fake.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#define PODS "/api/v1/namespaces/dev/pods"

/* One server, one client, fresh for each test. */
struct at {
	struct fake fake;
	struct kube *k;
};

static int setup(void **state)
{
	struct at *at = xcalloc(1, sizeof(*at));

	fake_start(&at->fake, NULL);
	at->k = fake_kube(&at->fake, NULL, NULL, NULL);
	*state = at;
	return 0;
}

static int teardown(void **state)
{
	struct at *at = *state;

	kube_close(at->k);
	fake_stop(&at->fake);
	free(at);
	return 0;
}

static int get(
	struct kube *k, const char *path, int timeout_ms, cJSON **ret, int *http, struct err *err)
{
	struct rest_request rq = { .method = "GET",
		.path = path,
		.what = "list pods in namespace dev",
		.timeout_ms = timeout_ms };

	return rest_call(k, &rq, ret, http, err);
}

static cJSON *pod_named(const char *name)
{
	static const char text[] =
		"{\"spec\":{\"containers\":[{\"name\":\"sandbox\",\"image\":\"i\"}]}}";
	cJSON *pod = json_parse(text, sizeof(text) - 1);

	assert_non_null(pod);
	json_set_str(pod, "metadata.name", name);
	return pod;
}

static int create(struct kube *k, const char *name, struct err *err)
{
	cJSON *pod = pod_named(name);
	int rc = sandbox_create(k, "dev", pod, NULL, err);

	cJSON_Delete(pod);
	return rc;
}

static void creates_lists_gets_and_deletes(void **state)
{
	struct at *at = *state;
	struct err err = { "" };
	struct sandbox s;
	cJSON *answer = NULL;

	assert_int_equal(create(at->k, "web", &err), 0);
	assert_int_equal(sandbox_list(at->k, "dev", NULL, &answer, &err), 0);
	assert_int_equal(cJSON_GetArraySize(json_at(answer, "items")), 1);
	cJSON_Delete(answer);
	assert_int_equal(sandbox_get(at->k, "dev", "web", &answer, &err), 0);
	assert_int_equal(sandbox_parse(answer, NULL, &s, &err), 0);
	assert_true(s.running && s.ready);
	cJSON_Delete(answer);
	assert_int_equal(sandbox_delete(at->k, "dev", "web", s.uid, 0, &err), 0);
	assert_int_equal(sandbox_get(at->k, "dev", "web", &answer, &err), -ENOENT);
	assert_string_equal(err.text,
		"cannot get pod web in namespace dev: pods \"web\" not found (HTTP 404); "
		"\"kubectl sbx ls\" shows what is there");
	assert_int_equal(sandbox_delete(at->k, "dev", "web", s.uid, 0, &err), 0); /* gone already */
	sandbox_fini(&s);
}

static void says_that_a_name_is_taken(void **state)
{
	struct at *at = *state;
	struct err err = { "" };

	assert_int_equal(create(at->k, "web", &err), 0);
	assert_int_equal(create(at->k, "web", &err), -EEXIST);
	assert_non_null(strstr(err.text, "cannot create pod web in namespace dev: "));
	assert_non_null(strstr(err.text, "(HTTP 409)"));
}

static void deletes_by_uid_and_leaves_a_namesake(void **state)
{
	struct at *at = *state;
	struct err err = { "" };
	cJSON *pod = NULL, *told;
	const char *body;

	assert_int_equal(create(at->k, "web", &err), 0);
	fake_do(&at->fake, "{}");
	assert_int_equal(sandbox_delete(at->k, "dev", "web", "another-uid", 3, &err), 0);
	told = fake_order(&at->fake, "{}");
	body = json_str(told, "bodies[0]", "");
	assert_non_null(strstr(body, "\"propagationPolicy\":\"Background\""));
	assert_non_null(strstr(body, "\"preconditions\":{\"uid\":\"another-uid\"}"));
	assert_non_null(strstr(body, "\"gracePeriodSeconds\":3"));
	cJSON_Delete(told);
	assert_int_equal(sandbox_get(at->k, "dev", "web", &pod, &err), 0);
	cJSON_Delete(pod);
}

static void keeps_connections(void **state)
{
	struct at *at = *state;
	cJSON *told;

	fake_do(&at->fake, "{}");
	for (int i = 0; i < 5; i++)
		assert_int_equal(get(at->k, PODS, 0, NULL, NULL, NULL), 0);
	told = fake_order(&at->fake, "{}");
	assert_int_equal(json_int(told, "connections", -1), 1);
	cJSON_Delete(told);
}

static void repeats_429_and_5xx_only_with_retry_after(void **state)
{
	struct at *at = *state;
	struct err err = { "" };
	int http = 0;

	fake_do(&at->fake,
		"{\"fault\":{\"do\":\"status\",\"code\":429,\"retry_after\":0,\"times\":3}}");
	assert_int_equal(get(at->k, PODS, 0, NULL, &http, &err), 0);
	assert_int_equal(http, 200);
	assert_int_equal(fake_count(&at->fake, "GET", "/pods"), 4);
	fake_do(&at->fake,
		"{\"fault\":{\"do\":\"status\",\"code\":503,\"retry_after\":0,\"times\":1}}");
	assert_int_equal(create(at->k, "again", &err), 0);
	assert_int_equal(fake_count(&at->fake, "POST", "/pods"), 2);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"status\",\"code\":429}}");
	assert_int_equal(get(at->k, PODS, 0, NULL, &http, &err), -EAGAIN);
	assert_int_equal(http, 429);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"status\",\"code\":500}}");
	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), -EIO);
	assert_int_equal(fake_count(&at->fake, "GET", "/pods"), 1);
}

static void gives_up_repeating_after_ten(void **state)
{
	struct at *at = *state;
	struct err err = { "" };

	fake_do(&at->fake,
		"{\"fault\":{\"do\":\"status\",\"code\":503,\"retry_after\":0,\"times\":0}}");
	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), -EHOSTUNREACH);
	assert_int_equal(fake_count(&at->fake, "GET", "/pods"), 10);
}

static void does_not_wait_past_its_deadline(void **state)
{
	struct at *at = *state;
	int64_t started = clock_now_ms();
	struct err err = { "" };

	fake_do(&at->fake, "{\"fault\":{\"do\":\"status\",\"code\":429,\"retry_after\":60}}");
	assert_int_equal(get(at->k, PODS, 2000, NULL, NULL, &err), -EAGAIN);
	assert_true(clock_now_ms() - started < 1500);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"mute\",\"times\":0}}");
	started = clock_now_ms();
	assert_int_equal(get(at->k, PODS, 300, NULL, NULL, &err), -ETIMEDOUT);
	assert_in_range(clock_now_ms() - started, 290, 1500);
	assert_non_null(strstr(err.text, "cannot list pods in namespace dev: http://127.0.0.1:"));
}

static void repeats_reads_after_a_lost_connection(void **state)
{
	struct at *at = *state;
	cJSON *answer = NULL;
	struct err err = { "" };

	fake_do(&at->fake, "{\"fault\":{\"do\":\"drop\"}}");
	assert_int_equal(get(at->k, PODS, 0, &answer, NULL, &err), 0);
	cJSON_Delete(answer);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"cut\",\"bytes\":150}}");
	assert_int_equal(get(at->k, PODS, 0, &answer, NULL, &err), 0);
	assert_string_equal(json_str(answer, "kind", ""), "PodList");
	cJSON_Delete(answer);
}

/* On a kept connection libcurl would send it again by itself. */
static void never_repeats_a_creation(void **state)
{
	struct at *at = *state;
	struct err err = { "" };

	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), 0);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"drop\",\"method\":\"POST\",\"path\":\"/pods\"}}");
	assert_int_equal(create(at->k, "once", &err), -ECONNRESET);
	assert_int_equal(fake_count(&at->fake, "POST", "/pods"), 1);
}

static void answers_may_dribble_or_be_large(void **state)
{
	struct at *at = *state;
	cJSON *answer = NULL;
	struct err err = { "" };

	assert_int_equal(create(at->k, "web", &err), 0);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"dribble\"}}");
	assert_int_equal(sandbox_get(at->k, "dev", "web", &answer, &err), 0);
	cJSON_Delete(answer);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"huge\",\"bytes\":3000000}}"); /* gzip */
	assert_int_equal(get(at->k, PODS, 0, &answer, NULL, &err), 0);
	assert_int_equal(strlen(answer->valuestring), 3000000);
	cJSON_Delete(answer);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"huge\",\"bytes\":%d}}", REST_BODY_MAX);
	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), -EMSGSIZE);
	assert_non_null(strstr(err.text, "too large"));
}

static void tells_what_is_no_api_server(void **state)
{
	struct at *at = *state;
	cJSON *answer = NULL;
	struct err err = { "" };

	fake_do(&at->fake, "{\"fault\":{\"do\":\"garbage\"}}");
	assert_int_equal(get(at->k, PODS, 0, &answer, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "is http://127.0.0.1:"));
	fake_do(&at->fake, "{\"fault\":{\"do\":\"html\",\"code\":502}}");
	assert_int_equal(get(at->k, PODS, 0, &answer, NULL, &err), -EHOSTUNREACH);
	assert_non_null(strstr(err.text, "titled \"502 from a proxy\""));
	assert_null(answer);
}

static void names_the_server_that_refuses_connections(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	auto_close int fd =
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, never listening */
	struct at *at = *state;
	int real = at->fake.port;
	struct err err = { "" };
	struct kube *k;

	assert_int_equal(bind(fd, (struct sockaddr *)&in, n), 0);
	getsockname(fd, (struct sockaddr *)&in, &n);
	at->fake.port = ntohs(in.sin_port);
	k = fake_kube(&at->fake, NULL, NULL, NULL);
	at->fake.port = real;
	assert_int_equal(get(k, PODS, 0, NULL, NULL, &err), -ECONNREFUSED);
	assert_non_null(strstr(
		err.text, "cannot list pods in namespace dev: cannot reach http://127.0.0.1:"));
	kube_close(k);
}

static struct kube *to_interrupt;

static void on_alarm(int sig)
{
	kube_interrupt(to_interrupt);
}

static void a_signal_ends_any_call(void **state)
{
	struct itimerval in_100_ms = { .it_value.tv_usec = 100000 };
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct at *at = *state;
	struct err err = { "" };
	static const char *const faults[] = { "{\"do\":\"mute\"}",
		"{\"do\":\"status\",\"code\":429,\"retry_after\":20}" };

	to_interrupt = at->k;
	sigaction(SIGALRM, &act, &old);
	for (int i = 0; i < 2; i++) {
		int64_t started;

		fake_do(&at->fake, "{\"fault\":%s}", faults[i]);
		started = clock_now_ms();
		setitimer(ITIMER_REAL, &in_100_ms, NULL);
		assert_int_equal(get(at->k, PODS, 30000, NULL, NULL, &err), -EINTR);
		assert_in_range(clock_now_ms() - started, 90, 300);
		assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), -EINTR);
		kube_resume(at->k);
		assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), 0);
	}
	sigaction(SIGALRM, &old, NULL);
}

static void keep_warning(void *arg, const char *text)
{
	snprintf(arg, 100, "%s", text);
}

static void passes_warnings_on(void **state)
{
	struct at *at = *state;
	char text[100] = "";

	kube_on_warning(at->k, keep_warning, text);
	fake_do(&at->fake, "{\"warn\":\"that is \\u001b[1mold\"}");
	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, NULL), 0);
	assert_string_equal(text, "that is \\x1b[1mold");
}

struct gathered {
	struct buf text;
	int stop_after;
};

static int gather(void *arg, const char *bytes, size_t n)
{
	struct gathered *g = arg;

	buf_add(&g->text, bytes, n);
	return g->stop_after && --g->stop_after == 0 ? 7 : 0;
}

static void streams_text_until_the_end_or_a_stop(void **state)
{
	struct rest_request rq = {
		.method = "GET", .path = PODS "/web/log", .what = "read the log of web"
	};
	struct at *at = *state;
	struct gathered g = { .text = BUF_INIT(1000) };
	volatile bool stop = true;
	struct err err = { "" };

	assert_int_equal(rest_stream(at->k, &rq, gather, &g, NULL, &err), -ENOENT);
	assert_int_equal(create(at->k, "web", &err), 0);
	assert_int_equal(rest_stream(at->k, &rq, gather, &g, NULL, &err), 0);
	assert_string_equal(buf_text(&g.text), "line 0\nline 1\nline 2\n");
	g.stop_after = 1;
	assert_int_equal(rest_stream(at->k, &rq, gather, &g, NULL, &err), 7);
	assert_int_equal(rest_stream(at->k, &rq, gather, &g, &stop, &err), -EINTR);
	fake_do(&at->fake, "{\"fault\":{\"do\":\"mute\"}}");
	rq.timeout_ms = 200;
	assert_int_equal(rest_stream(at->k, &rq, gather, &g, NULL, &err), -ETIMEDOUT);
	buf_fini(&g.text);
}

/* A watch would be deaf for so long. */
static void no_server_sends_us_away_for_a_day(void **state)
{
	struct rest_follow f = { .path = PODS "?watch=true",
		.what = "watch",
		.deadline_ms = deadline_after(30000),
		.halt = { .fd = { -1, -1 } } };
	struct at *at = *state;

	fake_do(&at->fake, "{\"fault\":{\"do\":\"status\",\"code\":503,\"retry_after\":86400}}");
	assert_int_equal(rest_follow(at->k, &f, NULL), -EHOSTUNREACH);
	assert_int_equal(f.retry_after_ms, 60000);
}

/* One that is in use would be taken for idle. */
static void a_conflict_does_not_end_keeping(void **state)
{
	struct at *at = *state;
	struct keep *keep = keep_open(at->k);
	struct sandbox s;
	cJSON *pod = NULL;
	int64_t give_up_ms = deadline_after(10000);
	int count = 0;

	assert_int_equal(create(at->k, "web", NULL), 0);
	assert_int_equal(sandbox_get(at->k, "dev", "web", &pod, NULL), 0);
	assert_int_equal(sandbox_parse(pod, NULL, &s, NULL), 0);
	s.idle_ms = 2000;
	fake_do(&at->fake, "{\"fault\":{\"do\":\"status\",\"code\":409,\"method\":\"PATCH\"}}");
	keep_put(keep, &s);
	while (count < 2 && !deadline_passed(give_up_ms))
		count += fake_count(&at->fake, "PATCH", "/web");
	assert_true(count >= 2);
	keep_close(keep);
	sandbox_fini(&s);
	cJSON_Delete(pod);
}

/* What others read is told by the cluster's clock; a difference of seconds is none. */
static void tells_the_time_by_the_clusters_clock(void **state)
{
	struct at *at = *state;

	for (int ahead_s = -3600; ahead_s <= 3600; ahead_s += 3600) {
		int64_t off_ms;

		fake_do(&at->fake, "{\"clock\":%d}", ahead_s);
		assert_int_equal(get(at->k, PODS, 0, NULL, NULL, NULL), 0);
		off_ms = kube_wall_ms(at->k) - clock_wall_ms() - ahead_s * 1000;
		assert_true(off_ms > -10000 && off_ms < 10000);
		assert_int_equal(kube_ahead_ms(at->k) == 0, ahead_s == 0);
	}
}

static void *call_many(void *arg)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(get(arg, PODS, 0, NULL, NULL, NULL), 0);
	return NULL;
}

static void many_threads_share_it(void **state)
{
	struct at *at = *state;
	pthread_t threads[6];

	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, call_many, at->k);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(fake_count(&at->fake, "GET", "/pods"), 120);
}

static void paths_are_quoted(void **state)
{
	auto_free char *a = rest_path("/x/%s/y?labelSelector=%s&n=%d%%", "a/b ?", "k=v,z", 3);
	auto_free char *b = rest_path("/x/%s/%s", "..", ".a");

	assert_string_equal(a, "/x/a%2Fb%20%3F/y?labelSelector=k%3Dv%2Cz&n=3%");
	assert_string_equal(b, "/x/%2E%2E/.a");
}

/* --- with TLS --- */

static int setup_tls(void **state)
{
	static const char *const args[] = { "--tls", "--token", "good", NULL };
	struct at *at = xcalloc(1, sizeof(*at));

	fake_start(&at->fake, args);
	*state = at;
	return 0;
}

static void write_token(const char *path, const char *token)
{
	assert_int_equal(io_replace_file(path, token, strlen(token), 0600), 0);
}

static void renews_credentials_once_after_401(void **state)
{
	struct at *at = *state;
	auto_free char *path = xprintf("%s/token", at->fake.folder);
	struct err err = { "" };

	write_token(path, "old");
	at->k = fake_kube(&at->fake, path, NULL, NULL);
	write_token(path, "good");
	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), 0);
	fake_do(&at->fake, "{\"tokens\":[\"newer\"]}");
	write_token(path, "newer");
	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), 0);
	assert_int_equal(fake_count(&at->fake, "GET", "/pods"), 2); /* refused, then right */
	fake_do(&at->fake, "{\"tokens\":[\"unknown\"]}");
	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), -EACCES);
	assert_non_null(strstr(err.text, "cannot list pods in namespace dev: "));
	print_message("# %s\n", err.text);
	unlink(path);
}

static void tells_tls_failures_apart(void **state)
{
	static const char *const args[] = { "--tls", "--san", "DNS:elsewhere.test", NULL };
	struct at *at = *state;
	struct err err = { "" };
	struct fake other;
	struct kube *k;

	fake_start(&other, args);
	at->k = fake_kube(&at->fake, NULL, NULL, other.ca);
	assert_int_equal(get(at->k, PODS, 0, NULL, NULL, &err), -EPROTO);
	assert_non_null(strstr(err.text, "certificate"));
	k = fake_kube(&other, NULL, NULL, NULL);
	assert_int_equal(get(k, PODS, 0, NULL, NULL, &err), -EPROTO);
	assert_non_null(strstr(err.text, "127.0.0.1"));
	kube_close(k);
	fake_stop(&other);
}

#define CASE(f)     cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TLS_CASE(f) cmocka_unit_test_setup_teardown(f, setup_tls, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(creates_lists_gets_and_deletes),
		CASE(says_that_a_name_is_taken),
		CASE(deletes_by_uid_and_leaves_a_namesake),
		CASE(keeps_connections),
		CASE(repeats_429_and_5xx_only_with_retry_after),
		CASE(gives_up_repeating_after_ten),
		CASE(does_not_wait_past_its_deadline),
		CASE(repeats_reads_after_a_lost_connection),
		CASE(never_repeats_a_creation),
		CASE(answers_may_dribble_or_be_large),
		CASE(tells_what_is_no_api_server),
		CASE(names_the_server_that_refuses_connections),
		CASE(a_signal_ends_any_call),
		CASE(passes_warnings_on),
		CASE(streams_text_until_the_end_or_a_stop),
		CASE(no_server_sends_us_away_for_a_day),
		CASE(tells_the_time_by_the_clusters_clock),
		CASE(a_conflict_does_not_end_keeping),
		CASE(many_threads_share_it),
		cmocka_unit_test(paths_are_quoted),
		TLS_CASE(renews_credentials_once_after_401),
		TLS_CASE(tells_tls_failures_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
