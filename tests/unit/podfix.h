/* The Pod of a wish, for the tests of what is wished. */
#ifndef SBX_TESTS_PODFIX_H
#define SBX_TESTS_PODFIX_H

#include "tests/lib/test.h"

#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/pod.h"

static inline struct pod_wish plain(void)
{
	return (struct pod_wish){ .name = "web", .ns = "dev", .now_ms = 1700000000000 };
}

static inline cJSON *build(const struct pod_wish *w, const char *base)
{
	auto_json b = base ? json_parse(base, strlen(base)) : NULL;
	struct err err = { 0 };
	cJSON *pod = NULL;
	int rc = pod_build(w, b, &pod, &err);

	if (rc < 0)
		fail_msg("%s", err.text);
	return pod;
}

#endif
