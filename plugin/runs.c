#include "plugin/runs.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/remote/proto.h"
#include "plugin/quote.h"

#include <errno.h>

void run_row_fini(struct run_row *row)
{
	free(row->command);
	free(row->trouble);
	*row = (struct run_row){ .exit = -1 };
}

void runs_fini(struct runs *r)
{
	for (size_t i = 0; i < r->count; i++)
		run_row_fini(&r->at[i]);
	free(r->at);
	*r = (struct runs){ 0 };
}

struct run_row *runs_add(struct runs *r)
{
	r->at = xrealloc(r->at, (r->count + 1) * sizeof(*r->at));
	r->at[r->count] = (struct run_row){ .exit = -1 };
	return &r->at[r->count++];
}

static int by_id(const void *a, const void *b)
{
	const struct run_row *one = a, *other = b;

	return one->id < other->id ? -1 : one->id > other->id;
}

void runs_sort(struct runs *r)
{
	if (r->count)
		qsort(r->at, r->count, sizeof(*r->at), by_id);
}

/* A kept one is called by that id, so it comes before one of the mount with the same number. */
const struct run_row *runs_find(const struct runs *r, uint32_t id)
{
	const struct run_row *found = NULL;

	for (size_t i = 0; i < r->count; i++)
		if (r->at[i].id == id && (!found || r->at[i].kept))
			found = &r->at[i];
	return found;
}

int run_id_parse(const char *word, uint32_t *ret)
{
	char *end;
	unsigned long n;

	if (*word < '0' || *word > '9')
		return -EINVAL;
	n = strtoul(word, &end, 10);
	if (*end || !n || n > PROTO_KEPT_ID_MAX || end - word > 10)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

/* --- from the sandbox ------------------------------------------------------------ */

static const char *const state_names[] = { [RUN_RUNNING] = "running",
	[RUN_EXITED] = "exited",
	[RUN_SIGNALED] = "signaled",
	[RUN_TIMEOUT] = "timeout",
	[RUN_LOST] = "lost" };

#define STATES (sizeof(state_names) / sizeof(*state_names))

static void set_state(struct run_row *row, const char *name)
{
	snprintf(row->state, sizeof(row->state), "%s", name);
}

void run_row_of_kept(const struct kept *k, struct run_row *ret)
{
	struct run_end end = { .state = k->state, .code = k->code };

	*ret = (struct run_row){ .id = k->id,
		.kept = k->id,
		.exit = -1,
		.pid = k->pid,
		.terminal = k->terminal,
		.started_ms = k->started_s * 1000,
		.took_ms = k->took_ms };
	set_state(ret, (size_t)k->state < STATES ? state_names[k->state] : "running");
	if (k->state == RUN_EXITED || k->state == RUN_SIGNALED || k->state == RUN_TIMEOUT)
		ret->exit = run_end_status(&end);
	if (k->state == RUN_SIGNALED)
		ret->signal = k->code;
	for (int i = 0; i < 2; i++) {
		ret->bytes[i] = k->out[i];
		ret->start[i] = k->start[i];
		ret->dropped[i] = k->dropped[i];
	}
	ret->command = quote_show(k->script, strlen(k->script), k->script_n > strlen(k->script));
}

/* --- from a mount ------------------------------------------------------------------ */

static uint64_t number_at(const cJSON *status, const char *path)
{
	double n = json_num(status, path, 0);

	return n > 0 && n < 9e15 ? (uint64_t)n : 0;
}

int run_row_of_status(const char *text, size_t n, uint32_t number, struct run_row *ret)
{
	cJSON *status = json_parse(text, n);
	const char *state = json_str(status, "state", NULL);

	if (!state) {
		cJSON_Delete(status);
		return -EBADMSG;
	}
	*ret = (struct run_row){ .number = number,
		.kept = (uint32_t)number_at(status, "kept"),
		.exit = json_int(status, "exit", -1),
		.signal = json_int(status, "signal", 0),
		.pid = json_int(status, "pid", 0),
		.terminal = json_bool(status, "terminal", false),
		.took_ms = (int64_t)(json_num(status, "seconds", 0) * 1000),
		.bytes = { number_at(status, "stdout"), number_at(status, "stderr") },
		.trouble = xstrdup(json_str(status, "error", NULL)) };
	ret->id = ret->kept ? ret->kept : number;
	set_state(ret, state);
	snprintf(ret->why, sizeof(ret->why), "%s", json_str(status, "errno", ""));
	ret->dropped[0] = number_at(status, "dropped") + number_at(status, "dropped_there");
	cJSON_Delete(status);
	return 0;
}

/* --- what is made of it ------------------------------------------------------------ */

bool run_row_ended(const struct run_row *row)
{
	return strcmp(row->state, "running") && strcmp(row->state, "new");
}

struct run_end run_row_end(const struct run_row *row)
{
	struct run_end end = { .state = RUN_KEPT,
		.kept_id = row->id,
		.out = row->bytes[0],
		.err_bytes = row->bytes[1] };

	if (!run_row_ended(row))
		return end;
	end.state = RUN_LOST;
	for (size_t i = RUN_EXITED; i < STATES; i++)
		if (state_names[i] && !strcmp(row->state, state_names[i]))
			end.state = (enum run_state)i;
	end.code = end.state == RUN_SIGNALED && row->signal ? row->signal : row->exit;
	if (end.state == RUN_LOST) {
		end.rc = errno_from_name(row->why);
		end.rc = end.rc ? end.rc : -EIO;
		if (row->trouble)
			err_set(&end.err, end.rc, "%s", row->trouble);
	}
	memcpy(end.dropped, row->dropped, sizeof(end.dropped));
	return end;
}

static void add_number(cJSON *to, const char *name, uint64_t n)
{
	cJSON_AddNumberToObject(to, name, (double)n);
}

cJSON *run_row_json(const struct run_row *row)
{
	cJSON *ret = cJSON_CreateObject();
	char started[32];

	add_number(ret, "run", row->id);
	cJSON_AddStringToObject(ret, "state", row->state);
	if (row->exit >= 0)
		add_number(ret, "exit", (uint64_t)row->exit);
	if (row->signal > 0)
		add_number(ret, "signal", (uint64_t)row->signal);
	if (row->pid > 0)
		add_number(ret, "pid", (uint64_t)row->pid);
	cJSON_AddBoolToObject(ret, "kept", row->kept != 0);
	cJSON_AddBoolToObject(ret, "terminal", row->terminal);
	if (row->started_ms) {
		rfc3339_print(row->started_ms, started);
		cJSON_AddStringToObject(ret, "started", started);
	}
	cJSON_AddNumberToObject(ret, "seconds", (double)row->took_ms / 1000);
	add_number(ret, "stdout", row->bytes[0]);
	add_number(ret, "stderr", row->bytes[1]);
	add_number(ret, "dropped", row->dropped[0] + row->dropped[1]);
	cJSON_AddStringToObject(ret, "command", row->command ? row->command : "");
	return ret;
}
