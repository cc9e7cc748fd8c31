#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "fs/options.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/kube/sandbox.h"

#include <stddef.h>

#define DEADLINE_MS 15000
#define MIB_MAX     (1024 * 1024)

#define FIELD(text, member, value)                                                                 \
	{                                                                                          \
		text, offsetof(struct options, member), value                                      \
	}

static const struct fuse_opt mount_options[] = {
	FIELD("notify_fd=%i", notify_fd, 0),
	FIELD("trace=%s", trace, 0),
	FIELD("logfile=%s", logfile, 0),
	FIELD("oplog=%s", oplog, 0),
	FIELD("spool_max_mib=%s", numbers[0], 0),
	FIELD("spool_total_mib=%s", numbers[1], 0),
	FIELD("runs_max=%s", numbers[2], 0),
	FIELD("nodes_max=%s", numbers[3], 0),
	FIELD("oplog_max_mib=%s", numbers[4], 0),
	FIELD("spool_full=%s", spool_full, 0),
	FIELD("uid=%s", squash[0], 0),
	FIELD("gid=%s", squash[1], 0),
	FIELD("max_read=%s", max_read, 0),
	FIELD("xattr", xattr, 1),
	FIELD("show_setid", setid, 1),
	FIELD("nonempty", nonempty, 1),
	FIELD("raw_symlinks", raw_symlinks, 1),
	FIELD("one_stream", one_stream, 1),
	FIELD("ro", read_only, 1),
	FIELD("allow_other", allow_other, 1),
	FIELD("default_permissions", default_permissions, 1),
	FUSE_OPT_KEY("ro", FUSE_OPT_KEY_KEEP),
	FUSE_OPT_KEY("allow_other", FUSE_OPT_KEY_KEEP),
	FUSE_OPT_KEY("default_permissions", FUSE_OPT_KEY_KEEP),
	FUSE_OPT_END,
};

static const struct number {
	const char *name;
	size_t at;
	unsigned value, max; /* unless given; the smallest is 1 */
} numbers[OPTIONS_NUMBERS] = {
	{ "spool_max_mib", offsetof(struct options, spool_max_mib), 64, MIB_MAX },
	{ "spool_total_mib", offsetof(struct options, spool_total_mib), 1024, MIB_MAX },
	{ "runs_max", offsetof(struct options, runs_max), 100, 10000 },
	{ "nodes_max", offsetof(struct options, nodes_max), 150000, 100000000 },
	{ "oplog_max_mib", offsetof(struct options, oplog_max_mib), 64, MIB_MAX },
};

/* The value of -x VALUE, -xVALUE, --long VALUE or --long=VALUE; NULL: not this option. */
static const char *value_of(
	int argc, char **argv, int *i, char shorthand, const char *name, struct err *err)
{
	const char *arg = argv[*i];
	size_t n = strlen(name);

	if (strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, name, n) == 0) {
		if (arg[2 + n] == '=')
			return arg + 3 + n;
		if (arg[2 + n])
			return NULL;
	} else if (shorthand && arg[0] == '-' && arg[1] == shorthand) {
		if (arg[2])
			return arg + 2;
	} else {
		return NULL;
	}
	if (*i + 1 < argc)
		return argv[++*i];
	err_set(err, -EINVAL, "%s needs a value", arg);
	return "";
}

static int add_pod(struct options *o, const char *name, struct err *err)
{
	if (!*name || strpbrk(name, ",=/"))
		return err_set(err, -EINVAL, "--pod '%s': this cannot be a Pod's name", name);
	if (o->pod_count == OPTIONS_LIST_MAX)
		return err_set(err, -EINVAL, "at most %d times --pod", OPTIONS_LIST_MAX);
	o->pods[o->pod_count++] = name;
	return 1;
}

static int add_container(struct options *o, const char *name, struct err *err)
{
	if (o->pod_count == 0 || !*name)
		return err_set(err, -EINVAL, "-c CONTAINER belongs behind the --pod that it is of");
	o->containers[o->pod_count - 1] = name;
	return 1;
}

static int add_local(struct options *o, const char *text, struct err *err)
{
	const char *eq = strchrnul(text, '=');

	if (!path_name_ok(text, (size_t)(eq - text)))
		return err_set(err, -EINVAL, "--local NAME[=ROOTDIR]: '%s' is no name", text);
	if (*eq && eq[1] && eq[1] != '/')
		return err_set(
			err, -EINVAL, "--local %s: the folder must be an absolute path", text);
	if (o->local_count == OPTIONS_LIST_MAX)
		return err_set(err, -EINVAL, "at most %d times --local", OPTIONS_LIST_MAX);
	o->locals[o->local_count++] = text;
	return 1;
}

static int set_deadline(struct options *o, const char *text, struct err *err)
{
	int64_t ms;

	if (duration_parse(text, &ms) < 0 || ms < 100 || ms > 3600 * 1000)
		return err_set(err, -EINVAL, "--deadline '%s': 100ms to 1h, such as 15s", text);
	o->deadline_ms = (int)ms;
	return 1;
}

static int set_agent(struct options *o, const char *text, struct err *err)
{
	o->agent_sh = strcmp(text, "sh") == 0;
	if (!o->agent_sh && strcmp(text, "auto") != 0)
		return err_set(err, -EINVAL, "--agent '%s': auto or sh", text);
	return 1;
}

static int set_manage(struct options *o, const char *program, struct err *err)
{
	o->manage = program;
	if (*program == '/')
		return 1;
	return err_set(err, -EINVAL, "--manage '%s': the whole path of kubectl-sbx", program);
}

/* The same, and which words they were. */
static int take_kube(struct options *o, int argc, char **argv, int *i, struct err *err)
{
	int first = *i, rc = kube_flags_take(&o->kube, argc, argv, i, err);

	if (rc <= 0)
		return rc;
	for (int at = first; at <= *i; at++) {
		if (o->kube_word_count == OPTIONS_LIST_MAX)
			return err_set(err, -EINVAL, "too many flags");
		o->kube_words[o->kube_word_count++] = argv[at];
	}
	return 1;
}

/* Options with a value. 1 taken, 0 none of them. */
static int take_value(
	struct options *o, int argc, char **argv, int *i, struct fuse_args *args, struct err *err)
{
	const char *v;

	if ((v = value_of(argc, argv, i, 'l', "selector", err))) {
		o->selector = v;
		return *v ? 1 : err_set(err, -EINVAL, "-l SELECTOR must not be empty");
	}
	if ((v = value_of(argc, argv, i, 0, "pod", err)))
		return add_pod(o, v, err);
	if ((v = value_of(argc, argv, i, 'c', "container", err)))
		return add_container(o, v, err);
	if ((v = value_of(argc, argv, i, 0, "local", err)))
		return add_local(o, v, err);
	if ((v = value_of(argc, argv, i, 0, "deadline", err)))
		return set_deadline(o, v, err);
	if ((v = value_of(argc, argv, i, 0, "manage", err)))
		return set_manage(o, v, err);
	if ((v = value_of(argc, argv, i, 0, "agent", err)))
		return set_agent(o, v, err);
	if ((v = value_of(argc, argv, i, 'o', "options", err))) {
		fuse_opt_add_arg(args, "-o");
		fuse_opt_add_arg(args, v);
		return *v ? 1 : -EINVAL;
	}
	return 0;
}

static int take_switch(struct options *o, const char *arg)
{
	static const struct {
		const char *name;
		size_t at;
	} switches[] = {
		{ "-A", offsetof(struct options, all_namespaces) },
		{ "--all-namespaces", offsetof(struct options, all_namespaces) },
		{ "-f", offsetof(struct options, foreground) },
		{ "--foreground", offsetof(struct options, foreground) },
		{ "-h", offsetof(struct options, help) },
		{ "--help", offsetof(struct options, help) },
		{ "-V", offsetof(struct options, version) },
		{ "--version", offsetof(struct options, version) },
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++) {
		if (strcmp(arg, switches[i].name) == 0) {
			*(bool *)((char *)o + switches[i].at) = true;
			return 1;
		}
	}
	return 0;
}

static int take(
	struct options *o, int argc, char **argv, int *i, struct fuse_args *args, struct err *err)
{
	int rc = take_switch(o, argv[*i]);

	if (rc == 0)
		rc = take_value(o, argc, argv, i, args, err);
	if (rc == 0)
		rc = take_kube(o, argc, argv, i, err);
	if (rc != 0)
		return rc;
	if (argv[*i][0] == '-' && argv[*i][1])
		return err_set(err, -EINVAL, "unknown option %s; try --help", argv[*i]);
	if (o->mountpoint)
		return err_set(err, -EINVAL, "one mount point, please: '%s' is too many", argv[*i]);
	o->mountpoint = argv[*i];
	return 1;
}

static int take_number(struct options *o, const struct number *n, const char *text, struct err *err)
{
	unsigned *value = (unsigned *)((char *)o + n->at);
	size_t digits = strspn(text ? text : "", "0123456789");
	unsigned long v;

	*value = n->value;
	if (!text)
		return 0;
	v = digits && digits < 10 && !text[digits] ? strtoul(text, NULL, 10) : 0;
	if (v < 1 || v > n->max)
		return err_set(
			err, -EINVAL, "-o %s=%s: a number from 1 to %u", n->name, text, n->max);
	*value = (unsigned)v;
	return 0;
}

static int take_numbers(struct options *o, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < OPTIONS_NUMBERS && rc == 0; i++)
		rc = take_number(o, &numbers[i], o->numbers[i], err);
	return rc;
}

static int take_squash(const char *what, const char *text, int64_t *ret, struct err *err)
{
	size_t digits = strspn(text ? text : "", "0123456789");
	unsigned long long v;

	*ret = -1;
	if (!text)
		return 0;
	v = digits && digits < 11 && !text[digits] ? strtoull(text, NULL, 10) : UINT32_MAX;
	if (v >= UINT32_MAX)
		return err_set(err, -EINVAL, "-o %s=%s: a number below 4294967295", what, text);
	*ret = (int64_t)v;
	return 0;
}

static int check(struct options *o, struct err *err)
{
	int rc = take_numbers(o, err);

	if (rc == 0)
		rc = take_squash("uid", o->squash[0], &o->uid, err);
	if (rc == 0)
		rc = take_squash("gid", o->squash[1], &o->gid, err);

	if (rc < 0 || o->help || o->version)
		return rc;
	if (!o->mountpoint)
		return err_set(err, -EINVAL, "where to mount? sbxfs [options] MOUNTPOINT");
	if (o->max_read)
		return err_set(err, -EINVAL,
			"-o max_read=%s: a read is as large as the sandbox takes; leave it out",
			o->max_read);
	if (!o->numbers[1] && o->spool_total_mib < o->spool_max_mib)
		o->spool_total_mib = o->spool_max_mib;
	if (o->spool_total_mib < o->spool_max_mib)
		return err_set(err, -EINVAL,
			"-o spool_total_mib=%u is less than one output may hold (spool_max_mib=%u)",
			o->spool_total_mib, o->spool_max_mib);
	o->spool_drop = o->spool_full && strcmp(o->spool_full, "drop") == 0;
	if (o->spool_full && !o->spool_drop && strcmp(o->spool_full, "wait") != 0)
		return err_set(err, -EINVAL,
			"-o spool_full=%s: wait (the command waits for a reader) "
			"or drop (the oldest bytes go)",
			o->spool_full);
	if (o->trace && log_trace_set(o->trace) < 0)
		return err_set(err, -EINVAL,
			"-o trace=%s: topics are op tree session frame exec rest watch, or all",
			o->trace);
	return 0;
}

/* Those that have become values. */
static void forget_texts(struct options *o)
{
	for (size_t i = 0; i < OPTIONS_NUMBERS; i++)
		free(take_ptr(o->numbers[i]));
	free(take_ptr(o->spool_full));
	free(take_ptr(o->max_read));
	free(take_ptr(o->squash[0]));
	free(take_ptr(o->squash[1]));
}

int options_parse(struct options *o, int argc, char **argv, struct fuse_args *ret, struct err *err)
{
	int rc = 1;

	*o = (struct options){ .notify_fd = -1, .deadline_ms = DEADLINE_MS };
	fuse_opt_add_arg(ret, argc > 0 ? argv[0] : "sbxfs");
	for (int i = 1; i < argc && rc > 0; i++)
		rc = take(o, argc, argv, &i, ret, err);
	if (rc < 0)
		return rc;
	if (fuse_opt_parse(ret, o, mount_options, NULL) < 0)
		rc = err_set(err, -EINVAL, "bad -o options; try --help");
	else
		rc = check(o, err);
	forget_texts(o);
	return rc;
}

void options_fini(struct options *o)
{
	free(o->trace);
	free(o->logfile);
	free(o->oplog);
}

bool options_cluster(const struct options *o)
{
	return o->local_count == 0 || o->pod_count > 0 || o->selector || o->all_namespaces;
}

const char *options_help(void)
{
	return "usage: sbxfs [options] MOUNTPOINT\n"
	       "Shows the sandboxes (Pods) of a namespace as folders.\n"
	       "\n"
	       "  -A, --all-namespaces   every namespace: folders NAMESPACE/POD\n"
	       "  -l, --selector SEL     which Pods; default computesdk.io/managed=true\n"
	       "      --pod NAME         a Pod by name, whatever its labels; may be repeated\n"
	       "  -c, --container NAME   the container in the --pod before it\n"
	       "      --agent auto|sh    the far end to use\n"
	       "      --manage PROGRAM   mkdir and rmdir of a sandbox call kubectl-sbx, which\n"
	       "                         this is the whole path of\n"
	       "      --deadline D       for one request to a sandbox; default 15s\n"
	       "      --local NAME[=DIR] a sandbox that is a process on this machine, for\n"
	       "                         tests; needs no cluster; may be repeated\n"
	       "  -f, --foreground       stay in the foreground\n"
	       "  -h, --help             this text\n"
	       "  -V, --version          the version\n"
	       "\n"
	       "  -o OPT[,OPT...]\n"
	       "      allow_other        other users may enter (implies default_permissions)\n"
	       "      uid=N, gid=N       all files are shown as that user's, that group's\n"
	       "      show_setid         set-id bits are shown, too; they never have effect\n"
	       "      xattr              extended attributes of users, where there are some\n"
	       "      ro                 read-only\n"
	       "      nonempty           mount over a folder that is not empty\n"
	       "      one_stream         no second connection to a sandbox for large files\n"
	       "      raw_symlinks       show links as they are, also where they lead out\n"
	       "      spool_max_mib=N    kept of each output of a run, MiB; default 64\n"
	       "      spool_total_mib=N  of all outputs together; default 1024\n"
	       "      spool_full=wait|drop  there the command waits, or the oldest bytes go\n"
	       "      runs_max=N         finished runs kept of each sandbox; default 100\n"
	       "      nodes_max=N        files remembered at once, of all; default 150000\n"
	       "      notify_fd=N        say on descriptor N when it is mounted, or why not\n"
	       "      trace=TOPICS       op, tree, session, frame, exec, rest, watch or all\n"
	       "      logfile=FILE       where warnings and traces go\n"
	       "      oplog=FILE         a line of JSON there for each operation and run\n"
	       "      oplog_max_mib=N    then FILE becomes FILE.1; default 64\n"
	       "\n";
}
