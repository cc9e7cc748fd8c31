#include "plugin/pick.h"

#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/table.h"
#include "plugin/tty.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>

#define TEXT_MAX     80
#define ESCAPE_MS    40 /* what comes so soon behind an Esc is a key's own bytes */
#define LEFT         (-ECANCELED)
#define INTERRUPTED  (-EINTR)
#define NOT_YET      1
#define CTRL(letter) ((letter)&0x1f)

struct choice {
	char *name, *status, *image;
};

struct choices {
	struct choice *at;
	size_t count;
};

struct picking {
	enum pick how;
	const char *verb;
	const struct choices *all;
	size_t *shown; /* numbers in all, as on the screen */
	size_t shown_count;
	char text[TEXT_MAX + 1];
	size_t len;
	struct tty tty;
	int signals;
	size_t chosen;
};

static void choices_fini(struct choices *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->at[i].name);
		free(c->at[i].status);
		free(c->at[i].image);
	}
	free(c->at);
	*c = (struct choices){ 0 };
}

static void add(struct choices *c, const cJSON *pod, enum pick how)
{
	struct sandbox s;

	if (sandbox_parse(pod, NULL, &s, NULL) < 0)
		return;
	if (how != PICK_RUNNING || s.running) {
		c->at = xrealloc(c->at, (c->count + 1) * sizeof(*c->at));
		c->at[c->count++] = (struct choice){ xstrdup(s.name),
			xstrdup(s.deleting ? "Terminating" : sandbox_phase_name(s.phase)),
			xstrdup(s.image) };
	}
	sandbox_fini(&s);
}

static int load(const struct cli *cli, enum pick how, struct choices *ret, struct err *err)
{
	auto_json pods = NULL;
	auto_kube k = NULL;
	const cJSON *pod;
	int rc = cli_open(cli, &k, err);

	if (!rc)
		rc = sandbox_list(k, kube_target(k)->ns, SANDBOX_SELECTOR, &pods, err);
	cJSON_ArrayForEach (pod, json_at(pods, "items"))
		add(ret, pod, how);
	if (!rc && !ret->count)
		say("no %ssandboxes in namespace %s to choose from",
			how == PICK_RUNNING ? "running " : "", kube_target(k)->ns);
	return rc;
}

/* --- the screen -------------------------------------------------------------------------- */

static void show_prompt(const struct picking *p)
{
	fprintf(stderr, "\r\033[K%s which? number or part of a name, Esc leaves: %s", p->verb,
		p->text);
}

/* As many as fit; a part of the name finds the others. */
static void show_list(struct picking *p)
{
	unsigned cols, rows = 24;
	size_t most;
	struct table t;

	tty_restore(&p->tty);
	tty_size(&p->tty, &cols, &rows);
	most = rows > 6 ? rows - 3 : 3;
	fputs("\r\033[K", stderr);
	table_init(&t, 4);
	for (size_t i = 0; i < p->shown_count && i < most; i++) {
		const struct choice *c = &p->all->at[p->shown[i]];
		char number[24];

		snprintf(number, sizeof(number), "%zu", i + 1);
		table_add(&t, number);
		table_add(&t, c->name);
		table_add(&t, c->status);
		table_add(&t, c->image);
	}
	table_print(&t, stderr, NULL);
	table_fini(&t);
	if (p->shown_count > most)
		say("... and %zu more", p->shown_count - most);
	tty_raw(&p->tty);
	show_prompt(p);
}

static void show_all(struct picking *p)
{
	p->shown_count = p->all->count;
	for (size_t i = 0; i < p->shown_count; i++)
		p->shown[i] = i;
	show_list(p);
}

/* --- keys ---------------------------------------------------------------------------------- */

static int choose(struct picking *p, size_t n)
{
	p->chosen = n;
	return 0;
}

/* The one that the text means, by number or whole name; NOT_YET: none. */
static int choose_exactly(struct picking *p)
{
	unsigned long n = strtoul(p->text, NULL, 10);

	for (size_t i = 0; i < p->all->count; i++)
		if (!strcmp(p->all->at[i].name, p->text))
			return choose(p, i);
	if (strspn(p->text, "0123456789") == p->len && n >= 1 && n <= p->shown_count)
		return choose(p, p->shown[n - 1]);
	return NOT_YET;
}

/* Those with the text in their names are what there is to choose from now. */
static int narrow(struct picking *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->all->count; i++)
		n += strstr(p->all->at[i].name, p->text) != NULL;
	if (!n) {
		fputc('\a', stderr);
		return NOT_YET;
	}
	p->shown_count = 0;
	for (size_t i = 0; i < p->all->count; i++)
		if (strstr(p->all->at[i].name, p->text))
			p->shown[p->shown_count++] = i;
	if (n == 1 && p->how != PICK_DOOMED)
		return choose(p, p->shown[0]);
	p->text[p->len = 0] = '\0';
	show_list(p);
	return NOT_YET;
}

static int enter(struct picking *p)
{
	if (p->len)
		return choose_exactly(p) ? narrow(p) : 0;
	if (p->shown_count == 1 && p->how != PICK_DOOMED)
		return choose(p, p->shown[0]);
	if (p->shown_count < p->all->count)
		show_all(p);
	else
		fputc('\a', stderr);
	return NOT_YET;
}

static void edit(struct picking *p, char key)
{
	if (key == CTRL('u'))
		p->len = 0;
	else if ((key == 0x7f || key == '\b') && p->len)
		p->len--;
	else if (key > ' ' && key < 0x7f && p->len < TEXT_MAX)
		p->text[p->len++] = key;
	p->text[p->len] = '\0';
	show_prompt(p);
}

/* The next byte of a key, or -1: none comes. */
static int key_byte(struct picking *p)
{
	struct pollfd fd = { .fd = p->tty.in, .events = POLLIN };
	unsigned char byte;

	if (poll(&fd, 1, ESCAPE_MS) <= 0 || read(p->tty.in, &byte, 1) != 1)
		return -1;
	return byte;
}

/* Alone it leaves; an arrow or function key begins with it, ends with a letter or "~", and means nothing. */
static int escape(struct picking *p)
{
	int byte = key_byte(p);

	if (byte < 0)
		return LEFT;
	if (byte != '[' && byte != 'O')
		return NOT_YET;
	do
		byte = key_byte(p);
	while (byte >= 0 && (byte < '@' || byte > '~'));
	return NOT_YET;
}

static int press(struct picking *p, char key)
{
	switch (key) {
	case CTRL('c'):
		return INTERRUPTED;
	case CTRL('d'):
		return p->len ? NOT_YET : LEFT;
	case CTRL('['):
		return escape(p);
	case '\r':
	case '\n':
		return enter(p);
	}
	edit(p, key);
	return NOT_YET;
}

/* --- */

static int signalled(struct picking *p)
{
	int sig = tty_signal(p->signals);

	if (sig == SIGTSTP)
		tty_stop(&p->tty);
	else if (sig && sig != SIGCONT && sig != SIGWINCH)
		return INTERRUPTED;
	if (sig)
		show_list(p);
	return NOT_YET;
}

static int keys(struct picking *p)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = p->tty.in, .events = POLLIN },
			{ .fd = p->signals, .events = POLLIN } };
		char key;
		ssize_t n;
		int rc = NOT_YET;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			rc = signalled(p);
		if (rc == NOT_YET && fds[0].revents) {
			n = read(p->tty.in, &key, 1);
			if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
				return LEFT;
			rc = n == 1 ? press(p, key) : NOT_YET;
		}
		if (rc != NOT_YET)
			return rc;
	}
}

/* The terminal is as before at the end, and so are the signals. */
static int ask(struct picking *p, struct err *err)
{
	sigset_t before;
	int rc = tty_open(&p->tty, err);

	if (rc < 0)
		return rc;
	sigprocmask(SIG_SETMASK, NULL, &before);
	p->signals = tty_signals();
	if (p->signals >= 0) {
		show_all(p);
		rc = keys(p);
		close(p->signals);
	}
	tty_close(&p->tty);
	fputs("\r\033[K", stderr);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static int pick(struct cli *cli, struct picking *p)
{
	struct err err = { 0 };
	int rc = ask(p, &err);

	if (rc == INTERRUPTED)
		return 128 + SIGINT;
	if (rc == LEFT)
		say("nothing chosen");
	else if (rc < 0)
		return cli_failed(&err, rc);
	if (rc < 0)
		return EXIT_FAILED;
	cli->words.picked = xstrdup(p->all->at[p->chosen].name);
	cli->words.at[cli->words.count++] = cli->words.picked;
	say("%s %s", p->verb, cli->words.picked);
	return EXIT_DONE;
}

int pick_where_missing(struct cli *cli, enum pick how)
{
	struct choices all = { 0 };
	struct picking p = { .how = how, .verb = cli->verb->name, .all = &all, .signals = -1 };
	struct err err = { 0 };
	int rc;

	if (cli->words.count || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return EXIT_DONE;
	rc = load(cli, how, &all, &err);
	if (rc < 0) {
		rc = cli_failed(&err, rc);
	} else if (all.count) {
		p.shown = xcalloc(all.count, sizeof(*p.shown));
		rc = pick(cli, &p);
		free(p.shown);
	}
	choices_fini(&all);
	return rc;
}
