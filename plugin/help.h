/*
 * Help, printed from the verbs' tables; 80 columns.
 */
#ifndef SBX_PLUGIN_HELP_H
#define SBX_PLUGIN_HELP_H

#include "plugin/verb.h"

#include <stdio.h>

void help_all(FILE *to, const char *program, const struct verb *const *verbs, size_t count);
void help_verb(FILE *to, const char *program, const struct verb *verb);

#endif
