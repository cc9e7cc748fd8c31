/*
 * Messages of a portforward: each is a length and so many bytes. What is given out are bytes of the message, and,
 * by channel, all but the port's number that stands before them.
 */
#include "common/kube/portchannel.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t came[2] = { 0 }, given[2] = { 0 };
	struct portchannel c;

	portchannel_init(&c, 8080);
	while (size && data[0] < size) {
		size_t n = *data++;
		struct portchannel_message m;
		int rc = portchannel_take(&c, data, n, &m);

		if (rc < 0)
			return 0;
		if (n)
			came[data[0] == 1] += n - 1;
		if (rc) {
			assert(m.n && m.n < n && m.data + m.n == data + n);
			assert(m.error == (data[0] == 1));
			given[m.error] += m.n;
		}
		data += n;
		size -= n + 1;
	}
	for (int i = 0; i < 2; i++)
		assert(given[i] == (came[i] > 2 ? came[i] - 2 : 0));
	return 0;
}
