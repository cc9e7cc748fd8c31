#include "plugin/local/channel.h"
#include "common/base/base64.h"
#include "common/base/wire.h"
#include "plugin/local/json.h"

static const struct protocol protocols[] = {
	{ "v5.channel.k8s.io", false, true, true },
	{ "v4.channel.k8s.io", false, true, false },
	{ "v4.base64.channel.k8s.io", true, true, false },
	{ "channel.k8s.io", false, false, false },
	{ "base64.channel.k8s.io", true, false, false },
};

const struct protocol *protocol_nth(size_t i)
{
	return i < sizeof(protocols) / sizeof(protocols[0]) ? &protocols[i] : NULL;
}

static const struct protocol *find(const char *name, size_t n)
{
	for (size_t i = 0; protocol_nth(i); i++)
		if (strlen(protocols[i].name) == n && !memcmp(protocols[i].name, name, n))
			return &protocols[i];
	return NULL;
}

const struct protocol *protocol_named(const char *name)
{
	return find(name, strlen(name));
}

const struct protocol *protocol_choose(const char *offered)
{
	while (*offered) {
		const struct protocol *p;
		size_t n;

		offered += strspn(offered, ", \t");
		n = strcspn(offered, ", \t");
		p = find(offered, n);
		if (p)
			return p;
		offered += n;
	}
	return NULL;
}

int channel_decode_text(const char *text, size_t n, uint8_t *ret_channel, struct buf *ret)
{
	int rc;

	if (!n || *text < '0' || *text > '9')
		return -EBADMSG;
	rc = base64_decode(text + 1, n - 1, ret);
	if (rc < 0)
		return -EBADMSG;
	*ret_channel = (uint8_t)(*text - '0');
	return 0;
}

void channel_encode_text(uint8_t channel, const void *bytes, size_t n, struct buf *ret)
{
	buf_char(ret, (char)('0' + channel));
	base64_encode(bytes, n, ret);
}

int channel_parse_resize(const char *text, size_t n, uint16_t *ret_columns, uint16_t *ret_rows)
{
	auto_json cJSON *json = NULL;
	int64_t columns, rows;

	if (json_parse(text, n, &json) < 0)
		return -EBADMSG;
	columns = json_int(json, "Width", -1);
	rows = json_int(json, "Height", -1);
	if (columns < 0 || columns > UINT16_MAX || rows < 0 || rows > UINT16_MAX)
		return -EBADMSG;
	*ret_columns = (uint16_t)columns;
	*ret_rows = (uint16_t)rows;
	return 0;
}
