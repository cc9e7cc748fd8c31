#include "plugin/local/bundle.h"
#include "plugin/local/folder.h"
#include "plugin/local/podspec.h"
#include "plugin/local/rootfs.h"

#include <sys/stat.h>

#define EXPANDED_MAX (1u << 20)
#define PIDS_LIMIT   4096

static cJSON *words(const char *const *list)
{
	cJSON *a = cJSON_CreateArray();

	for (; *list; list++)
		cJSON_AddItemToArray(a, cJSON_CreateString(*list));
	return a;
}

static const char *env_value(const cJSON *env, const char *name, size_t n)
{
	const cJSON *one;
	const char *found = NULL;

	cJSON_ArrayForEach (one, env) {
		const char *text = cJSON_GetStringValue(one);

		if (text && !strncmp(text, name, n) && text[n] == '=')
			found = text + n + 1;
	}
	return found;
}

char *bundle_expand(const char *text, const cJSON *env)
{
	auto_buf out = BUF_INIT(EXPANDED_MAX);

	while (*text) {
		const char *end = text[0] == '$' && text[1] == '(' ? strchr(text, ')') : NULL;
		const char *value = end ? env_value(env, text + 2, (size_t)(end - text - 2)) : NULL;

		if (text[0] == '$' && text[1] == '$') {
			buf_char(&out, '$');
			text += 2;
		} else if (value) {
			buf_str(&out, value);
			text = end + 1;
		} else {
			buf_char(&out, *text++);
		}
	}
	buf_str(&out, "");
	return buf_check(&out) < 0 ? xstrdup("") : buf_steal(&out);
}

/* Replaces one of the same name. */
static void put_env(cJSON *env, const char *name, const char *value)
{
	auto_free char *text = xprintf("%s=%s", name, value);
	size_t n = strlen(name) + 1;
	cJSON *one;
	int i = 0;

	cJSON_ArrayForEach (one, env) {
		if (!strncmp(cJSON_GetStringValue(one), text, n)) {
			cJSON_ReplaceItemInArray(env, i, cJSON_CreateString(text));
			return;
		}
		i++;
	}
	cJSON_AddItemToArray(env, cJSON_CreateString(text));
}

static void put_image_env(cJSON *env, const cJSON *image)
{
	const cJSON *one;

	put_env(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	cJSON_ArrayForEach (one, json_at(image, "config.Env")) {
		const char *text = cJSON_GetStringValue(one),
			   *equal = text ? strchr(text, '=') : NULL;
		auto_free char *name = equal ? xstrndup(text, (size_t)(equal - text)) : NULL;

		if (name && *name)
			put_env(env, name, equal + 1);
	}
}

static cJSON *make_env(const struct bundle *b)
{
	cJSON *env = cJSON_CreateArray();
	const cJSON *one;

	put_image_env(env, b->image);
	put_env(env, "HOSTNAME", json_text_or(b->pod, "metadata.name", ""));
	if (json_is_true(b->container, "tty"))
		put_env(env, "TERM", "xterm");
	cJSON_ArrayForEach (one, json_at(b->container, "env")) {
		const char *name = json_text(one, "name");
		auto_free char *value = bundle_expand(json_text_or(one, "value", ""), env);

		if (name && *name && !strchr(name, '='))
			put_env(env, name, value);
	}
	return env;
}

static void add_all(cJSON *to, const cJSON *from, const cJSON *env)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, from) {
		auto_free char *text =
			env ? bundle_expand(one->valuestring ? one->valuestring : "", env)
			    : xstrdup(one->valuestring ? one->valuestring : "");

		cJSON_AddItemToArray(to, cJSON_CreateString(text));
	}
}

/* Kubernetes' rule: command replaces Entrypoint and Cmd, args replace Cmd. */
static cJSON *make_args(const struct bundle *b, const cJSON *env)
{
	const cJSON *command = json_at(b->container, "command"),
		    *args = json_at(b->container, "args");
	cJSON *out = cJSON_CreateArray();
	bool has_command = cJSON_GetArraySize(command) > 0, has_args = cJSON_GetArraySize(args) > 0;

	if (has_command)
		add_all(out, command, env);
	else
		add_all(out, json_at(b->image, "config.Entrypoint"), NULL);
	if (has_args)
		add_all(out, args, env);
	else if (!has_command)
		add_all(out, json_at(b->image, "config.Cmd"), NULL);
	return out;
}

/* The container's own setting, else the Pod's. */
static const cJSON *security(const struct bundle *b, const char *name)
{
	const cJSON *own =
		cJSON_GetObjectItemCaseSensitive(json_at(b->container, "securityContext"), name);

	if (own)
		return own;
	return cJSON_GetObjectItemCaseSensitive(json_at(b->pod, "spec.securityContext"), name);
}

static int make_user(const struct bundle *b, cJSON *process, struct err *err)
{
	auto_free char *root = xprintf("%s/root", b->dir);
	const cJSON *uid_set = security(b, "runAsUser"), *gid_set = security(b, "runAsGroup");
	const cJSON *group;
	auto_free char *number = NULL;
	const char *user = json_text_or(b->image, "config.User", "");
	cJSON *out = json_object_at(process, "user"), *groups;
	uint32_t uid = 0, gid = 0;
	int rc;

	if (cJSON_IsNumber(uid_set))
		user = number = xprintf("%u", (unsigned)uid_set->valuedouble);
	rc = *user ? rootfs_user(root, user, &uid, &gid, err) : 0;
	if (rc < 0)
		return rc;
	if (cJSON_IsNumber(gid_set))
		gid = (uint32_t)gid_set->valuedouble;
	if (b->one_user && (uid || gid))
		return err_set(err, -ENOTSUP,
			"user %u:%u is not mapped: an engine of an ordinary user has only user 0",
			uid, gid);
	if (cJSON_IsTrue(security(b, "runAsNonRoot")) && !uid)
		return err_set(
			err, -EINVAL, "container has runAsNonRoot and image will run as root");
	json_put_int(out, "uid", uid);
	json_put_int(out, "gid", gid);
	groups = json_array_at(out, "additionalGids");
	cJSON_ArrayForEach (group, json_at(b->pod, "spec.securityContext.supplementalGroups"))
		cJSON_AddItemToArray(groups, cJSON_Duplicate(group, false));
	if (cJSON_IsNumber(json_at(b->pod, "spec.securityContext.fsGroup")))
		cJSON_AddItemToArray(groups,
			cJSON_Duplicate(json_at(b->pod, "spec.securityContext.fsGroup"), false));
	if (b->one_user)
		json_put(out, "additionalGids", NULL);
	return 0;
}

static const char *const default_capabilities[] = { "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID",
	"CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP",
	"CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	NULL };

static bool listed(const cJSON *list, const char *capability)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, list) {
		const char *text = cJSON_GetStringValue(one);

		if (text && (!strcmp(text, "ALL") || !strcmp(text, capability) ||
				    !strcmp(text, capability + 4)))
			return true;
	}
	return false;
}

static cJSON *make_capabilities(const struct bundle *b)
{
	const cJSON *drop = json_at(b->container, "securityContext.capabilities.drop");
	const cJSON *add = json_at(b->container, "securityContext.capabilities.add"), *one;
	cJSON *sets = cJSON_CreateObject(), *list = cJSON_CreateArray();

	for (const char *const *c = default_capabilities; *c; c++)
		if (!listed(drop, *c))
			cJSON_AddItemToArray(list, cJSON_CreateString(*c));
	cJSON_ArrayForEach (one, add) {
		const char *text = (one->valuestring ? one->valuestring : "");
		auto_free char *full =
			xprintf("%s%s", strncmp(text, "CAP_", 4) ? "CAP_" : "", text);

		if (*text && strcmp(text, "ALL") != 0 && !listed(list, full))
			cJSON_AddItemToArray(list, cJSON_CreateString(full));
	}
	json_put(sets, "bounding", cJSON_Duplicate(list, true));
	json_put(sets, "effective", cJSON_Duplicate(list, true));
	json_put(sets, "permitted", list);
	return sets;
}

static int make_process(const struct bundle *b, cJSON *config, struct err *err)
{
	cJSON *process = json_object_at(config, "process"), *args, *env;
	const cJSON *escalate = security(b, "allowPrivilegeEscalation");
	const char *cwd = json_text_or(b->container, "workingDir", "");
	int rc;

	if (!*cwd)
		cwd = json_text_or(b->image, "config.WorkingDir", "");
	json_put_bool(process, "terminal", json_is_true(b->container, "tty"));
	rc = make_user(b, process, err);
	if (rc < 0)
		return rc;
	env = make_env(b);
	args = make_args(b, env);
	json_put(process, "env", env);
	json_put(process, "args", args);
	if (!cJSON_GetArraySize(args))
		return err_set(err, -EINVAL, "no command specified");
	json_put_text(process, "cwd", *cwd == '/' ? cwd : "/");
	json_put(process, "capabilities", make_capabilities(b));
	json_put_bool(process, "noNewPrivileges", cJSON_IsFalse(escalate));
	return 0;
}

static cJSON *add_mount(cJSON *mounts, const char *to, const char *type, const char *from,
	const char *const *options)
{
	cJSON *m = cJSON_CreateObject();

	json_put_text(m, "destination", to);
	json_put_text(m, "type", type);
	json_put_text(m, "source", from);
	json_put(m, "options", words(options));
	cJSON_AddItemToArray(mounts, m);
	return m;
}

static void add_system_mounts(const struct bundle *b, cJSON *mounts)
{
	static const char *const plain[] = { "nosuid", "noexec", "nodev", NULL };
	static const char *const dev[] = { "nosuid", "strictatime", "mode=755", "size=65536k",
		NULL };
	static const char *const pts[] = { "nosuid", "noexec", "newinstance", "ptmxmode=0666",
		"mode=0620", "gid=5", NULL };
	static const char *const pts_one[] = { "nosuid", "noexec", "newinstance", "ptmxmode=0666",
		"mode=0620", NULL };
	static const char *const shm[] = { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k",
		NULL };
	static const char *const sys[] = { "nosuid", "noexec", "nodev", "ro", NULL };

	add_mount(mounts, "/proc", "proc", "proc", plain);
	add_mount(mounts, "/dev", "tmpfs", "tmpfs", dev);
	add_mount(mounts, "/dev/pts", "devpts", "devpts", b->one_user ? pts_one : pts);
	add_mount(mounts, "/dev/shm", "tmpfs", "shm", shm);
	add_mount(mounts, "/dev/mqueue", "mqueue", "mqueue", plain);
	add_mount(mounts, "/sys", "sysfs", "sysfs", sys);
	if (b->cgroup)
		add_mount(mounts, "/sys/fs/cgroup", "cgroup", "cgroup", sys);
}

static void add_bind(cJSON *mounts, const char *from, const char *to, bool read_only)
{
	static const char *const rw[] = { "rbind", "rprivate", "rw", NULL };
	static const char *const ro[] = { "rbind", "rprivate", "ro", NULL };

	add_mount(mounts, to, "bind", from, read_only ? ro : rw);
}

static int add_file_mounts(const struct bundle *b, cJSON *mounts, struct err *err)
{
	static const char *const files[] = { "hosts", "hostname", "resolv.conf" };
	auto_free char *message = xprintf("%s/termination-log", b->dir);
	const char *to =
		json_text_or(b->container, "terminationMessagePath", "/dev/termination-log");
	int rc;

	for (int i = 0; i < 3; i++) {
		auto_free char *from = xprintf("%s/etc/%s", b->pod_dir, files[i]);
		auto_free char *inside = xprintf("/etc/%s", files[i]);

		add_bind(mounts, from, inside, false);
	}
	rc = folder_write(b->dir, "termination-log", "", 0666);
	if (rc < 0)
		return err_set(err, rc, "making %s: %s", message, strerror(-rc));
	if (*to == '/')
		add_bind(mounts, message, to, false);
	return 0;
}

static const cJSON *volume_named(const struct bundle *b, const char *name)
{
	const cJSON *v;

	cJSON_ArrayForEach (v, json_at(b->pod, "spec.volumes"))
		if (!strcmp(json_text_or(v, "name", ""), name))
			return v;
	return NULL;
}

static int add_volume_mounts(const struct bundle *b, cJSON *mounts, struct err *err)
{
	const cJSON *m;

	cJSON_ArrayForEach (m, json_at(b->container, "volumeMounts")) {
		const char *name = json_text_or(m, "name", ""),
			   *to = json_text_or(m, "mountPath", "");
		const cJSON *volume = volume_named(b, name);
		auto_free char *from = xprintf("%s/volumes/%s", b->pod_dir, name);

		if (!volume || *to != '/')
			return err_set(err, -EINVAL,
				"volume mount '%s' at '%s' has no such volume or path", name, to);
		if (access(from, F_OK) < 0)
			return err_set(err, -ENOTSUP,
				"volume '%s' is of a kind that this engine does not have (it has "
				"emptyDir)",
				name);
		if (json_text(m, "subPath"))
			return err_set(
				err, -ENOTSUP, "subPath of volume mounts is not supported here");
		add_bind(mounts, from, to, json_is_true(m, "readOnly"));
	}
	return 0;
}

static void add_namespace(cJSON *list, const char *type, char *path)
{
	cJSON *n = cJSON_CreateObject();

	json_put_text(n, "type", type);
	json_put_text(n, "path", path);
	cJSON_AddItemToArray(list, n);
	free(path);
}

static int64_t milli_of(const struct bundle *b, const char *list, const char *name)
{
	auto_free char *path = xprintf("resources.%s", list);
	const cJSON *q = cJSON_GetObjectItemCaseSensitive(json_at(b->container, path), name);
	int64_t n;

	if (cJSON_IsNumber(q))
		return (int64_t)(q->valuedouble * 1000);
	return cJSON_IsString(q) && quantity_parse_milli(q->valuestring, &n) == 0 ? n : 0;
}

static void add_resources(const struct bundle *b, cJSON *linux_)
{
	cJSON *resources = json_object_at(linux_, "resources");
	cJSON *cpu = json_object_at(resources, "cpu"), *deny = cJSON_CreateObject();
	int64_t limit = milli_of(b, "limits", "cpu"), request = milli_of(b, "requests", "cpu");
	int64_t memory = milli_of(b, "limits", "memory") / 1000;

	json_put_bool(deny, "allow", false);
	json_put_text(deny, "access", "rwm");
	cJSON_AddItemToArray(json_array_at(resources, "devices"), deny);
	request = request ? request : limit;
	json_put_int(cpu, "shares", request * 1024 / 1000 < 2 ? 2 : request * 1024 / 1000);
	if (limit) {
		json_put_int(cpu, "period", 100000);
		json_put_int(cpu, "quota", limit * 100 < 1000 ? 1000 : limit * 100);
	}
	if (memory)
		json_put_int(json_object_at(resources, "memory"), "limit", memory);
	json_put_int(json_object_at(resources, "pids"), "limit", PIDS_LIMIT);
	json_put_text(linux_, "cgroupsPath", b->cgroup);
}

static void add_linux(const struct bundle *b, cJSON *config)
{
	static const char *const masked[] = { "/proc/acpi", "/proc/asound", "/proc/kcore",
		"/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/sys/firmware", "/proc/scsi", NULL };
	static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger", NULL };
	cJSON *linux_ = json_object_at(config, "linux"),
	      *list = json_array_at(linux_, "namespaces");

	add_namespace(list, "pid", NULL);
	add_namespace(list, "mount", NULL);
	add_namespace(list, "network", xprintf("/proc/%d/ns/net", b->holder));
	add_namespace(list, "ipc", xprintf("/proc/%d/ns/ipc", b->holder));
	add_namespace(list, "uts", xprintf("/proc/%d/ns/uts", b->holder));
	if (b->cgroup)
		add_resources(b, linux_);
	json_put(linux_, "maskedPaths", words(masked));
	json_put(linux_, "readonlyPaths", words(read_only));
}

int bundle_write(const struct bundle *b, struct err *err)
{
	auto_json cJSON *config = cJSON_CreateObject();
	auto_free char *path = xprintf("%s/config.json", b->dir);
	cJSON *root, *mounts;
	int rc;

	if (json_is_true(b->container, "securityContext.privileged"))
		return err_set(err, -ENOTSUP, "this engine runs no privileged containers");
	json_put_text(config, "ociVersion", "1.0.2");
	rc = make_process(b, config, err);
	if (rc < 0)
		return rc;
	root = json_object_at(config, "root");
	json_put_text(root, "path", "root");
	json_put_bool(root, "readonly", cJSON_IsTrue(security(b, "readOnlyRootFilesystem")));
	mounts = json_array_at(config, "mounts");
	add_system_mounts(b, mounts);
	rc = add_file_mounts(b, mounts, err);
	if (rc == 0)
		rc = add_volume_mounts(b, mounts, err);
	if (rc < 0)
		return rc;
	add_linux(b, config);
	rc = json_save(path, config);
	return rc < 0 ? err_set(err, rc, "writing %s: %s", path, strerror(-rc)) : 0;
}
