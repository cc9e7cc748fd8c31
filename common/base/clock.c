#include "common/base/clock.h"
#include "common/base/err.h"

#include <errno.h>
#include <limits.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t deadline_after(int timeout_ms)
{
	return clock_now_ms() + timeout_ms;
}

int deadline_left(int64_t deadline_ms)
{
	int64_t left = deadline_ms - clock_now_ms();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

bool deadline_passed(int64_t deadline_ms)
{
	return clock_now_ms() >= deadline_ms;
}

struct timespec deadline_timespec(int64_t deadline_ms)
{
	return (struct timespec){
		.tv_sec = deadline_ms / 1000,
		.tv_nsec = deadline_ms % 1000 * 1000000,
	};
}

void clock_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

static int unit_ms(const char **at, double *ret)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = { { "ms", 1 }, { "us", 1e-3 }, { "ns", 1e-6 }, { "h", 3600e3 }, { "m", 60e3 },
		{ "s", 1e3 }, { "d", 86400e3 } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*at, units[i].name, n) == 0) {
			*at += n;
			*ret = units[i].ms;
			return 0;
		}
	}
	return -EINVAL;
}

/* Only digits and one dot; strtod alone would take "inf", "0x1" and signs. */
static int number(const char **at, double *ret)
{
	size_t n = strspn(*at, "0123456789.");
	char *end;

	if (n == 0 || n > 20)
		return -EINVAL;
	*ret = strtod(*at, &end);
	if (end != *at + n)
		return -EINVAL;
	*at = end;
	return 0;
}

int duration_parse(const char *text, int64_t *ret_ms)
{
	double total = 0, n = 0, unit = 1000;
	const char *at = text;

	do {
		if (number(&at, &n) < 0)
			return -EINVAL;
		if (*at == '\0' && strspn(text, "0123456789.") == strlen(text))
			unit = 1000;
		else if (unit_ms(&at, &unit) < 0)
			return -EINVAL;
		total += n * unit;
	} while (*at);
	if (total > 10 * 365 * 86400e3)
		return -EINVAL;
	*ret_ms = (int64_t)(total + 0.5);
	return 0;
}

int rfc3339_parse(const char *text, int64_t *ret_wall_ms)
{
	struct tm tm = { 0 };
	int oh, om, consumed = 0;
	const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ms = 0, scale = 100, offset = 0;

	if (!at)
		return -EINVAL;
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
			ms += (*at - '0') * scale;
	}
	if (*at == '+' || *at == '-') {
		if (sscanf(at + 1, "%2d:%2d%n", &oh, &om, &consumed) != 2)
			return -EINVAL;
		offset = (oh * 60 + om) * (*at == '-' ? -60 : 60);
		at += 1 + consumed;
	} else if (*at++ != 'Z') {
		return -EINVAL;
	}
	if (*at)
		return -EINVAL;
	*ret_wall_ms = ((int64_t)timegm(&tm) - offset) * 1000 + ms;
	return 0;
}

void rfc3339_print(int64_t wall_ms, char ret[static 32])
{
	time_t s = wall_ms / 1000;
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void age_print(int64_t span_ms, char ret[static 24])
{
	int64_t s = span_ms < 0 ? 0 : span_ms / 1000;

	if (s < 120)
		snprintf(ret, 24, "%ds", (int)s);
	else if (s < 600)
		snprintf(ret, 24, "%dm%ds", (int)(s / 60), (int)(s % 60));
	else if (s < 3 * 3600)
		snprintf(ret, 24, "%dm", (int)(s / 60));
	else if (s < 48 * 3600)
		snprintf(ret, 24, "%dh", (int)(s / 3600));
	else
		snprintf(ret, 24, "%dd", (int)(s / 86400 % 1000000));
}
