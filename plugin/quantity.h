/*
 * Kubernetes quantities: "250m", "1.5", "256Mi", "2G", "1e3".
 */
#ifndef SBX_PLUGIN_QUANTITY_H
#define SBX_PLUGIN_QUANTITY_H

/* -EINVAL: not a quantity, or negative. The value is near enough for comparing, not for sums. */
int quantity_parse(const char *text, double *ret);

#endif
