/*
 * The family "tenant".
 */
#ifndef SBX_PLUGIN_TENANT_H
#define SBX_PLUGIN_TENANT_H

#include "plugin/verb.h"

extern const struct verb verb_tenant_ls, verb_tenant_rm;

#endif
