/*
 * Bringing images in. Layers are unpacked by tar, each into a fresh folder of its own; then
 * OCI white-outs (.wh.NAME, .wh..wh..opq) become those of overlayfs. Every name that an image
 * gives (blobs, layer files) is checked before it becomes part of a path.
 */
#include "plugin/local/image.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/path.h"
#include "plugin/local/folder.h"
#include "plugin/local/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define UNPACK_MS (20 * 60 * 1000)
#define BLOB_HEX  64

struct import {
	const char *from;   /* the unpacked layout */
	const char *folder; /* of the new image */
	int layers;
	cJSON *config; /* borrowed */
	char *id;
};

static int unpack(const char *archive, const char *into, struct err *err)
{
	const char *const as_root[] = { "tar", "-x", "-p", "--numeric-owner", "--xattrs",
		"--xattrs-include=security.capability", "-f", archive, "-C", into, NULL };
	const char *const as_user[] = { "tar", "-x", "-p", "--no-same-owner", "--exclude=dev/*",
		"-f", archive, "-C", into, NULL };

	return process_run(geteuid() == 0 ? as_root : as_user, UNPACK_MS, err);
}

static int white_out(int dir, const char *name)
{
	const char *hidden = name + 4;

	if (unlinkat(dir, name, 0) < 0)
		return -errno;
	if (!strcmp(name, ".wh..wh..opq")) {
		fsetxattr(dir, "trusted.overlay.opaque", "y", 1, 0);
		return fsetxattr(dir, "user.overlay.opaque", "y", 1, 0) < 0 ? -errno : 0;
	}
	if (!path_name_ok(hidden, strlen(hidden)))
		return -EBADMSG;
	unlinkat(dir, hidden, 0);
	return mknodat(dir, hidden, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
}

static int convert_white_outs(int at, const char *name, int depth)
{
	auto_close int dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int copy = dir < 0 ? -1 : fcntl(dir, F_DUPFD_CLOEXEC, 0), rc = 0;
	struct dirent *e;
	DIR *d;

	if (copy < 0 || depth > 1000)
		return copy < 0 ? -errno : -ELOOP;
	d = fdopendir(copy);
	if (!d) {
		close(copy);
		return -errno;
	}
	while (rc == 0 && (e = readdir(d))) {
		if (!strncmp(e->d_name, ".wh.", 4))
			rc = white_out(dir, e->d_name);
		else if (e->d_type == DT_DIR && strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			rc = convert_white_outs(dir, e->d_name, depth + 1);
	}
	closedir(d);
	return rc;
}

static int add_layer(struct import *im, const char *archive, struct err *err)
{
	auto_free char *dir = xprintf("%s/layers/%d", im->folder, im->layers);
	int rc;

	if (im->layers >= IMAGE_LAYERS_MAX)
		return err_set(err, -E2BIG, "the image has more than %d layers", IMAGE_LAYERS_MAX);
	rc = folder_make(dir, 0755, err);
	if (rc == 0)
		rc = unpack(archive, dir, err);
	if (rc < 0)
		return rc;
	rc = convert_white_outs(AT_FDCWD, dir, 0);
	if (rc < 0)
		return err_set(err, rc, "converting the white-outs of layer %d: %s", im->layers,
			strerror(-rc));
	im->layers++;
	return 0;
}

/* "sha256:<64 hex>" -> the file of the blob; -EBADMSG. */
static int blob_path(const struct import *im, const char *digest, char **ret, struct err *err)
{
	const char *hex = digest && !strncmp(digest, "sha256:", 7) ? digest + 7 : "";

	if (strlen(hex) != BLOB_HEX || strspn(hex, "0123456789abcdef") != BLOB_HEX)
		return err_set(err, -EBADMSG, "the image names a blob by '%.80s', not by sha256",
			digest ? digest : "");
	*ret = xprintf("%s/blobs/sha256/%s", im->from, hex);
	return 0;
}

static int hash_file(const char *path, char ret[static BLOB_HEX + 1], struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t piece[64 * 1024], digest[EVP_MAX_MD_SIZE];
	unsigned n_digest = 0;
	ssize_t n = -1;

	EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		EVP_DigestUpdate(ctx, piece, (size_t)n);
	EVP_DigestFinal_ex(ctx, digest, &n_digest);
	EVP_MD_CTX_free(ctx);
	if (n < 0)
		return err_set(err, -errno, "reading %s: %m", path);
	for (unsigned i = 0; i < n_digest; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

static int checked_blob(const struct import *im, const char *digest, char **ret, struct err *err)
{
	auto_free char *path = NULL;
	char hex[BLOB_HEX + 1] = "";
	int rc = blob_path(im, digest, &path, err);

	if (rc == 0)
		rc = hash_file(path, hex, err);
	if (rc < 0)
		return rc;
	if (strcmp(hex, digest + 7) != 0)
		return err_set(
			err, -EBADMSG, "blob %s does not have the bytes its name promises", digest);
	*ret = take_ptr(path);
	return 0;
}

static int load_blob(const struct import *im, const char *digest, cJSON **ret, struct err *err)
{
	auto_free char *path = NULL;
	int rc = checked_blob(im, digest, &path, err);

	if (rc < 0)
		return rc;
	rc = json_load(path, ret);
	if (rc < 0)
		return err_set(err, rc, "reading blob %s: %s", digest, strerror(-rc));
	return 0;
}

static int import_manifest(
	struct import *im, const cJSON *manifest, cJSON **ret_config, struct err *err)
{
	const cJSON *layer;
	int rc = load_blob(im, json_text(manifest, "config.digest"), ret_config, err);

	if (rc < 0)
		return rc;
	im->id = xstrdup(json_text(manifest, "config.digest"));
	cJSON_ArrayForEach (layer, json_at(manifest, "layers")) {
		auto_free char *path = NULL;

		rc = checked_blob(im, json_text(layer, "digest"), &path, err);
		if (rc == 0)
			rc = add_layer(im, path, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static const char *machine(void)
{
#if defined(__aarch64__)
	return "arm64";
#elif defined(__x86_64__)
	return "amd64";
#else
	return "unknown";
#endif
}

/* The manifest for this machine; the first one when none says for what it is. */
static const cJSON *choose(const cJSON *index)
{
	const cJSON *list = json_at(index, "manifests"), *one;

	cJSON_ArrayForEach (one, list)
		if (!strcmp(json_text_or(one, "platform.architecture", ""), machine()))
			return one;
	return json_at(cJSON_GetArrayItem(list, 0), "platform") ? NULL
								: cJSON_GetArrayItem(list, 0);
}

static int import_oci(struct import *im, cJSON **ret_config, struct err *err)
{
	auto_free char *path = xprintf("%s/index.json", im->from);
	auto_json cJSON *at = NULL;
	int rc = json_load(path, &at);

	if (rc < 0)
		return err_set(err, rc, "reading %s: %s", path, strerror(-rc));
	for (int depth = 0; depth < 3 && json_at(at, "manifests"); depth++) {
		const cJSON *chosen = choose(at);
		cJSON *next = NULL;

		if (!chosen)
			return err_set(
				err, -ENOEXEC, "the image is not for this machine (%s)", machine());
		rc = load_blob(im, json_text(chosen, "digest"), &next, err);
		if (rc < 0)
			return rc;
		cJSON_Delete(at);
		at = next;
	}
	return import_manifest(im, at, ret_config, err);
}

/* A name inside an unpacked archive: relative, no "..", and no link on its way is followed out. */
static int inner_path(const struct import *im, const char *name, char **ret, struct err *err)
{
	auto_free char *path = NULL, *real = NULL;
	size_t n = strlen(im->from);

	if (!name || !*name || *name == '/' || strlen(name) > 512)
		return err_set(err, -EBADMSG, "the archive names a file '%.80s'", name ? name : "");
	path = xprintf("%s/%s", im->from, name);
	real = realpath(path, NULL);
	if (!real || strncmp(real, im->from, n) != 0 || real[n] != '/')
		return err_set(err, -EBADMSG, "the archive has no file '%.80s'", name);
	*ret = take_ptr(real);
	return 0;
}

static int import_docker(struct import *im, cJSON **ret_config, struct err *err)
{
	auto_free char *path = xprintf("%s/manifest.json", im->from);
	auto_free char *config = NULL;
	auto_json cJSON *list = NULL;
	const cJSON *first, *layer;
	char hex[BLOB_HEX + 1] = "";
	int rc = json_load(path, &list);

	if (rc < 0)
		return err_set(err, rc, "reading %s: %s", path, strerror(-rc));
	first = cJSON_GetArrayItem(list, 0);
	rc = inner_path(im, json_text(first, "Config"), &config, err);
	if (rc == 0)
		rc = hash_file(config, hex, err);
	if (rc < 0)
		return rc;
	im->id = xprintf("sha256:%s", hex);
	rc = json_load(config, ret_config);
	if (rc < 0)
		return err_set(err, rc, "reading the image's config: %s", strerror(-rc));
	cJSON_ArrayForEach (layer, json_at(first, "Layers")) {
		auto_free char *file = NULL;

		rc = inner_path(im, cJSON_GetStringValue(layer), &file, err);
		if (rc == 0)
			rc = add_layer(im, file, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int import_root(struct import *im, cJSON **ret_config, struct err *err)
{
	auto_free char *dir = xprintf("%s/layers/0", im->folder);
	auto_free char *all = xprintf("%s/.", im->from);
	const char *const argv[] = { "cp", "-a", "--", all, dir, NULL };
	int rc = folder_make(dir, 0755, err);

	if (rc == 0)
		rc = process_run(argv, UNPACK_MS, err);
	if (rc < 0)
		return rc;
	im->layers = 1;
	im->id = xstrdup("folder");
	*ret_config = cJSON_CreateObject();
	return 0;
}

static bool has(const char *dir, const char *name)
{
	auto_free char *path = xprintf("%s/%s", dir, name);

	return access(path, F_OK) == 0;
}

static int finish(struct import *im, const char *name, const cJSON *config, struct err *err)
{
	static const char *const kept[] = { "Entrypoint", "Cmd", "Env", "WorkingDir", "User" };
	auto_free char *path = xprintf("%s/image.json", im->folder);
	auto_json cJSON *json = cJSON_CreateObject();
	cJSON *out = json_object_at(json, "config");
	const cJSON *in = json_at(config, "config");
	int rc;

	if (!im->layers)
		return err_set(err, -EBADMSG, "the image has no layers");
	json_put_text(json, "name", name);
	json_put_text(json, "id", im->id);
	json_put_int(json, "layers", im->layers);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		json_put(out, kept[i],
			cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(in, kept[i]), true));
	rc = json_save(path, json);
	return rc < 0 ? err_set(err, rc, "writing %s: %s", path, strerror(-rc)) : 0;
}

static int import_from(struct import *im, const char *name, struct err *err)
{
	auto_json cJSON *config = NULL;
	int rc;

	if (has(im->from, "index.json"))
		rc = import_oci(im, &config, err);
	else if (has(im->from, "manifest.json"))
		rc = import_docker(im, &config, err);
	else
		rc = import_root(im, &config, err);
	if (rc == 0)
		rc = finish(im, name, config, err);
	free(im->id);
	return rc;
}

static int import_archive(struct import *im, const char *name, const char *archive, struct err *err)
{
	auto_free char *dir = xprintf("%s/unpacked", im->folder);
	auto_free char *real = NULL;
	int rc = folder_make(dir, 0700, err);

	if (rc == 0)
		rc = unpack(archive, dir, err);
	real = realpath(dir, NULL);
	im->from = real;
	if (rc == 0 && !has(dir, "index.json") && !has(dir, "manifest.json"))
		rc = err_set(
			err, -EBADMSG, "%s holds neither an OCI layout nor a saved image", archive);
	if (rc == 0)
		rc = import_from(im, name, err);
	if (rc == 0)
		rc = folder_remove(dir, err);
	return rc;
}

/* Pods may still run from the old one, so it stays, out of the way, until the engine goes. */
static void set_aside(const char *home, const char *folder)
{
	auto_free char *gone = xprintf("%s/images/.gone-%lld", home, (long long)clock_wall_ms());

	if (rename(folder, gone) < 0 && errno != ENOENT)
		folder_remove(folder, NULL);
}

int image_import(const char *home, const char *name, const char *from, struct err *err)
{
	auto_free char *folder = image_folder(home, name);
	auto_free char *fresh = xprintf("%s.new", folder);
	auto_free char *real = realpath(from, NULL);
	struct import im = { .folder = fresh, .from = real };
	struct stat st;
	int rc;

	if (!image_name_ok(name) || !strcmp(name, IMAGE_HOST))
		return err_set(err, -EINVAL, "'%s' cannot be the name of an imported image", name);
	if (!real || stat(real, &st) < 0)
		return err_set(err, -errno, "importing %s: %m", from);
	rc = folder_remove(fresh, err);
	if (rc == 0)
		rc = folder_make(fresh, 0755, err);
	if (rc == 0)
		rc = S_ISDIR(st.st_mode) ? import_from(&im, name, err)
					 : import_archive(&im, name, real, err);
	if (rc == 0)
		set_aside(home, folder);
	if (rc == 0 && rename(fresh, folder) < 0)
		rc = err_set(err, -errno, "renaming %s: %m", fresh);
	if (rc < 0)
		folder_remove(fresh, NULL);
	return err_wrap(rc < 0 ? err : NULL, rc, "importing %s", from);
}
