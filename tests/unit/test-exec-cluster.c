/*
 * Exec streams against a real cluster: SBX_TEST_KUBECONFIG names its kubeconfig,
 * SBX_TEST_POD a running Pod there (its container has sh, cat, head, sleep), in
 * the kubeconfig's namespace. SBX_TEST_KUBECONFIG_NOBODY, if set, may not exec.
 * Without them all is skipped. SBX_EXEC_PROTOCOL chooses v4 or v5.
 */
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/kube/exec.h"

#include <setjmp.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#define WAIT_MS  60000
#define BULK     (64u << 20)
#define TAIL     (5u << 20)
#define TRIPS    3000
#define PARALLEL 6

static struct kube_target *target;
static struct net *net;
static const char *pod;

static struct kube_target *load(const char *kubeconfig)
{
	struct kube_flags flags = { .kubeconfig = kubeconfig };
	struct kube_target *t;
	struct err err;

	if (kube_target_load(&flags, &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static int start(const struct kube_target *t, const char *name, const char *container,
	const char *const argv[], struct exec **ret, struct err *err)
{
	struct exec_spec spec = { .ns = t->ns, .pod = name, .container = container, .argv = argv };

	return exec_open(net, t, &spec, deadline_after(WAIT_MS), ret, err);
}

static struct exec *must_start(const char *script)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct exec *x;
	struct err err;

	if (start(target, pod, NULL, argv, &x, &err) < 0)
		fail_msg("%s", err.text);
	return x;
}

static struct exec_end end_of(struct exec *x)
{
	struct exec_end end;

	assert_int_equal(exec_wait(x, deadline_after(WAIT_MS), &end), 0);
	return end;
}

static void print_rate(const char *what, double amount, int64_t before_ms)
{
	double seconds = (clock_now_ms() - before_ms) / 1000.0;

	print_message("# %s: %.1f\n", what, amount / (seconds > 0 ? seconds : 0.001));
}

static void exit_codes_come_back(void **state)
{
	static const struct {
		const char *script;
		int code;
	} cases[] = { { "exit 0", 0 }, { "exit 1", 1 }, { "exit 42", 42 }, { "exit 255", 255 },
		{ "kill -9 $$", 137 } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct exec *x = must_start(cases[i].script);
		struct exec_end end = end_of(x);

		assert_int_equal(end.rc, 0);
		assert_true(end.has_status);
		assert_int_equal(end.exit_code, cases[i].code);
		exec_close(x);
	}
}

static void stderr_is_kept_apart(void **state)
{
	auto_buf tail = BUF_INIT(4 * EXEC_STDERR_TAIL);
	struct exec *x = must_start("echo out; echo err >&2");
	struct exec_end end = end_of(x);
	char bytes[64] = "";

	assert_int_equal(end.rc, 0);
	assert_int_equal(io_read_some(exec_fd(x), bytes, sizeof bytes, deadline_after(WAIT_MS)), 4);
	assert_string_equal(bytes, "out\n");
	exec_stderr(x, &tail);
	assert_non_null(strstr(buf_text(&tail), "err"));
	exec_close(x);
}

static void no_such_program_is_told(void **state)
{
	const char *const argv[] = { "no-such-program", NULL };
	struct exec_end end;
	struct exec *x;
	struct err err;

	assert_int_equal(start(target, pod, NULL, argv, &x, &err), 0);
	end = end_of(x);
	print_message("# %d %s\n", end.rc, end.err.text);
	assert_int_equal(end.rc, -ENOEXEC);
	assert_false(end.success);
	exec_close(x);
}

static void refused(const struct kube_target *t, const char *name, const char *container, int code)
{
	const char *const argv[] = { "true", NULL };
	struct err err = { "" };
	struct exec *x;
	int rc = start(t, name, container, argv, &x, &err);

	print_message("# %s: %s\n", errno_name(rc), err.text);
	assert_int_equal(rc, code);
}

static void no_such_pod_is_told(void **state)
{
	refused(target, "no-such-pod", NULL, -ENOENT);
}

static void no_such_container_is_told(void **state)
{
	refused(target, pod, "no-such-container", -EINVAL);
}

static void missing_rights_are_told(void **state)
{
	const char *nobody = getenv("SBX_TEST_KUBECONFIG_NOBODY");
	struct kube_target *t;

	if (!nobody)
		skip();
	t = load(nobody);
	refused(t, pod, NULL, -EACCES);
	kube_target_free(t);
}

static void a_foreign_authority_is_not_trusted(void **state)
{
	struct kube_target t = *target;

	t.ca_pem = NULL; /* the system's store does not know the cluster's own */
	refused(&t, pod, NULL, -EPROTO);
}

static void a_closed_port_is_told(void **state)
{
	struct kube_target t = *target;

	t.port = 1;
	refused(&t, pod, NULL, -ECONNREFUSED);
}

static void round_trips_are_quick(void **state)
{
	struct exec *x = must_start("cat");
	char bytes[64] = "ping";
	int64_t before = 0;

	for (int i = 0; i < TRIPS + 100; i++) {
		if (i == 100)
			before = clock_now_ms();
		assert_int_equal(
			io_write_all(exec_fd(x), bytes, sizeof bytes, deadline_after(WAIT_MS)), 0);
		assert_int_equal(
			io_read_all(exec_fd(x), bytes, sizeof bytes, deadline_after(WAIT_MS)), 0);
	}
	print_rate("round trips/s, one in flight", TRIPS, before);
	exec_close(x);
}

static uint8_t pattern(size_t at)
{
	return (at * 2654435761u) >> 17;
}

struct writer {
	int fd;
	size_t n;
	int rc;
	pthread_t thread;
};

static void *write_bulk(void *arg)
{
	static uint8_t chunk[1 << 16];
	struct writer *w = arg;

	for (size_t i = 0; i < sizeof chunk; i++)
		chunk[i] = pattern(i);
	for (size_t at = 0; at < w->n && w->rc == 0; at += sizeof chunk)
		w->rc = io_write_all(w->fd, chunk, sizeof chunk, deadline_after(WAIT_MS));
	return NULL;
}

/* Reads n bytes of write_bulk's. */
static void read_bulk(int fd, size_t n)
{
	static uint8_t chunk[1 << 16];

	for (size_t at = 0; at < n; at += sizeof chunk) {
		assert_int_equal(io_read_all(fd, chunk, sizeof chunk, deadline_after(WAIT_MS)), 0);
		for (size_t i = 0; i < sizeof chunk; i++)
			if (chunk[i] != pattern(i))
				fail_msg("byte %zu is wrong", at + i);
	}
}

static void bulk_comes_back_whole_both_ways_at_once(void **state)
{
	struct exec *x = must_start("cat");
	struct writer w = { .fd = exec_fd(x), .n = BULK };
	int64_t before = clock_now_ms();

	pthread_create(&w.thread, NULL, write_bulk, &w);
	read_bulk(exec_fd(x), BULK);
	pthread_join(w.thread, NULL);
	assert_int_equal(w.rc, 0);
	print_rate("cat, MiB/s both ways at once", BULK >> 20, before);
	exec_close(x);
}

static void hash_of_bulk(char ret[static 65])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t chunk[1 << 12], hash[32];

	EVP_DigestInit(md, EVP_sha256());
	for (size_t at = 0; at < BULK; at += sizeof chunk) {
		for (size_t i = 0; i < sizeof chunk; i++)
			chunk[i] = pattern((at + i) % (1 << 16));
		EVP_DigestUpdate(md, chunk, sizeof chunk);
	}
	EVP_DigestFinal(md, hash, NULL);
	EVP_MD_CTX_free(md);
	for (size_t i = 0; i < sizeof hash; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

static void bulk_goes_up_whole(void **state)
{
	auto_free char *script = xprintf("head -c %u | sha256sum", BULK);
	struct exec *x = must_start(script);
	struct writer w = { .fd = exec_fd(x), .n = BULK };
	int64_t before = clock_now_ms();
	char answer[128] = "", want[65];
	struct exec_end end;

	hash_of_bulk(want);
	before = clock_now_ms();
	write_bulk(&w);
	assert_int_equal(w.rc, 0);
	assert_true(
		io_read_some(exec_fd(x), answer, sizeof answer - 1, deadline_after(WAIT_MS)) > 0);
	print_rate("up, MiB/s", BULK >> 20, before);
	assert_memory_equal(answer, want, 64);
	end = end_of(x);
	assert_int_equal(end.exit_code, 0);
	exec_close(x);
}

static size_t read_to_end(int fd)
{
	static char chunk[1 << 16];
	size_t total = 0;
	ssize_t n;

	while ((n = io_read_some(fd, chunk, sizeof chunk, deadline_after(WAIT_MS))) > 0)
		total += n;
	assert_int_equal(n, 0);
	return total;
}

static void bulk_comes_down_whole(void **state)
{
	auto_free char *script = xprintf("head -c %u /dev/zero", BULK);
	int64_t before = clock_now_ms();
	struct exec *x = must_start(script);
	struct exec_end end;

	assert_int_equal(read_to_end(exec_fd(x)), BULK);
	print_rate("down, MiB/s", BULK >> 20, before);
	end = end_of(x);
	assert_true(end.success);
	exec_close(x);
}

/* The process is long gone when the reader begins. */
static void the_tail_is_not_lost(void **state)
{
	auto_free char *script = xprintf("head -c %u /dev/zero", TAIL);
	struct exec *x = must_start(script);
	struct exec_end end;

	assert_int_equal(exec_wait(x, deadline_after(3000), &end), -ETIMEDOUT);
	assert_int_equal(read_to_end(exec_fd(x)), TAIL);
	end = end_of(x);
	assert_true(end.success);
	exec_close(x);
}

static void stdin_can_be_ended_in_v5(void **state)
{
	struct exec *x = must_start("cat; echo end");
	struct exec_end end;

	if (!exec_is_v5(x)) {
		assert_int_equal(exec_eof(x), -EOPNOTSUPP);
		exec_close(x);
		skip();
	}
	assert_int_equal(io_write_all(exec_fd(x), "line\n", 5, deadline_after(WAIT_MS)), 0);
	assert_int_equal(exec_eof(x), 0);
	assert_int_equal(read_to_end(exec_fd(x)), 9);
	end = end_of(x);
	assert_true(end.success);
	exec_close(x);
}

static void a_terminal_has_the_size_it_was_given(void **state)
{
	const char *const argv[] = { "sh", NULL };
	struct exec_spec spec = { .ns = target->ns, .pod = pod, .argv = argv, .tty = true };
	auto_buf seen = BUF_INIT(1 << 16);
	struct err err;
	struct exec *x;

	assert_int_equal(exec_open(net, target, &spec, deadline_after(WAIT_MS), &x, &err), 0);
	assert_int_equal(exec_resize(x, 123, 45), 0);
	assert_int_equal(exec_resize(x, 124, 46), 0);
	assert_int_equal(exec_resize(x, 125, 47), 0);
	/* The size goes by another way than stdin: ask until it is there. */
	for (int i = 0; i < 100 && !strstr(buf_text(&seen), "47 125"); i++) {
		char bytes[512];
		ssize_t n;

		assert_int_equal(
			io_write_all(exec_fd(x), "stty size\n", 10, deadline_after(WAIT_MS)), 0);
		n = io_read_some(exec_fd(x), bytes, sizeof bytes, deadline_after(WAIT_MS));
		assert_true(n > 0);
		buf_add(&seen, bytes, n);
	}
	assert_non_null(strstr(buf_text(&seen), "47 125"));
	exec_close(x);
}

static void *use(void *arg)
{
	int *bad = arg;

	for (int i = 0; i < 5; i++) {
		const char *const argv[] = { "cat", NULL };
		struct err err;
		struct exec *x;
		char bytes[64] = "hello";

		if (start(target, pod, NULL, argv, &x, &err) < 0) {
			++*bad;
			continue;
		}
		for (int k = 0; k < 50; k++)
			if (io_write_all(exec_fd(x), bytes, sizeof bytes, deadline_after(WAIT_MS)) <
					0 ||
				io_read_all(exec_fd(x), bytes, sizeof bytes,
					deadline_after(WAIT_MS)) < 0)
				++*bad;
		exec_close(x);
	}
	return NULL;
}

static void many_at_once(void **state)
{
	pthread_t threads[PARALLEL];
	int bad[PARALLEL] = { 0 };
	int64_t before = clock_now_ms();

	for (int i = 0; i < PARALLEL; i++)
		pthread_create(&threads[i], NULL, use, &bad[i]);
	for (int i = 0; i < PARALLEL; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(bad[i], 0);
	}
	print_rate("streams opened, used, closed /s", PARALLEL * 5, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes_come_back),
		cmocka_unit_test(stderr_is_kept_apart),
		cmocka_unit_test(no_such_program_is_told),
		cmocka_unit_test(no_such_pod_is_told),
		cmocka_unit_test(no_such_container_is_told),
		cmocka_unit_test(missing_rights_are_told),
		cmocka_unit_test(a_foreign_authority_is_not_trusted),
		cmocka_unit_test(a_closed_port_is_told),
		cmocka_unit_test(round_trips_are_quick),
		cmocka_unit_test(bulk_comes_back_whole_both_ways_at_once),
		cmocka_unit_test(bulk_goes_up_whole),
		cmocka_unit_test(bulk_comes_down_whole),
		cmocka_unit_test(the_tail_is_not_lost),
		cmocka_unit_test(stdin_can_be_ended_in_v5),
		cmocka_unit_test(a_terminal_has_the_size_it_was_given),
		cmocka_unit_test(many_at_once),
	};
	const char *kubeconfig = getenv("SBX_TEST_KUBECONFIG");
	int rc;

	pod = getenv("SBX_TEST_POD");
	if (!kubeconfig || !pod)
		return 77;
	if (log_trace_from_env() < 0 || net_open(&net) < 0)
		return 1;
	target = load(kubeconfig);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	net_close(net);
	kube_target_free(target);
	return rc;
}
