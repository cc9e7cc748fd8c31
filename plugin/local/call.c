#include "plugin/local/call.h"
#include "common/base/wire.h"
#include "plugin/local/status.h"

#include <strings.h>

void call_init(struct call *c)
{
	*c = (struct call){ .body = BUF_INIT(CALL_BODY_MAX) };
}

void call_fini(struct call *c)
{
	for (size_t i = 0; i < c->n_args; i++)
		free(c->args[i]);
	free(c->path);
	free(c->accept);
	free(c->content_type);
	free(c->user_agent);
	free(c->authorization);
	buf_fini(&c->body);
	call_init(c);
}

void call_add_arg(struct call *c, const char *arg)
{
	if (c->n_args < CALL_ARGS_MAX)
		c->args[c->n_args++] = xstrdup(arg);
}

const char *call_arg_nth(const struct call *c, const char *key, size_t n)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < c->n_args; i++) {
		const char *arg = c->args[i];

		if (strncmp(arg, key, len) != 0 || (arg[len] && arg[len] != '='))
			continue;
		if (n-- == 0)
			return arg[len] ? arg + len + 1 : arg + len;
	}
	return NULL;
}

const char *call_arg(const struct call *c, const char *key)
{
	return call_arg_nth(c, key, 0);
}

bool call_flag(const struct call *c, const char *key)
{
	const char *v = call_arg(c, key);

	return v && strcmp(v, "0") != 0 && strcasecmp(v, "false") != 0;
}

int call_number(const struct call *c, const char *key, uint64_t max, uint64_t *ret)
{
	const char *v = call_arg(c, key);

	if (!v || !*v)
		return -ENOENT;
	return parse_u64(v, max, ret) < 0 ? -EINVAL : 0;
}

void answer_init(struct answer *a)
{
	*a = (struct answer){
		.code = 500, .type = "application/json", .body = BUF_INIT(ANSWER_BODY_MAX)
	};
}

void answer_fini(struct answer *a)
{
	if (a->source)
		a->source->close(a->source);
	buf_fini(&a->body);
	answer_init(a);
}

void answer_json(struct answer *a, int code, cJSON *takes)
{
	auto_json cJSON *json = takes;
	auto_free char *text = cJSON_PrintUnformatted(json);

	a->code = code;
	buf_reset(&a->body);
	buf_str(&a->body, text ? text : "{}");
	buf_char(&a->body, '\n');
}

void answer_status(struct answer *a, cJSON *takes)
{
	answer_json(a, status_code(takes), takes);
}
