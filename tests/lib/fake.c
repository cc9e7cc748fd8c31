#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/json.h"
#include "tests/lib/fake.h"

#include <fcntl.h>
#include <sys/wait.h>

#define UP_MS 15000

static void become_server(int in, int out, const char *const *args)
{
	const char *src = getenv("SBX_SRC");
	auto_free char *script = xprintf("%s/tests/fake/apiserver.py", src ? src : ".");
	const char *argv[32] = { "python3", script };
	size_t n = 2;

	for (; args && *args && n < 31; args++)
		argv[n++] = *args;
	dup2(in, 0);
	dup2(out, 1);
	execvp("python3", (char **)argv);
	_exit(127);
}

static void read_line(struct fake *f, int fd)
{
	char line[300] = "";
	size_t n = 0;
	int64_t deadline = deadline_after(UP_MS);

	while (n < sizeof(line) - 1 && (n == 0 || line[n - 1] != '\n')) {
		ssize_t got = io_read_some(fd, line + n, 1, deadline);

		if (got <= 0)
			fail_msg("the scripted API server did not come up");
		n += (size_t)got;
	}
	f->tls = sscanf(line, "%d %255s", &f->port, f->ca) == 2;
}

void fake_start(struct fake *f, const char *const *args)
{
	int in[2], out[2];

	memset(f, 0, sizeof(*f));
	snprintf(f->folder, sizeof(f->folder), "/tmp/sbx-fake-XXXXXX");
	if (!mkdtemp(f->folder) || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		fail_msg("no folder or pipe");
	f->pid = fork();
	if (f->pid == 0)
		become_server(in[0], out[1], args);
	close(in[0]);
	close(out[1]);
	f->stdin_fd = in[1];
	read_line(f, out[0]);
	close(out[0]);
	f->control = fake_kube(f, NULL, NULL, NULL); /* connects at its first order */
}

void fake_stop(struct fake *f)
{
	auto_free char *config = xprintf("%s/config", f->folder);

	kube_close(f->control);
	close(f->stdin_fd);
	waitpid(f->pid, NULL, 0);
	unlink(config);
	rmdir(f->folder);
}

static void write_config(
	struct fake *f, const char *path, const char *token_file, const char *host, const char *ca)
{
	auto_buf text = BUF_INIT(65536);

	buf_printf(&text,
		"apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n"
		"  context: {cluster: c, user: u}\nclusters:\n- name: c\n  cluster:\n"
		"    server: http%s://%s:%d\n",
		f->tls ? "s" : "", host ? host : "127.0.0.1", f->port);
	if (f->tls)
		buf_printf(&text, "    certificate-authority: %s\n", ca ? ca : f->ca);
	buf_str(&text, "users:\n- name: u\n");
	if (token_file)
		buf_printf(&text, "  user:\n    tokenFile: %s\n", token_file);
	assert_int_equal(io_replace_file(path, text.data, text.len, 0600), 0);
}

struct kube *fake_kube(struct fake *f, const char *token_file, const char *host, const char *ca)
{
	auto_free char *config = xprintf("%s/config", f->folder);
	struct kube_flags flags = { .kubeconfig = config };
	struct kube_target *t = NULL;
	struct kube *k = NULL;
	struct err err = { "" };

	write_config(f, config, token_file, host, ca);
	if (kube_target_load(&flags, &t, &err) < 0 || kube_open(t, &k, &err) < 0)
		fail_msg("no client: %s", err.text);
	return k;
}

cJSON *fake_order(struct fake *f, const char *fmt, ...)
{
	struct rest_request rq = {
		.method = "POST", .path = "/_control", .what = "control the fake"
	};
	auto_buf text = BUF_INIT(32 << 20);
	cJSON *orders, *told = NULL;
	struct err err = { "" };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	orders = json_parse(text.data, text.len);
	assert_non_null(orders);
	rq.body = orders;
	if (rest_call(f->control, &rq, &told, NULL, &err) < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(orders);
	return told;
}

void fake_do(struct fake *f, const char *fmt, ...)
{
	auto_buf text = BUF_INIT(32 << 20);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	cJSON_Delete(fake_order(f, "%s", buf_text(&text)));
}

int fake_count(struct fake *f, const char *method, const char *in_path)
{
	cJSON *told = fake_order(f, "{}");
	const cJSON *request;
	int n = 0;

	cJSON_ArrayForEach (request, json_at(told, "requests")) {
		if (strcmp(cJSON_GetArrayItem(request, 0)->valuestring, method) == 0 &&
			strstr(cJSON_GetArrayItem(request, 1)->valuestring, in_path))
			n++;
	}
	cJSON_Delete(told);
	return n;
}
