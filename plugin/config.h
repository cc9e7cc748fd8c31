/*
 * The configuration file: profiles, which are flags kept under a name, and how URLs are made.
 *
 *	url-template: "https://{port}-{service}.example.com"    what url prints (urltemplate.h)
 *	profile: small                  the one used when none is named; or a list of them
 *	profiles:
 *	  small:
 *	    cpu: 100m                   a flag of create without its dashes
 *	    read-only: true
 *	    env: {CI: 1}                one that may be repeated takes a mapping
 *	    volume: [emptyDir:/cache]   or a list
 *
 * A file with anything else in it is refused whole, by line and word.
 */
#ifndef SBX_PLUGIN_CONFIG_H
#define SBX_PLUGIN_CONFIG_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define CONFIG_BYTES_MAX    (256 * 1024)
#define CONFIG_SETTINGS_MAX 10000
#define CONFIG_RESTRICTED   "restricted" /* the profile that is built in */

struct config_setting {
	char *name, *text;
};

struct config_profile {
	char *name;
	struct config_setting *settings;
	size_t count;
};

struct config {
	char **chosen; /* what "profile" says */
	size_t chosen_count;
	struct config_profile *profiles;
	size_t count;
	size_t settings_count; /* of all profiles */
	char *url_template;    /* or NULL */
};

/*
 * Any bytes are safe. -EINVAL: not this format, an unknown setting, a value that create would refuse;
 * err begins with "line N: ". -EMSGSIZE: too large. config_fini also after a failure.
 */
int config_parse(const char *bytes, size_t n, struct config *ret, struct err *err);
void config_fini(struct config *c);

/* NULL: no such profile. Borrowed. */
const struct config_profile *config_find(const struct config *c, const char *name);

/* The profiles that every sbx knows. */
extern const char config_builtin[];

#endif
