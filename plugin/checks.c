#include "plugin/checks.h"

#include "common/base/buf.h"
#include "common/base/log.h"

#include <stdarg.h>

#define TEXT_MAX 2000

static const char *const names[CHECK_STATES] = { "ok", "skip", "warn", "fail" };

void checks_init(struct checks *c, FILE *to)
{
	*c = (struct checks){ .to = to, .all = cJSON_CreateArray() };
}

void checks_fini(struct checks *c)
{
	cJSON_Delete(c->all);
}

void checks_say(struct checks *c, enum check_state state, const char *topic, const char *todo,
	const char *fmt, ...)
{
	auto_buf text = BUF_INIT(TEXT_MAX), line = BUF_INIT(4 * TEXT_MAX);
	auto_buf advice = BUF_INIT(4 * TEXT_MAX);
	cJSON *one = cJSON_CreateObject();
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	log_escape(&line, buf_text(&text), text.len);
	if (todo)
		log_escape(&advice, todo, strnlen(todo, TEXT_MAX));
	if (c->to) {
		fprintf(c->to, "%-4s  %-12s  %s%s%s\n", names[state], topic, buf_text(&line),
			todo ? "; " : "", buf_text(&advice));
		fflush(c->to);
	}
	cJSON_AddStringToObject(one, "state", names[state]);
	cJSON_AddStringToObject(one, "topic", topic);
	cJSON_AddStringToObject(one, "text", buf_text(&line));
	if (todo)
		cJSON_AddStringToObject(one, "todo", buf_text(&advice));
	cJSON_AddItemToArray(c->all, one);
	c->count[state]++;
}

void checks_print_json(const struct checks *c, FILE *to)
{
	static const char *const counts[CHECK_STATES] = { "ok", "skipped", "warned", "failed" };
	cJSON *o = cJSON_CreateObject();
	char *text;

	cJSON_AddItemReferenceToObject(o, "checks", c->all);
	for (int i = 0; i < CHECK_STATES; i++)
		cJSON_AddNumberToObject(o, counts[i], c->count[i]);
	text = cJSON_Print(o);
	fprintf(to, "%s\n", text ? text : "{}");
	cJSON_free(text);
	cJSON_Delete(o);
}
