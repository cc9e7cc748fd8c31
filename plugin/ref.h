/*
 * What a person calls a sandbox: NAME or NAMESPACE/POD; and pod/NAME, as -o name prints
 * it (a namespace called "pod" takes -n).
 */
#ifndef SBX_PLUGIN_REF_H
#define SBX_PLUGIN_REF_H

#include "common/base/cleanup.h"
#include "common/base/err.h"

struct ref {
	char *ns, *name;
};

#define auto_ref struct ref auto_with(ref_fini)

/* word in the namespace ns unless it names one. -EINVAL: no legal Pod name (a DNS subdomain). */
int ref_parse(const char *word, const char *ns, struct ref *ret, struct err *err);
void ref_fini(struct ref *r);

#endif
