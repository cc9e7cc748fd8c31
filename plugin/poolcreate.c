#include "common/base/clock.h"
#include "common/base/path.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/layers.h"
#include "plugin/pool.h"
#include "plugin/poolverbs.h"
#include "plugin/ready.h"

#include <errno.h>

struct pool {
	struct wish_opts wish;
	int64_t size, timeout_ms;
	bool wait;
};

static const struct pool defaults = {
	.wish = WISH_DEFAULTS, .size = 3, .timeout_ms = 120000, .wait = true
};

#define AT(member)      offsetof(struct pool, member)
#define AT_WISH(member) offsetof(struct pool, wish.member)

static const struct opt opts[] = {
	{ "size", 0, OPT_NUMBER, "N", "how many spares (3)", AT(size) },
	WISH_OPTS(AT_WISH),
	WISH_SETTINGS(AT_WISH),
	{ "timeout", 0, OPT_SPAN, "TIME", "how long each may take until it runs (2m)",
		AT(timeout_ms) },
	{ "wait", 0, OPT_BOOL, NULL, "wait until all run (--wait=false: do not)", AT(wait) },
	{ NULL },
};

static const struct example examples[] = {
	{ "five that wait, and one of them at once",
		"pool create node --size 5 --image node:20-alpine\n"
		"  kubectl sbx create --from-pool node" },
	{ NULL },
};

static int check(struct cli *cli, const struct pool *p)
{
	if (cli->words.count != 1 || cli->words.dashes)
		return cli_usage(cli, "pool create wants one NAME");
	if (!path_label_ok(cli->words.at[0], POOL_NAME_MAX))
		return cli_usage(cli,
			"\"%.80s\" cannot be a pool's name: 1 to %d small letters, digits and '-', "
			"not first or last a '-'",
			cli->words.at[0], POOL_NAME_MAX);
	if (p->size < 1 || p->size > POOL_SIZE_MAX)
		return cli_usage(cli, "--size is 1 to %d", POOL_SIZE_MAX);
	if (p->wish.ttl_ms || p->wish.max_ttl_ms || p->wish.idle_ms)
		return cli_usage(cli, "--ttl, --max-ttl and --idle begin when a spare is taken: "
				      "they go with create --from-pool");
	if (p->timeout_ms <= 0 || p->timeout_ms > INT32_MAX / 2)
		return cli_usage(cli, "--timeout must be more than nothing and less than 12 days");
	return EXIT_DONE;
}

static int wait_one(struct kube *k, const struct pool *p, const cJSON *pod, struct err *err)
{
	auto_phases phases = { 0 };
	struct ready_spec spec = {
		.pod = pod,
		.schedule_timeout_ms = p->wish.schedule_timeout_ms,
		.pull_timeout_ms = p->wish.pull_timeout_ms,
		.timeout_ms = p->timeout_ms,
		.stop = interrupt_flag(),
		.phases = &phases,
	};
	cJSON *now;
	int rc;

	phases_init(&phases, false);
	rc = *interrupt_flag() ? -EINTR : ready_wait(k, &spec, &now, err);
	if (rc == -EINTR)
		return err_set(err, rc, "interrupted");
	if (rc < 0)
		return err_wrap(err, rc, "spare %s", json_str(pod, "metadata.name", ""));
	cJSON_Delete(now);
	return 0;
}

/* The spares go with it, by the cluster's collector; gc's own look is for where there is none. */
static void undo(struct kube *k, const cJSON *pool, const cJSON *pods)
{
	struct err err = { 0 };
	const cJSON *pod;
	int rc = kind_delete(k, &kind_podtemplate, pool, false, &err);

	cJSON_ArrayForEach (pod, pods)
		kind_delete(k, &kind_pod, pod, false, NULL);
	if (rc < 0 && rc != -ENOENT)
		say("error: and it could not be taken back: %s", err_text(&err, rc));
}

static int fill(
	struct kube *k, const struct pool *p, const cJSON *pool, cJSON *pods, struct err *err)
{
	const cJSON *pod;
	int rc = 0;

	for (int64_t i = 0; i < p->size && !rc; i++) {
		cJSON *one = NULL;

		rc = *interrupt_flag() ? err_set(err, -EINTR, "interrupted")
				       : pool_post(k, pool, &one, err);
		if (!rc)
			cJSON_AddItemToArray(pods, one);
	}
	if (rc < 0 || !p->wait)
		return rc;
	cJSON_ArrayForEach (pod, pods) {
		rc = wait_one(k, p, pod, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int make(struct kube *k, const struct pool *p, const struct pod_wish *w, const cJSON *base,
	const char *name, struct err *err)
{
	int64_t unfinished_ms = clock_wall_ms() + p->timeout_ms + p->wish.pull_timeout_ms +
				p->wish.schedule_timeout_ms;
	auto_json pod = NULL;
	auto_json wanted = NULL;
	auto_json pool = NULL;
	auto_json pods = cJSON_CreateArray();
	int rc = pod_build(w, base, &pod, err);

	if (rc < 0)
		return rc;
	wanted = pool_template(name, w->ns, pod, w->o.runtime, p->size, unfinished_ms);
	rc = kind_post_sure(k, &kind_podtemplate, wanted, &pool, err);
	if (rc < 0)
		return rc;
	rc = fill(k, p, pool, pods, err);
	if (!rc)
		rc = kind_finish(k, &kind_podtemplate, pool, err);
	if (rc < 0)
		undo(k, pool, pods);
	return rc;
}

static int go(struct cli *cli, const struct pool *p)
{
	struct pod_wish w = {
		.o = p->wish, .ns = "default", .now_ms = clock_wall_ms(), .unlisted = true
	};
	auto_json base = NULL;
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc = check(cli, p);

	if (rc != EXIT_DONE)
		return rc;
	rc = make_prepare(cli, &w, &base);
	if (rc != EXIT_DONE)
		return rc;
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	make_aim(k, &w);
	interrupt_watch();
	rc = make(k, p, &w, base, cli->words.at[0], &err);
	if (rc < 0) {
		err_wrap(&err, rc, "cannot create pool %s", cli->words.at[0]);
		return cli_failed(&err, rc);
	}
	printf("pool/%s created\n", cli->words.at[0]);
	return cli_flush();
}

static int run(struct cli *cli, const void *settings)
{
	auto_layers all = { 0 };
	struct err err = { 0 };
	int rc = layers_open(cli, settings, AT(wish), &all, &err);

	return rc < 0 ? cli_failed(&err, rc) : go(cli, all.settings);
}

static const struct verb verb_pool_create = {
	.name = "pool create",
	.args = "NAME [FLAGS]",
	.summary = "keep sandboxes ready",
	.about = "Makes spares: Pods that run and wait to become sandboxes, with the flags of "
		 "create. They are kept as a PodTemplate; to \"ls\" and to others they are no "
		 "sandboxes. \"create --from-pool NAME\" takes one, and puts another in its "
		 "place. When one of the first cannot run, all are deleted again.\n"
		 "\n" WISH_ABOUT,
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct pool),
	.run = run,
};

static const struct verb *const family[] = { &verb_pool_create, &verb_pool_ls, &verb_pool_rm,
	NULL };

static const struct example family_examples[] = {
	{ "five that wait", "pool create node --size 5 --image node:20-alpine" },
	{ "one of them, at once", "create --from-pool node" },
	{ "how many are ready?", "pool ls" },
	{ NULL },
};

const struct verb verb_pool = {
	.name = "pool",
	.summary = "sandboxes kept ready: create, ls, rm",
	.about = "A pool is a number of Pods that run already. A sandbox taken from it is there "
		 "at once. Each of these has a --help.",
	.examples = family_examples,
	.family = family,
};
