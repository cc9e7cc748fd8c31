#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "common/kube/watchline.h"
#include "tests/lib/fake.h"

#define PODS    "/api/v1/namespaces/dev/pods"
#define WAIT_MS 10000

/* One server, one client, one watch; and what its callbacks told, as one line of words. */
struct at {
	struct fake fake;
	struct kube *k;
	struct watch *w;
	pthread_mutex_t lock; /* the two below */
	pthread_cond_t changed;
	struct buf told;
};

static void tell(struct at *at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct at *at, const char *fmt, ...)
{
	va_list ap;

	scoped_lock(&at->lock);
	va_start(ap, fmt);
	buf_vprintf(&at->told, fmt, ap);
	va_end(ap);
	pthread_cond_broadcast(&at->changed);
}

static void on_listed(void *arg, const cJSON *items)
{
	tell(arg, "listed:%d ", cJSON_GetArraySize(items));
}

static void on_event(void *arg, const char *type, const cJSON *object)
{
	tell(arg, "%s:%.20s ", type, json_str(object, "metadata.name", "?"));
}

static void on_health(void *arg, int rc, const struct err *err)
{
	tell(arg, "%s ", rc ? errno_name(rc) : "well");
}

static const struct watch_ops ops = { on_listed, on_event, on_health };

static bool heard(struct at *at, const char *words)
{
	struct timespec until = deadline_timespec(deadline_after(WAIT_MS));
	char *found;

	scoped_lock(&at->lock);
	while (!(found = strstr(buf_text(&at->told), words))) {
		if (pthread_cond_timedwait(&at->changed, &at->lock, &until) == ETIMEDOUT)
			return false;
	}
	buf_drop(&at->told, (size_t)(found - at->told.data) + strlen(words));
	return true;
}

/* Waits until words stand in what was told, then forgets all to behind them. */
static void expect(struct at *at, const char *words)
{
	if (!heard(at, words)) /* failing jumps away, so not with the lock held */
		fail_msg("no '%s' in '%s'", words, buf_text(&at->told));
}

static bool was_told(struct at *at, const char *words)
{
	scoped_lock(&at->lock);
	return strstr(buf_text(&at->told), words);
}

static void begin(void **state, const char *const *args)
{
	struct at *at = xcalloc(1, sizeof(*at));

	pthread_mutex_init(&at->lock, NULL);
	clock_cond_init(&at->changed);
	buf_init(&at->told, 1 << 20);
	fake_start(&at->fake, args);
	at->k = fake_kube(&at->fake, NULL, NULL, NULL);
	*state = at;
}

static int setup(void **state)
{
	begin(state, NULL);
	return 0;
}

static int setup_marks(void **state)
{
	static const char *const args[] = { "--bookmark-s", "0.1", NULL };

	begin(state, args);
	return 0;
}

static int teardown(void **state)
{
	struct at *at = *state;

	watch_close(at->w);
	kube_close(at->k);
	fake_stop(&at->fake);
	buf_fini(&at->told);
	pthread_cond_destroy(&at->changed);
	pthread_mutex_destroy(&at->lock);
	free(at);
	return 0;
}

static void put(struct at *at, const char *name)
{
	fake_do(&at->fake,
		"{\"put\":{\"metadata\":{\"name\":\"%s\",\"namespace\":\"dev\",\"labels\":{\"a\":"
		"\"b\"}},"
		"\"spec\":{\"containers\":[{\"name\":\"sandbox\"}]}}}",
		name);
}

static void open_watch(struct at *at)
{
	struct err err = { "" };

	assert_int_equal(watch_open(at->k, PODS, "a=b", NULL, &ops, at, &at->w, &err), 0);
}

static void lists_then_follows(void **state)
{
	struct at *at = *state;

	put(at, "one");
	open_watch(at);
	expect(at, "listed:1 well ");
	put(at, "two");
	expect(at, "ADDED:two ");
	put(at, "two");
	expect(at, "MODIFIED:two ");
	fake_do(&at->fake, "{\"remove\":\"dev/one\"}");
	expect(at, "DELETED:one ");
}

static void resumes_where_it_was(void **state)
{
	static const char *const how[] = { "end", "drop" };
	struct at *at = *state;

	put(at, "one");
	open_watch(at);
	expect(at, "listed:1 well ");
	for (int i = 0; i < 2; i++) {
		put(at, "one");
		expect(at, "MODIFIED:one ");
		fake_do(&at->fake, "{\"watches\":\"%s\"}", how[i]);
		put(at, "one");
		expect(at, "MODIFIED:one ");
	}
	assert_false(was_told(at, "listed"));
}

static void lists_anew_when_too_old(void **state)
{
	struct at *at = *state;

	put(at, "one");
	open_watch(at);
	expect(at, "listed:1 well ");
	put(at, "two");
	expect(at, "ADDED:two ");
	/* compacted while away: HTTP 410 */
	fake_do(&at->fake, "{\"compact\":true,\"watches\":\"end\"}");
	expect(at, "listed:2 well ");
	/* as an ERROR event inside a 200 */
	fake_do(&at->fake, "{\"fault\":{\"do\":\"expired\"},\"watches\":\"end\"}");
	expect(at, "listed:2 well ");
	put(at, "three");
	expect(at, "ADDED:three ");
}

static int bookmarks(struct at *at)
{
	cJSON *told = fake_order(&at->fake, "{}");
	int n = json_int(told, "bookmarks", 0);

	cJSON_Delete(told);
	return n;
}

/* Nothing happens to our Pods, yet old versions become too old: only a bookmark tells the new one.
 */
static void bookmarks_keep_it_fresh(void **state)
{
	struct at *at = *state;

	put(at, "one");
	open_watch(at);
	expect(at, "listed:1 well ");
	fake_do(&at->fake, "{\"compact\":true}");
	while (bookmarks(at) == 0)
		;
	fake_do(&at->fake, "{\"watches\":\"end\"}");
	put(at, "one");
	expect(at, "MODIFIED:one ");
	assert_false(was_told(at, "listed"));
}

static void tells_its_health_and_heals(void **state)
{
	struct at *at = *state;

	fake_do(&at->fake, "{\"fault\":{\"do\":\"status\",\"code\":503,\"times\":2}}");
	open_watch(at);
	expect(at, "EHOSTUNREACH EHOSTUNREACH listed:0 well ");
	fake_do(&at->fake, "{\"fault\":{\"do\":\"status\",\"code\":403,\"watch\":true,\"times\":2},"
			   "\"watches\":\"end\"}");
	expect(at, "EACCES EACCES well ");
	put(at, "one");
	expect(at, "ADDED:one ");
	fake_do(&at->fake, "{\"fault\":{\"do\":\"error\",\"code\":500},\"watches\":\"end\"}");
	expect(at, "EIO well ");
	fake_do(&at->fake,
		"{\"fault\":{\"do\":\"line\",\"text\":\"nonsense\"},\"watches\":\"end\"}");
	expect(at, "EBADMSG well ");
}

static void reads_lines_of_any_length(void **state)
{
	struct at *at = *state;
	auto_free char *text = xcalloc(3000001, 1);

	memset(text, 'x', 3000000);
	open_watch(at);
	expect(at, "listed:0 well ");
	fake_do(&at->fake,
		"{\"put\":{\"metadata\":{\"name\":\"big\",\"namespace\":\"dev\",\"labels\":{\"a\":"
		"\"b\"},"
		"\"annotations\":{\"a\":\"%s\"}},\"spec\":{\"containers\":[{\"name\":\"sandbox\"}]}"
		"}}",
		text);
	expect(at, "ADDED:big ");
	fake_do(&at->fake, "{\"fault\":{\"do\":\"dribble\",\"watch\":true},\"watches\":\"end\"}");
	while (fake_count(&at->fake, "GET", "watch=true") == 0)
		;
	put(at, "small");
	expect(at, "ADDED:small ");
	fake_do(&at->fake, "{\"fault\":{\"do\":\"bigline\",\"bytes\":%d},\"watches\":\"end\"}",
		WATCHLINE_MAX + (1 << 20));
	expect(at, "EMSGSIZE well ");
}

static void closes_at_once_whatever_it_does(void **state)
{
	static const char *const faults[] = { "{\"do\":\"mute\",\"times\":0}",
		"{\"do\":\"mute\",\"watch\":true,\"times\":0}",
		"{\"do\":\"status\",\"code\":429,\"retry_after\":30,\"times\":0}" };
	struct at *at = *state;

	for (int i = 0; i < 3; i++) {
		int64_t started;

		fake_do(&at->fake, "{\"clear\":true,\"fault\":%s}", faults[i]);
		open_watch(at);
		while (fake_count(&at->fake, "GET", "/pods") == 0)
			;
		started = clock_now_ms();
		watch_close(at->w);
		at->w = NULL;
		assert_true(clock_now_ms() - started < 1000);
	}
}

static void an_interrupt_leaves_watches_alone(void **state)
{
	struct at *at = *state;

	open_watch(at);
	expect(at, "listed:0 well ");
	kube_interrupt(at->k);
	fake_do(&at->fake, "{\"compact\":true,\"watches\":\"end\"}");
	expect(at, "listed:0 well ");
}

/* --- watch_until --- */

struct waiting {
	struct at *at;
	const char *done;    /* this told makes it content */
	const char *order;   /* given to the server after the first event */
	volatile bool *stop; /* set at the first tick */
	int rc;              /* returned at the first event */
};

static int on_until(void *arg, const char *type, const cJSON *object, struct err *err)
{
	struct waiting *wait = arg;
	const char *order = wait->order;
	auto_free char *told = xprintf("%s:%s", type, json_str(object, "metadata.labels.n", "-"));

	tell(wait->at, "%s ", told);
	if (wait->stop)
		*wait->stop = true;
	if (wait->rc && object)
		return err_set(err, wait->rc, "no luck");
	if (strcmp(told, wait->done) == 0)
		return 1;
	wait->order = NULL;
	if (order)
		fake_do(&wait->at->fake, "%s", order);
	return 0;
}

#define POD(n)                                                                                     \
	"{\"metadata\":{\"name\":\"web\",\"namespace\":\"dev\",\"labels\":{\"n\":\"" n "\"}},"     \
	"\"spec\":{\"containers\":[{\"name\":\"sandbox\"}]}}"

static int until(struct at *at, struct waiting *wait, int timeout_ms, struct err *err)
{
	wait->at = at;
	return watch_until(at->k, PODS, "metadata.name=web", NULL, deadline_after(timeout_ms),
		wait->stop, on_until, wait, err);
}

static void waits_for_a_change(void **state)
{
	struct waiting wait = { .done = "MODIFIED:2", .order = "{\"put\":" POD("2") "}" };
	struct at *at = *state;
	struct err err = { "" };

	fake_do(&at->fake, "{\"put\":%s}", POD("1"));
	assert_int_equal(until(at, &wait, WAIT_MS, &err), 0);
	expect(at, "ADDED:1 MODIFIED:2 ");
}

static void goes_on_after_an_end_and_a_loss(void **state)
{
	struct waiting ended = { .done = "MODIFIED:2",
		.order = "{\"watches\":\"end\",\"put\":" POD("2") "}" };
	struct waiting lost = { .done = "MODIFIED:3",
		.order = "{\"watches\":\"drop\",\"put\":" POD("3") "}" };
	struct at *at = *state;
	struct err err = { "" };

	fake_do(&at->fake, "{\"put\":%s}", POD("1"));
	assert_int_equal(until(at, &ended, WAIT_MS, &err), 0);
	assert_int_equal(until(at, &lost, WAIT_MS, &err), 0);
}

/* The deletion fell into the gap: no event will ever tell. */
static void hears_of_a_deletion_that_it_missed(void **state)
{
	struct waiting wait = { .done = "GONE:-",
		.order = "{\"remove\":\"dev/"
			 "web\",\"compact\":true,\"fault\":{\"do\":\"expired\"},\"watches\":"
			 "\"drop\"}" };
	struct at *at = *state;
	struct err err = { "" };

	fake_do(&at->fake, "{\"put\":%s}", POD("1"));
	assert_int_equal(until(at, &wait, WAIT_MS, &err), 0);
}

static void ticks_and_stops_in_time(void **state)
{
	struct waiting ticks = { .done = "TICK:-" }, never = { .done = "" },
		       stopped = { .done = "" };
	struct waiting refused = { .done = "", .rc = -ENOTCONN };
	volatile bool stop = false;
	struct at *at = *state;
	struct err err = { "" };
	int64_t started = clock_now_ms();

	assert_int_equal(until(at, &ticks, WAIT_MS, &err), 0);
	assert_in_range(clock_now_ms() - started, 900, 2000);
	started = clock_now_ms();
	assert_int_equal(until(at, &never, 300, &err), -ETIMEDOUT);
	assert_in_range(clock_now_ms() - started, 290, 1000);
	stopped.stop = &stop;
	assert_int_equal(until(at, &stopped, WAIT_MS, &err), -EINTR);
	fake_do(&at->fake, "{\"put\":%s}", POD("1"));
	assert_int_equal(until(at, &refused, WAIT_MS, &err), -ENOTCONN);
	assert_string_equal(err.text, "no luck");
}

static void a_refusal_ends_the_wait_and_a_restart_does_not(void **state)
{
	struct waiting wait = { .done = "ADDED:1" };
	struct at *at = *state;
	struct err err = { "" };

	fake_do(&at->fake, "{\"put\":%s,\"fault\":{\"do\":\"status\",\"code\":403}}", POD("1"));
	assert_int_equal(until(at, &wait, WAIT_MS, &err), -EACCES);
	assert_non_null(strstr(err.text, "(HTTP 403)"));
	fake_do(&at->fake, "{\"fault\":{\"do\":\"status\",\"code\":503,\"times\":2}}");
	assert_int_equal(until(at, &wait, WAIT_MS, &err), 0);
}

/* --- lines, without a server --- */

static int keep_line(void *arg, const char *line, size_t n)
{
	buf_add(arg, line, n);
	buf_char(arg, '|');
	return 0;
}

static void lines_come_whole_however_cut(void **state)
{
	static const char text[] = "one\n\n \r\ntwo two\nthree";

	for (size_t step = 1; step < sizeof(text); step++) {
		auto_buf got = BUF_INIT(1000);
		struct watchline w;

		watchline_init(&w, 100);
		for (size_t at = 0; at < sizeof(text) - 1; at += step) {
			size_t n = sizeof(text) - 1 - at;

			assert_int_equal(
				watchline_feed(&w, text + at, n < step ? n : step, keep_line, &got),
				0);
		}
		assert_string_equal(buf_text(&got), "one|two two|");
		assert_int_equal(watchline_end(&w), -EPIPE);
		watchline_fini(&w);
	}
}

static void a_line_past_the_ceiling_is_refused(void **state)
{
	auto_buf got = BUF_INIT(1000);
	struct watchline w;

	watchline_init(&w, 4);
	assert_int_equal(watchline_feed(&w, "abcd\n", 5, keep_line, &got), 0);
	assert_int_equal(watchline_feed(&w, "abcde\n", 6, keep_line, &got), -EMSGSIZE);
	assert_int_equal(watchline_feed(&w, "abc", 3, keep_line, &got), 0);
	assert_int_equal(watchline_feed(&w, "de", 2, keep_line, &got), -EMSGSIZE);
	watchline_fini(&w);
}

static void a_cut_event_is_refused_at_each_length(void **state)
{
	static const char text[] =
		"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"}}}";
	struct watch_event e;

	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(watch_event_parse(text, n, &e), -EBADMSG);
	assert_int_equal(watch_event_parse(text, sizeof(text) - 1, &e), 0);
	assert_int_equal(e.kind, WATCH_ADDED);
	assert_string_equal(e.rv, "7");
	watch_event_fini(&e);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(lists_then_follows),
		CASE(resumes_where_it_was),
		CASE(lists_anew_when_too_old),
		cmocka_unit_test_setup_teardown(bookmarks_keep_it_fresh, setup_marks, teardown),
		CASE(tells_its_health_and_heals),
		CASE(reads_lines_of_any_length),
		CASE(closes_at_once_whatever_it_does),
		CASE(an_interrupt_leaves_watches_alone),
		CASE(waits_for_a_change),
		CASE(goes_on_after_an_end_and_a_loss),
		CASE(hears_of_a_deletion_that_it_missed),
		CASE(ticks_and_stops_in_time),
		CASE(a_refusal_ends_the_wait_and_a_restart_does_not),
		cmocka_unit_test(lines_come_whole_however_cut),
		cmocka_unit_test(a_line_past_the_ceiling_is_refused),
		cmocka_unit_test(a_cut_event_is_refused_at_each_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
