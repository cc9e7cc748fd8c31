#include "plugin/local/runtime.h"
#include "common/base/io.h"
#include "common/base/wire.h"
#include "plugin/local/json.h"
#include "plugin/local/process.h"

#include <assert.h>

#define LOG_BYTES_MAX (256u * 1024)

void runtime_init(struct runtime *r, const char *home, const char *log)
{
	*r = (struct runtime){ .root = xprintf("%s/runc", home), .log = xstrdup(log) };
	runtime_add(r, RUNTIME);
	runtime_add(r, "--root");
	runtime_add(r, r->root);
	runtime_add(r, "--log");
	runtime_add(r, r->log);
	runtime_add(r, "--log-format");
	runtime_add(r, "json");
}

void runtime_add(struct runtime *r, const char *arg)
{
	assert(r->n < RUNTIME_ARGS - 1);
	r->argv[r->n++] = arg;
}

void runtime_fini(struct runtime *r)
{
	if (r->log)
		unlink(r->log);
	free(r->log);
	free(r->root);
	*r = (struct runtime){ 0 };
}

int runtime_said(const struct runtime *r, int code, struct err *err)
{
	auto_buf text = BUF_INIT(LOG_BYTES_MAX);
	auto_free char *last = NULL;
	char *line, *next;

	io_read_file(r->log, &text);
	for (line = text.data; line && *line; line = next) {
		auto_json cJSON *json = NULL;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (json_parse(line, strlen(line), &json) < 0 || !json_text(json, "msg") ||
			strcmp(json_text_or(json, "level", ""), "error") != 0)
			continue;
		free(last);
		last = xstrdup(json_text(json, "msg"));
	}
	return err_set(err, code, "%s", last ? last : "the runtime (" RUNTIME ") did not say why");
}

void runtime_delete(const char *home, const char *id)
{
	auto_free char *log = xprintf("%s/runc.delete.%d.log", home, (int)getpid());
	struct runtime r;

	runtime_init(&r, home, log);
	runtime_add(&r, "delete");
	runtime_add(&r, "--force");
	runtime_add(&r, id);
	process_run(r.argv, RUNTIME_MS, NULL);
	runtime_fini(&r);
}

int runtime_read_pid(const char *path, pid_t *ret)
{
	auto_buf text = BUF_INIT(32);
	uint64_t n;
	int rc = io_read_file(path, &text);

	if (rc < 0)
		return rc;
	if (parse_u64(buf_text(&text), INT32_MAX, &n) < 0 || n < 2)
		return -EBADMSG;
	*ret = (pid_t)n;
	return 0;
}
