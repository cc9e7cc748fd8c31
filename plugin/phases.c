#include "plugin/phases.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/podjson.h"

#include <stdarg.h>

void phases_init(struct phases *p, bool talk)
{
	*p = (struct phases){ clock_now_ms(), talk, cJSON_CreateArray() };
}

void phases_fini(struct phases *p)
{
	cJSON_Delete(p->list);
	*p = (struct phases){ 0 };
}

static void tell(const struct phases *p, const char *fmt, va_list ap)
{
	auto_buf line = BUF_INIT(2 * ERR_TEXT_BYTES);

	if (!p->talk)
		return;
	buf_vprintf(&line, fmt, ap);
	say("%5.1fs %s", (double)(clock_now_ms() - p->started_ms) / 1000, buf_text(&line));
}

void phases_reach(struct phases *p, const char *name, const char *fmt, ...)
{
	double seconds = (double)(clock_now_ms() - p->started_ms) / 1000;
	va_list ap;

	if (pj_named(p->list, "phase", name))
		return;
	pj_put(pj_named_anew(p->list, "phase", name), "seconds", cJSON_CreateNumber(seconds));
	va_start(ap, fmt);
	tell(p, fmt, ap);
	va_end(ap);
}

void phases_say(const struct phases *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(p, fmt, ap);
	va_end(ap);
}
