/*
 * How a run begins: its request, or that for going on with a kept one.
 */
#include "common/remote/run.h"

#include "common/base/clock.h"

#include <limits.h>

/* Any name that an environment can hold, not a shell's alone. */
static bool variable_ok(const char *var)
{
	size_t n = strcspn(var, "=\n");

	return n && var[n] == '=';
}

static int encode_env(struct run *run, const char *const *env)
{
	auto_buf lines = BUF_INIT(PROTO_SCRIPT_MAX);

	for (; *env; env++) {
		if (!variable_ok(*env))
			return -EINVAL;
		text_escape(&lines, *env, strlen(*env));
		buf_char(&lines, '\n');
	}
	if (buf_check(&lines) < 0)
		return -E2BIG;
	run->env.tag = mux_tag(run->remote->mux);
	run->call.before = &run->env;
	run->refs++;
	buf_printf(&run->call.frame, "%u env", run->env.tag);
	body_encode(&run->call.frame, buf_text(&lines), lines.len, run->remote->info.body_text);
	return 0;
}

static int encode_script(struct run *run, const struct run_spec *spec)
{
	struct buf *frame = &run->call.frame;
	const char *cwd = spec->cwd ? spec->cwd : "";
	const char *user = spec->user ? spec->user : "";
	const char *flags = spec->terminal ? "t" : spec->wants_stdin ? "" : "-";

	buf_printf(frame, "%u run ", run->call.tag);
	text_escape(frame, cwd, strlen(cwd));
	buf_char(frame, ' ');
	text_escape(frame, user, strlen(user));
	buf_printf(frame, " %d %u %s%s %u", spec->timeout_ms, spec->window,
		spec->wants_stdin ? "i" : "", flags, spec->keep);
	body_encode(frame, spec->script, spec->n, run->remote->info.body_text);
	return buf_check(frame);
}

static int encode_attach(struct run *run, const struct run_spec *spec)
{
	static const char *const letters[] = { "-", "o", "e", "oe" };
	const char *flags = letters[run->wants];

	if (run->wants_stdin)
		flags = run->wants ? flags : "";
	buf_printf(&run->call.frame, "%u attach %u %ju %ju %u %s%s\n", run->call.tag, spec->attach,
		(uintmax_t)run->from[0], (uintmax_t)run->from[1], spec->window, flags,
		run->wants_stdin ? "i" : "");
	return buf_check(&run->call.frame);
}

static int check_script(const struct remote_info *said, const struct run_spec *spec)
{
	if (!said->ops[OP_RUN] || (spec->env && spec->env[0] && !said->ops[OP_ENV]) ||
		(spec->keep && !said->ops[OP_KEEP]))
		return -ENOSYS;
	if (spec->terminal && !said->terminals)
		return -ENOTTY;
	if (spec->n > PROTO_SCRIPT_MAX)
		return -EFBIG;
	if (spec->timeout_ms < 0 || (spec->cwd && spec->cwd[0] != '/') ||
		spec->keep > PROTO_KEPT_ID_MAX || (spec->user && strlen(spec->user) > RUN_USER_MAX))
		return -EINVAL;
	return spec->cwd && strlen(spec->cwd) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int check_attach(const struct remote_info *said, const struct run_spec *spec)
{
	if (!said->ops[OP_ATTACH])
		return -ENOSYS;
	if (spec->attach > PROTO_KEPT_ID_MAX || spec->from[0] > INT64_MAX ||
		spec->from[1] > INT64_MAX || spec->wants & ~(RUN_WANTS_OUT | RUN_WANTS_ERR))
		return -EINVAL;
	return 0;
}

static int encode(struct run *run, const struct run_spec *spec)
{
	const struct remote_info *said = &run->remote->info.said;
	int rc;

	if (spec->port)
		return dial_encode(run, spec);
	rc = spec->attach ? check_attach(said, spec) : check_script(said, spec);
	if (rc < 0)
		return rc;
	buf_init(&run->call.frame, 2 * (PROTO_LINE_MAX + TEXT_BYTES(PROTO_SCRIPT_MAX)));
	if (spec->attach)
		return encode_attach(run, spec);
	if (spec->env && spec->env[0])
		rc = encode_env(run, spec->env);
	return rc < 0 ? rc : encode_script(run, spec);
}

static void init_attached(struct run *run, const struct run_spec *spec)
{
	run->attach = spec->attach;
	run->wants = spec->wants & (RUN_WANTS_OUT | RUN_WANTS_ERR);
	for (int i = 0; i < 2; i++) {
		bool wanted = run->wants & 1U << i;

		run->from[i] = wanted ? spec->from[i] : 0;
		run->allowed[i] = wanted ? spec->window : 0;
	}
}

static void init_new(struct run *run, const struct run_spec *spec)
{
	run->timeout_ms = spec->timeout_ms;
	run->terminal = spec->terminal;
	run->keep = spec->keep;
	run->wants = RUN_WANTS_OUT | RUN_WANTS_ERR;
	run->allowed[0] = run->allowed[1] = spec->window;
}

static struct run *run_new(
	struct remote *r, const struct run_spec *spec, const struct run_ops *ops, void *arg)
{
	struct run *run = xcalloc(1, sizeof(*run));

	*run = (struct run){ .remote = r,
		.ops = *ops,
		.arg = arg,
		.wants_stdin = spec->wants_stdin || spec->port,
		.port = spec->port,
		.refs = 2 };
	if (spec->attach)
		init_attached(run, spec);
	else
		init_new(run, spec);
	run->call.ops = &run_call_ops;
	run->call.tag = mux_tag(r->mux);
	run->call.deadline_ms =
		spec->start_deadline_ms ? spec->start_deadline_ms : deadline_after(RUN_START_MS);
	run->env.ops = &run_env_ops;
	run->env.deadline_ms = run->call.deadline_ms;
	pthread_mutex_init(&run->lock, NULL);
	return run;
}

void remote_run(struct remote *r, const struct run_spec *spec, const struct run_ops *ops, void *arg,
	struct run **ret)
{
	struct run *run = run_new(r, spec, ops, arg);
	struct run_end end = { .state = RUN_LOST };

	*ret = run;
	end.rc = encode(run, spec);
	if (end.rc == 0)
		end.rc = mux_send(r->mux, &run->call);
	if (end.rc < 0)
		run_finish(run, &end);
}
