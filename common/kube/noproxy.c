#include "common/kube/noproxy.h"

#include "common/base/cleanup.h"
#include "common/base/wire.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define SEPARATORS ", \t"

struct address {
	uint8_t bytes[16];
	unsigned bits; /* 0: it is none */
};

static struct address address_of(const char *text)
{
	struct address a = { .bits = 0 };

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.bits = 32;
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.bits = 128;
	return a;
}

static bool in_network(const struct address *a, const struct address *net, unsigned bits)
{
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

	if (!a->bits || a->bits != net->bits || memcmp(a->bytes, net->bytes, bits / 8) != 0)
		return false;
	return !(bits % 8) || !((a->bytes[bits / 8] ^ net->bytes[bits / 8]) & mask);
}

/* item is cut to its address. */
static bool address_matches(char *item, const struct address *host)
{
	char *slash = strchr(item, '/');
	struct address net;
	uint64_t bits;

	if (slash)
		*slash = '\0';
	net = address_of(item);
	bits = net.bits;
	if (slash && parse_u64(slash + 1, net.bits, &bits) < 0)
		return false;
	return in_network(host, &net, (unsigned)bits);
}

static bool name_matches(const char *item, const char *host)
{
	size_t n, all = strlen(host);

	item += *item == '.';
	n = strlen(item);
	if (!n || n > all || strcasecmp(host + all - n, item) != 0)
		return false;
	return n == all || host[all - n - 1] == '.';
}

bool noproxy_has(const char *list, const char *host)
{
	struct address address = address_of(host);

	for (const char *at = list ? list : ""; *at; at += strspn(at, SEPARATORS)) {
		size_t n = strcspn(at, SEPARATORS);
		auto_free char *item = xstrndup(at, n);

		at += n;
		if (!strcmp(item, "*") ||
			(address.bits ? address_matches(item, &address) : name_matches(item, host)))
			return true;
	}
	return false;
}
