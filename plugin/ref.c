#include "plugin/ref.h"

#include "common/base/log.h"
#include "common/base/path.h"

#include <errno.h>

#define POD_NAME_MAX  253
#define NAMESPACE_MAX 63

/* RFC 1123 subdomain: labels with dots between. */
static bool subdomain_ok(const char *name)
{
	if (strlen(name) > POD_NAME_MAX)
		return false;
	for (;;) {
		size_t n = strcspn(name, ".");
		auto_free char *label = xstrndup(name, n);

		if (!path_label_ok(label, POD_NAME_MAX))
			return false;
		if (!name[n])
			return true;
		name += n + 1;
	}
}

int ref_parse(const char *word, const char *ns, struct ref *ret, struct err *err)
{
	const char *slash = strchr(word, '/');
	bool kind = !strncmp(word, "pod/", 4);
	auto_free char *space =
		slash && !kind ? xstrndup(word, (size_t)(slash - word)) : xstrdup(ns);
	const char *name = slash ? slash + 1 : word;
	auto_buf shown = BUF_INIT(1024);

	if (subdomain_ok(name) && path_label_ok(space, NAMESPACE_MAX)) {
		*ret = (struct ref){ take_ptr(space), xstrdup(name) };
		return 0;
	}
	log_escape(&shown, word, strnlen(word, 100));
	return err_set(err, -EINVAL,
		"\"%s\" is no sandbox name: NAME or NAMESPACE/NAME, of small letters, digits and "
		"'-'",
		buf_text(&shown));
}

void ref_fini(struct ref *r)
{
	free(r->ns);
	free(r->name);
	*r = (struct ref){ 0 };
}
