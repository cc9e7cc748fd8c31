/*
 * The flags by which ls and get are told how to print.
 */
#ifndef SBX_PLUGIN_SHOWOPTS_H
#define SBX_PLUGIN_SHOWOPTS_H

#include "plugin/opts.h"
#include "plugin/show.h"

struct showopts {
	const char *output;
	bool no_headers, all_labels;
	struct opt_list labels;
};

#define SHOW_OPTS(at)                                                                              \
	{ "output", 'o', OPT_TEXT, "FORMAT", SHOW_FORMATS,                                         \
		at + offsetof(struct showopts, output) },                                          \
		{ "no-headers", 0, OPT_BOOL, NULL, "rows alone",                                   \
			at + offsetof(struct showopts, no_headers) },                              \
		{ "show-labels", 0, OPT_BOOL, NULL, "all labels in a last column",                 \
			at + offsetof(struct showopts, all_labels) },                              \
	{                                                                                          \
		"label-columns", 'L', OPT_LIST, "LABEL,...", "a column for each of these labels",  \
			at + offsetof(struct showopts, labels)                                     \
	}

/* What they mean, into show. show_parse's errors. */
int showopts_use(const struct showopts *o, struct show *show, struct err *err);

#endif
