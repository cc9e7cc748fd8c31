#include "plugin/local/image.h"
#include "common/base/io.h"
#include "plugin/local/folder.h"
#include "plugin/local/process.h"

#include <ctype.h>
#include <sys/stat.h>

bool image_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (!n || n > IMAGE_NAME_MAX || !isalnum((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-/:@", *name))
			return false;
	return true;
}

char *image_folder(const char *home, const char *name)
{
	auto_buf path = BUF_INIT(8192);

	buf_printf(&path, "%s/images/", home);
	for (; *name; name++) {
		if (isalnum((unsigned char)*name) || strchr("_-.", *name))
			buf_char(&path, *name);
		else
			buf_printf(&path, "%%%02X", (unsigned char)*name);
	}
	return buf_steal(&path);
}

static int load(const char *home, const char *name, cJSON **ret, char **ret_folder)
{
	auto_free char *folder = image_folder(home, name);
	auto_free char *path = xprintf("%s/image.json", folder);
	int rc = json_load(path, ret);

	if (rc < 0)
		return rc;
	*ret_folder = take_ptr(folder);
	return 0;
}

int image_find(const char *home, const char *name, cJSON **ret, char **ret_folder)
{
	static const char latest[] = ":latest";
	size_t n = strlen(name), tail = sizeof(latest) - 1;
	auto_free char *other = NULL;

	if (!image_name_ok(name))
		return -ENOENT;
	if (load(home, name, ret, ret_folder) == 0)
		return 0;
	if (n > tail && !strcmp(name + n - tail, latest))
		other = xstrndup(name, n - tail);
	else
		other = xprintf("%s%s", name, latest);
	return load(home, other, ret, ret_folder) == 0 ? 0 : -ENOENT;
}

/* What programs of /usr look for in /etc, when it is there. No secrets among them. */
static const char *const etc_names[] = { "alternatives", "bash.bashrc", "debian_version", "default",
	"environment", "fonts", "inputrc", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
	"locale.alias", "locale.conf", "localtime", "magic", "mime.types", "nsswitch.conf",
	"os-release", "perl", "profile", "protocols", "python3", "python3.11", "rpc", "services",
	"shells", "skel", "terminfo", "timezone", "gai.conf", "gitconfig", "vim", "issue" };

static const char passwd_text[] = "root:x:0:0:root:/root:/bin/sh\n"
				  "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
				  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
static const char group_text[] = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n";

static int copy_into(const char *from, const char *dir, struct err *err)
{
	const char *const argv[] = { "cp", "-a", "--no-preserve=ownership", "--", from, dir, NULL };

	if (access(from, R_OK) < 0)
		return 0;
	return process_run(argv, 60 * 1000, err);
}

static int make_etc(const char *root, struct err *err)
{
	auto_free char *etc = xprintf("%s/etc", root);
	auto_free char *ssl = xprintf("%s/ssl", etc);
	int rc = folder_make(ssl, 0755, err);

	for (size_t i = 0; rc == 0 && i < sizeof(etc_names) / sizeof(etc_names[0]); i++) {
		auto_free char *from = xprintf("/etc/%s", etc_names[i]);

		rc = copy_into(from, etc, err);
	}
	if (rc == 0)
		rc = copy_into("/etc/ssl/certs", ssl, err);
	if (rc == 0)
		rc = copy_into("/etc/ssl/openssl.cnf", ssl, err);
	if (rc < 0)
		return rc;
	rc = folder_write(etc, "passwd", passwd_text, 0644);
	return rc < 0 ? rc : folder_write(etc, "group", group_text, 0644);
}

/* /bin and its like: the host's own links into /usr, or empty folders for the mounts of the real
 * ones. */
static int make_roots(const char *root)
{
	static const char *const names[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		auto_free char *host = xprintf("/%s", names[i]);
		auto_free char *ours = xprintf("%s/%s", root, names[i]);
		char target[256];
		ssize_t n = readlink(host, target, sizeof(target) - 1);

		if (n > 0) {
			target[n] = '\0';
			if (symlink(target, ours) < 0 && errno != EEXIST)
				return -errno;
		} else if (access(host, F_OK) == 0 && mkdir(ours, 0755) < 0 && errno != EEXIST) {
			return -errno;
		}
	}
	return 0;
}

static int make_folders(const char *root, struct err *err)
{
	static const struct {
		const char *name;
		unsigned mode;
	} folders[] = { { "usr", 0755 }, { "proc", 0755 }, { "sys", 0755 }, { "dev", 0755 },
		{ "run", 0755 }, { "tmp", 01777 }, { "root", 0700 }, { "home", 0755 },
		{ "opt", 0755 }, { "srv", 0755 }, { "mnt", 0755 }, { "var/tmp", 01777 },
		{ "var/lib", 0755 }, { "var/log", 0755 }, { "var/cache", 0755 }, { "etc", 0755 } };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		auto_free char *path = xprintf("%s/%s", root, folders[i].name);
		int rc = folder_make(path, folders[i].mode, err);

		if (rc < 0)
			return rc;
		if (chmod(path, folders[i].mode) < 0)
			return err_set(err, -errno, "changing the mode of %s: %m", path);
	}
	return 0;
}

int image_make_host(const char *home, struct err *err)
{
	auto_free char *folder = image_folder(home, IMAGE_HOST);
	auto_free char *root = xprintf("%s/layers/0", folder);
	auto_free char *path = xprintf("%s/image.json", folder);
	auto_json cJSON *json = cJSON_CreateObject();
	cJSON *config;
	int rc;

	if (access(path, F_OK) == 0)
		return 0;
	rc = make_folders(root, err);
	if (rc == 0)
		rc = make_roots(root);
	if (rc == 0)
		rc = make_etc(root, err);
	if (rc < 0)
		return err_wrap(err, rc, "making the image 'host' in %s", folder);
	json_put_text(json, "name", IMAGE_HOST);
	json_put_text(json, "id", "host:/usr");
	json_put_bool(json, "host", true);
	json_put_int(json, "layers", 1);
	config = json_object_at(json, "config");
	cJSON_AddItemToArray(json_array_at(config, "Env"),
		cJSON_CreateString(
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
	cJSON_AddItemToArray(json_array_at(config, "Cmd"), cJSON_CreateString("/bin/sh"));
	return json_save(path, json);
}
