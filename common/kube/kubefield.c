/* Single fields of a kubeconfig's entries, with the sentences for what is wrong in them. */
#include "common/base/io.h"
#include "common/base/path.h"
#include "common/base/base64.h"
#include "common/kube/json.h"
#include "common/kube/kubeconfig.h"
#include "common/kube/yaml.h"

int kubeconfig_wrong(
	const struct kubeconfig_entry *e, struct err *err, int code, const char *fmt, ...)
{
	static const char *const names[] = { "cluster", "user", "context" };
	auto_buf why = BUF_INIT(ERR_TEXT_BYTES * 4);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&why, fmt, ap);
	va_end(ap);
	return err_set(err, code, "%s \"%.100s\" in %s: %s", names[e->kind], e->name, e->file,
		buf_text(&why));
}

int kubeconfig_text(
	const struct kubeconfig_entry *e, const char *field, const char **ret, struct err *err)
{
	const cJSON *item = json_member(e->body, field);
	const char *text = yaml_text(item);

	if (item && !text)
		return kubeconfig_wrong(e, err, -EINVAL, "\"%s\" must be text", field);
	*ret = text && *text ? text : NULL;
	return 0;
}

int kubeconfig_bool(const struct kubeconfig_entry *e, const char *field, bool *ret, struct err *err)
{
	const cJSON *item = json_member(e->body, field);
	const char *text = yaml_text(item);
	cJSON *value = text ? yaml_scalar(text) : NULL;
	bool fine = !item || cJSON_IsBool(value), on = cJSON_IsTrue(value);

	cJSON_Delete(value);
	if (!fine)
		return kubeconfig_wrong(e, err, -EINVAL, "\"%s\" must be true or false", field);
	*ret = on;
	return 0;
}

int kubeconfig_path(
	const struct kubeconfig_entry *e, const char *field, char **ret, struct err *err)
{
	auto_buf whole = BUF_INIT(64 * 1024);
	const char *text = NULL;
	int rc = kubeconfig_text(e, field, &text, err);

	if (rc < 0)
		return rc;
	if (text)
		path_clean(&whole, e->dir, text);
	if (buf_check(&whole) < 0)
		return kubeconfig_wrong(e, err, -EMSGSIZE, "\"%s\" is too long a path", field);
	*ret = text ? buf_steal(&whole) : NULL;
	return 0;
}

int kubeconfig_data(
	const struct kubeconfig_entry *e, const char *field, char **ret, struct err *err)
{
	auto_buf bytes = BUF_INIT(KUBECONFIG_FILE_BYTES_MAX);
	const char *text = NULL;
	int rc = kubeconfig_text(e, field, &text, err);

	if (rc < 0)
		return rc;
	rc = text ? base64_decode(text, strlen(text), &bytes) : 0;
	if (rc == -EMSGSIZE)
		return kubeconfig_wrong(e, err, rc, "\"%s\" is larger than %d MiB", field,
			KUBECONFIG_FILE_BYTES_MAX >> 20);
	if (rc < 0)
		return kubeconfig_wrong(e, err, rc, "\"%s\" is not base 64 text", field);
	if (strlen(buf_text(&bytes)) != bytes.len)
		return kubeconfig_wrong(e, err, -EINVAL, "\"%s\" is not PEM text", field);
	*ret = text ? buf_steal(&bytes) : NULL;
	return 0;
}

int kubeconfig_read(const char *path, char **ret, struct err *err)
{
	auto_buf bytes = BUF_INIT(KUBECONFIG_FILE_BYTES_MAX);
	int rc = io_read_file(path, &bytes);

	if (rc == -EMSGSIZE)
		return err_set(err, rc, "cannot read %s: it is larger than %d MiB", path,
			KUBECONFIG_FILE_BYTES_MAX >> 20);
	if (rc < 0)
		return err_set(err, rc, "cannot read %s: %s", path, strerror(-rc));
	if (strlen(buf_text(&bytes)) != bytes.len)
		return err_set(err, -EINVAL, "cannot use %s: it is not text", path);
	*ret = buf_steal(&bytes);
	return 0;
}
