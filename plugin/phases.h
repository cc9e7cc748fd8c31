/*
 * What a creation has come to, and when: told as it happens, kept for the end.
 */
#ifndef SBX_PLUGIN_PHASES_H
#define SBX_PLUGIN_PHASES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct phases {
	int64_t started_ms; /* clock_now_ms: what the times count from */
	bool talk;          /* a line on standard error for each */
	cJSON *list;        /* [{"phase": "scheduled", "seconds": 0.04}, ...] */
};

#define auto_phases struct phases auto_with(phases_fini)

/* From now on. */
void phases_init(struct phases *p, bool talk);
void phases_fini(struct phases *p);

/* name: "scheduled"; each counts once. The text is what a person is told. */
void phases_reach(struct phases *p, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A line between phases, told only. */
void phases_say(const struct phases *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
