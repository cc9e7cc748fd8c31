#include "plugin/ports.h"

#include "common/base/buf.h"
#include "common/base/wire.h"

#include <errno.h>
#include <string.h>

/* What stands before its "/"; *ret_udp: what it says behind that. NULL: neither tcp nor udp. */
static char *cut_protocol(const char *word, bool *ret_udp)
{
	size_t n = strcspn(word, "/");

	*ret_udp = !strcmp(word + n, "/udp") || !strcmp(word + n, "/UDP");
	if (word[n] && !*ret_udp && strcmp(word + n, "/tcp") && strcmp(word + n, "/TCP"))
		return NULL;
	return xstrndup(word, n);
}

static int number(const char *text, bool any, uint16_t *ret)
{
	uint64_t n;

	if (parse_u64(text, UINT16_MAX, &n) < 0 || (!n && !any))
		return -EINVAL;
	*ret = (uint16_t)n;
	return 0;
}

int port_parse_forward(const char *word, struct port *ret, struct err *err)
{
	struct port p = { 0 };
	auto_free char *plain = cut_protocol(word, &p.udp);
	char *colon = plain ? strchr(plain, ':') : NULL;
	int rc = plain ? 0 : -EINVAL;

	if (p.udp)
		return err_set(err, -EPROTONOSUPPORT,
			"%.60s: UDP cannot be forwarded, only TCP; inside the cluster \"expose\" "
			"serves UDP too",
			word);
	if (colon)
		*colon = '\0';
	if (!rc)
		rc = number(colon ? colon + 1 : plain, false, &p.there);
	p.here = colon ? 0 : p.there;
	if (!rc && colon && *plain)
		rc = number(plain, true, &p.here);
	if (rc < 0)
		return err_set(err, rc,
			"a port is PORT, LOCAL:PORT or :PORT, from 1 to 65535, not \"%.60s\"",
			word);
	*ret = p;
	return 0;
}

int port_parse_service(const char *word, struct port *ret, struct err *err)
{
	struct port p = { 0 };
	auto_free char *plain = cut_protocol(word, &p.udp);
	char *colon = plain ? strchr(plain, ':') : NULL;
	int rc = plain ? 0 : -EINVAL;

	if (colon)
		*colon = '\0';
	if (!rc)
		rc = number(plain, false, &p.here);
	p.there = p.here;
	if (!rc && colon)
		rc = number(colon + 1, false, &p.there);
	if (rc < 0)
		return err_set(err, rc,
			"a port is PORT or PORT:TARGET, from 1 to 65535, maybe with /udp, not "
			"\"%.60s\"",
			word);
	*ret = p;
	return 0;
}
