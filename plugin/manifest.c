#include "plugin/manifest.h"

#include "common/base/io.h"
#include "common/kube/yaml.h"

int manifest_read(const char *path, cJSON **ret, struct err *err)
{
	auto_buf text = BUF_INIT(MANIFEST_MAX);
	int rc = io_read_file(strcmp(path, "-") ? path : "/dev/stdin", &text);

	if (rc == -EMSGSIZE)
		return err_set(
			err, rc, "cannot read the Pod from %s: it is larger than 1 MiB", path);
	if (rc < 0)
		return err_set(err, rc, "cannot read the Pod from %s: %s", path, strerror(-rc));
	rc = yaml_parse(buf_text(&text), text.len, ret, err);
	return rc < 0 ? err_wrap(err, rc, "cannot read the Pod from %s", path) : 0;
}
