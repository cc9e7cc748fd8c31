#include "plugin/many.h"

#include "common/base/io.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/session/session.h"
#include "plugin/crew.h"
#include "plugin/guard.h"
#include "plugin/interrupt.h"
#include "plugin/lifetime.h"
#include "plugin/place.h"
#include "plugin/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PARALLEL_MAX 256

/* One sandbox; its worker's alone while that runs. */
struct piece {
	struct place place;
	char *name; /* what stands in front of its lines */
	char *dir;  /* of its results, or NULL */
	int status; /* as a shell shows it; -1: it was lost, or could not run */
	struct err err;
};

struct many {
	const struct command *command;
	struct command_run run;
	struct place common; /* the client and the net of all */
	struct piece *pieces;
	size_t count, resting; /* resting: match, but do not run */
	struct lines_to out[2];
};

/* --- which ------------------------------------------------------------------------------ */

static void add(struct many *m, struct sandbox *s)
{
	struct piece *p;

	m->pieces = xrealloc(m->pieces, (m->count + 1) * sizeof(*m->pieces));
	p = &m->pieces[m->count++];
	*p = (struct piece){ .status = -1 };
	p->place = (struct place){ .ref = { xstrdup(s->ns), xstrdup(s->name) },
		.container = m->command->container,
		.signals = -1,
		.kube = m->common.kube,
		.borrowed = true,
		.s = *s,
		.found = true };
	p->name = m->command->all_namespaces ? xprintf("%s/%s", s->ns, s->name) : xstrdup(s->name);
}

static void add_pod(struct many *m, const cJSON *pod)
{
	struct sandbox s;
	struct err err = { 0 };
	int rc = sandbox_parse(pod, m->command->container, &s, &err);

	if (rc < 0) {
		m->resting++;
		return;
	}
	if (s.running && !s.deleting) {
		add(m, &s);
		return;
	}
	m->resting++;
	sandbox_fini(&s);
}

static int list(struct many *m, struct err *err)
{
	const char *selector = m->command->selector;
	const char *ns = m->command->all_namespaces ? NULL : kube_target(m->common.kube)->ns;
	auto_json pods = NULL;
	const cJSON *pod;
	int rc = sandbox_list(
		m->common.kube, ns, selector ? selector : SANDBOX_SELECTOR, &pods, err);

	if (rc < 0)
		return rc;
	cJSON_ArrayForEach (pod, json_at(pods, "items"))
		if (!life_is_spare(pod))
			add_pod(m, pod);
	if (m->count)
		return 0;
	return err_set(err, -ENOENT, "no running sandbox matches%s",
		m->resting ? " (some do not run)" : "");
}

static void find_mounts(struct many *m)
{
	auto_free struct ref *refs = xcalloc(m->count, sizeof(*refs));
	auto_free char **dirs = xcalloc(m->count, sizeof(*dirs));

	if (m->command->no_mount || m->command->container)
		return;
	for (size_t i = 0; i < m->count; i++)
		refs[i] = m->pieces[i].place.ref;
	shown_find(kube_target(m->common.kube), refs, m->count, dirs);
	for (size_t i = 0; i < m->count; i++)
		m->pieces[i].place.folder = dirs[i];
}

/* --- results ---------------------------------------------------------------------------- */

static int make_dir(const char *path, struct err *err)
{
	if (!mkdir(path, 0777) || errno == EEXIST)
		return 0;
	return err_set(err, -errno, "cannot make the folder %s: %m", path);
}

/* DIR/NAME, or DIR/NAMESPACE/NAME; names of Pods are safe as such. */
static int make_dirs(struct many *m, struct err *err)
{
	const char *dir = m->command->output_dir;
	int rc = dir ? make_dir(dir, err) : 0;

	for (size_t i = 0; dir && i < m->count && !rc; i++) {
		struct piece *p = &m->pieces[i];

		if (m->command->all_namespaces) {
			auto_free char *ns = xprintf("%s/%s", dir, p->place.ref.ns);

			rc = make_dir(ns, err);
		}
		p->dir = xprintf("%s/%s", dir, p->name);
		if (!rc)
			rc = make_dir(p->dir, err);
	}
	return rc;
}

static int open_copy(const struct piece *p, const char *name, struct err *err)
{
	auto_free char *path = p->dir ? xprintf("%s/%s", p->dir, name) : NULL;
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;

	return path && fd < 0 ? err_set(err, -errno, "cannot write %s: %m", path) : fd;
}

static void keep_exit(struct piece *p)
{
	auto_free char *path = p->dir ? xprintf("%s/exit", p->dir) : NULL;
	auto_free char *text = p->status < 0 ? xstrdup("lost\n") : xprintf("%d\n", p->status);
	int rc = path ? io_replace_file(path, text, strlen(text), 0666) : 0;

	if (rc < 0) {
		p->status = -1;
		err_set(&p->err, rc, "cannot write %s: %s", path, strerror(-rc));
	}
}

/* --- in one ------------------------------------------------------------------------------- */

static void run_lines(struct many *m, struct piece *p, struct lines *lines)
{
	struct pump_spec pump = { .run = m->run.spec, .in = -1 };
	struct pump_end end;
	int rc;

	pump.out[0] = sink_lines(&lines[0]);
	pump.out[1] = sink_lines(&lines[1]);
	rc = place_run(&p->place, &pump, 0, &end, &p->err);
	p->status = rc < 0 ? -1 : run_end_status(&end.run);
	if (rc < 0)
		err_set(&p->err, rc, "%s", err_text(&p->err, rc));
	else if (p->status < 0)
		err_set(&p->err, end.run.rc, "%s", err_text(&end.run.err, end.run.rc));
	for (int i = 0; i < 2; i++) {
		if (!lines[i].copy_rc)
			continue;
		p->status = -1;
		err_set(&p->err, lines[i].copy_rc, "its results could not be written: %s",
			strerror(-lines[i].copy_rc));
	}
}

static void run_piece(void *arg, size_t index, int signals)
{
	struct many *m = arg;
	struct piece *p = &m->pieces[index];
	auto_close int out = open_copy(p, "stdout", &p->err);
	auto_close int errs = open_copy(p, "stderr", &p->err);
	struct lines lines[2];

	if (p->dir && (out < 0 || errs < 0))
		return;
	p->place.signals = signals;
	lines_init(&lines[0], &m->out[0], p->name, out);
	lines_init(&lines[1], &m->out[1], p->name, errs);
	run_lines(m, p, lines);
	lines_fini(&lines[0]);
	lines_fini(&lines[1]);
	keep_exit(p);
}

/* --- the end -------------------------------------------------------------------------------- */

static void tell(const struct piece *p, bool begun)
{
	if (!begun)
		say("%s: not begun", p->name);
	else if (p->status > 0)
		say("%s: exit %d", p->name, p->status);
	else if (p->status < 0)
		say("%s: %s", p->name, *p->err.text ? p->err.text : "lost");
}

static int summary(const struct many *m, size_t begun)
{
	auto_buf line = BUF_INIT(1024);
	size_t good = 0;

	fflush(stdout);
	for (size_t i = 0; i < m->count; i++) {
		good += i < begun && m->pieces[i].status == 0;
		tell(&m->pieces[i], i < begun);
	}
	buf_printf(&line, "%zu sandbox%s: %zu exited 0", m->count, m->count == 1 ? "" : "es", good);
	if (good < m->count)
		buf_printf(&line, ", %zu did not", m->count - good);
	if (m->resting)
		buf_printf(&line, "; %zu more not running", m->resting);
	say("%s", buf_text(&line));
	return good == m->count ? EXIT_DONE : EXIT_FAILED;
}

static int run_all(struct many *m)
{
	int64_t parallel = m->command->parallel ? m->command->parallel : MANY_PARALLEL;
	struct crew crew = { run_piece, m, m->count,
		(size_t)(parallel > PARALLEL_MAX ? PARALLEL_MAX : parallel), m->common.signals };
	int rc;

	/* before the first thread, which would take the signals otherwise */
	place_signals(&m->common);
	crew.signals = m->common.signals;
	rc = net_open(&m->common.net);
	if (rc < 0)
		return cli_failed(NULL, rc);
	for (size_t i = 0; i < m->count; i++)
		m->pieces[i].place.net = m->common.net;
	return summary(m, crew_run(&crew));
}

static int guarded(void *arg, size_t way, int signals)
{
	struct many *m = arg;

	m->common.signals = signals;
	return run_all(m);
}

static int work(struct many *m)
{
	const struct guard_work w = { .ways = 1, .work = guarded, .arg = m };
	bool mounted = false;
	int status;

	for (size_t i = 0; i < m->count; i++)
		mounted |= m->pieces[i].place.folder != NULL;
	if (!mounted)
		return run_all(m);
	status = guard_run(&w);
	return status < 0 ? cli_failed(NULL, status) : status;
}

static int prepare(struct many *m, struct err *err)
{
	int rc = list(m, err);

	if (!rc)
		rc = make_dirs(m, err);
	if (rc < 0)
		return rc;
	find_mounts(m);
	return 0;
}

static void many_fini(struct many *m)
{
	for (size_t i = 0; i < m->count; i++) {
		place_fini(&m->pieces[i].place);
		free(m->pieces[i].name);
		free(m->pieces[i].dir);
	}
	free(m->pieces);
	command_run_fini(&m->run);
	place_fini(&m->common);
	pthread_mutex_destroy(&m->out[0].lock);
	pthread_mutex_destroy(&m->out[1].lock);
}

int many_run(const struct cli *cli, const struct command *c)
{
	struct many m = { .command = c, .common.signals = -1 };
	struct err err = { 0 };
	int rc;

	for (int i = 0; i < 2; i++) {
		m.out[i] = (struct lines_to){ .fd = 1 + i, .terminal = isatty(1 + i) };
		pthread_mutex_init(&m.out[i].lock, NULL);
	}
	rc = command_run_init(&m.run, cli, c, &err);
	if (!rc)
		rc = cli_open(cli, &m.common.kube, &err);
	if (!rc)
		rc = prepare(&m, &err);
	rc = rc < 0 ? cli_failed(&err, rc) : work(&m);
	many_fini(&m);
	return rc;
}
