#include "common/kube/library.h"

#include "common/base/cleanup.h"

#include <dlfcn.h>
#include <errno.h>

static int load(const struct library *l, struct err *err)
{
	void *library = dlopen(l->file, RTLD_LAZY | RTLD_LOCAL);

	if (!library)
		return err_set(err, -ELIBACC, "cannot load the library %s (%s); install it",
			l->file, dlerror());
	for (size_t i = 0; i < l->count; i++) {
		void *at = dlsym(library, l->names[i]);

		if (!at)
			return err_set(err, -ELIBBAD,
				"the library %s has no %s; install a newer one", l->file,
				l->names[i]);
		memcpy((char *)l->table + i * sizeof(at), &at, sizeof(at));
	}
	return 0;
}

int library_need(struct library *l, struct err *err)
{
	scoped_lock(&l->lock);
	if (!l->tried) {
		l->tried = true;
		l->rc = load(l, &l->trouble);
		if (!l->rc && l->ready)
			l->ready();
	}
	return l->rc < 0 ? err_set(err, l->rc, "%s", l->trouble.text) : 0;
}
