#include "common/kube/portchannel.h"

#include <errno.h>

#define CHANNEL_ERROR 1

void portchannel_init(struct portchannel *c, uint16_t port)
{
	*c = (struct portchannel){ .port = port };
}

/* However it is split. */
static int take_number(const struct portchannel *c, size_t *named, const uint8_t **bytes, size_t *n)
{
	for (; *named < sizeof(c->port) && *n; (*named)++, (*bytes)++, (*n)--)
		if (**bytes != (uint8_t)(c->port >> 8 * *named))
			return -EBADMSG;
	return 0;
}

int portchannel_take(
	struct portchannel *c, const void *message, size_t n, struct portchannel_message *ret)
{
	const uint8_t *bytes = message;
	uint8_t channel;

	if (!n)
		return 0;
	channel = *bytes++;
	n--;
	if (channel > CHANNEL_ERROR || take_number(c, &c->named[channel], &bytes, &n) < 0)
		return -EBADMSG;
	if (!n)
		return 0;
	*ret = (struct portchannel_message){ channel == CHANNEL_ERROR, bytes, n };
	return 1;
}
