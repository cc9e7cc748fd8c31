/*
 * A configuration file is taken whole or refused with a sentence; what is taken can be applied: each
 * setting is one of create's flags with a value that it takes.
 */
#include "plugin/config.h"
#include "plugin/wishopts.h"

#include <assert.h>
#include <stdint.h>

#define AT(member) offsetof(struct wish_opts, member)

static const struct opt opts[] = {
	WISH_SETTINGS(AT),
	{ NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(const struct config_profile *p)
{
	struct wish_opts o = WISH_DEFAULTS;

	for (size_t i = 0; i < p->count; i++)
		assert(opts_put(opts, &o, p->settings[i].name, p->settings[i].text, NULL) == 0);
	opts_fini(opts, &o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	struct err err = { 0 };
	int rc = config_parse((const char *)data, size, &c, &err);

	assert(rc == 0 || err.text[0]);
	assert(c.settings_count <= CONFIG_SETTINGS_MAX + 1);
	for (size_t i = 0; rc == 0 && i < c.count; i++)
		apply(&c.profiles[i]);
	config_fini(&c);
	return 0;
}
