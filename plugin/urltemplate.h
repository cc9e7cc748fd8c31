/*
 * URLs of ports by template: text with {protocol}, {service}, {namespace} and {port} in it, as ComputeSDK's
 * Kubernetes provider has them (its urlTemplate), and {name}, the sandbox's.
 */
#ifndef SBX_PLUGIN_URLTEMPLATE_H
#define SBX_PLUGIN_URLTEMPLATE_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdint.h>

#define URL_MAX 4096

struct url_words {
	const char *protocol, *service, *ns, *name;
	uint16_t port;
};

/* -EINVAL: empty, too long, a word in braces that is none of these, or a byte that no URL has; err says which. */
int url_template_check(const char *template, struct err *err);

/* Appends; one that was checked. */
void url_fill(const char *template, const struct url_words *w, struct buf *ret);

#endif
