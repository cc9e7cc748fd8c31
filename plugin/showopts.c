#include "plugin/showopts.h"

#include <errno.h>

/* "a,b" is two of them. */
static int add_labels(const char *word, struct show *show, struct err *err)
{
	for (const char *at = word;; at++) {
		size_t n = strcspn(at, ",");

		if (show->label_count == SHOW_LABELS_MAX)
			return err_set(err, -EINVAL, "-L takes at most %d labels", SHOW_LABELS_MAX);
		if (n)
			show->labels[show->label_count++] = xstrndup(at, n);
		at += n;
		if (!*at)
			return 0;
	}
}

int showopts_use(const struct showopts *o, struct show *show, struct err *err)
{
	int rc = show_parse(o->output, show, err);

	show->headers = !o->no_headers;
	show->all_labels = o->all_labels;
	for (size_t i = 0; !rc && i < o->labels.count; i++)
		rc = add_labels(o->labels.items[i], show, err);
	return rc;
}
