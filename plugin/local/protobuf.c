#include "plugin/local/protobuf.h"
#include "common/base/base64.h"
#include "plugin/local/protofields.h"

#include <string.h>

#define DEPTH_MAX 12

struct reader {
	const uint8_t *at, *end;
};

struct value {
	int wire;
	uint64_t number;
	struct reader bytes;
};

static int read_varint(struct reader *r, uint64_t *ret)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		uint8_t byte = *r->at++;

		n |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*ret = n;
		return 0;
	}
	return -EBADMSG;
}

/* One field: 0, or -EBADMSG. Kubernetes uses the wire types 0 (varint) and 2 (bytes). */
static int read_field(struct reader *r, uint64_t *ret_number, struct value *ret)
{
	uint64_t tag, n;

	if (read_varint(r, &tag) < 0)
		return -EBADMSG;
	*ret_number = tag >> 3;
	*ret = (struct value){ .wire = tag & 7 };
	if (ret->wire == 0)
		return read_varint(r, &ret->number);
	if (ret->wire != 2 || read_varint(r, &n) < 0 || n > (uint64_t)(r->end - r->at))
		return -EBADMSG;
	ret->bytes = (struct reader){ r->at, r->at + n };
	r->at += n;
	return 0;
}

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

static int text_of(const struct reader *r, char **ret)
{
	if (memchr(r->at, 0, left(r)))
		return -EBADMSG;
	*ret = xstrndup((const char *)r->at, left(r));
	return 0;
}

static int read_message(struct reader r, const struct proto_field *fields, int depth, cJSON *into);

/* The only field of such a message, as text. NULL: absent. */
static int lone_text(struct reader r, uint64_t wanted, char **ret)
{
	struct value v;
	uint64_t number;

	while (left(&r)) {
		int rc = read_field(&r, &number, &v);

		if (rc == 0 && (number != wanted || v.wire != 2))
			rc = -ENOTSUP;
		free(*ret);
		*ret = NULL;
		if (rc == 0)
			rc = text_of(&v.bytes, ret);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int make_text(const struct value *v, cJSON **ret)
{
	auto_free char *text = NULL;
	int rc = text_of(&v->bytes, &text);

	*ret = rc < 0 ? NULL : cJSON_CreateString(text);
	return rc;
}

static int make_quantity(const struct value *v, cJSON **ret)
{
	auto_free char *text = NULL;
	int rc = lone_text(v->bytes, 1, &text);

	*ret = rc < 0 ? NULL : cJSON_CreateString(text ? text : "0");
	return rc;
}

static cJSON *make_bytes(const struct value *v)
{
	auto_buf text = BUF_INIT(8u << 20);

	base64_encode(v->bytes.at, left(&v->bytes), &text);
	return cJSON_CreateString(buf_text(&text));
}

/* type 0 is the number, 1 the text */
static int make_int_or_text(struct reader r, cJSON **ret)
{
	auto_free char *text = NULL;
	uint64_t number, type = 0, n = 0;
	struct value v;

	while (left(&r)) {
		int rc = read_field(&r, &number, &v);

		if (rc == 0 && number == 3 && v.wire == 2) {
			free(text);
			text = NULL;
			rc = text_of(&v.bytes, &text);
		} else if (rc == 0 && number == 1) {
			type = v.number;
		} else if (rc == 0) {
			n = v.number;
		}
		if (rc < 0)
			return rc;
	}
	*ret = type ? cJSON_CreateString(text ? text : "") : cJSON_CreateNumber((int32_t)n);
	return 0;
}

static int make_value(const struct proto_field *f, const struct value *v, int depth, cJSON **ret)
{
	bool is_number = f->type == PROTO_INT || f->type == PROTO_BOOL;

	if (is_number != (v->wire == 0))
		return -EBADMSG;
	switch (f->type) {
	case PROTO_INT:
		*ret = cJSON_CreateNumber((double)(int64_t)v->number);
		return 0;
	case PROTO_BOOL:
		*ret = cJSON_CreateBool(v->number != 0);
		return 0;
	case PROTO_TEXT:
		return make_text(v, ret);
	case PROTO_BYTES:
		*ret = make_bytes(v);
		return 0;
	case PROTO_QUANTITY:
		return make_quantity(v, ret);
	case PROTO_INT_OR_TEXT:
		return make_int_or_text(v->bytes, ret);
	case PROTO_MESSAGE:
		*ret = cJSON_CreateObject();
		return read_message(v->bytes, f->fields, depth + 1, *ret);
	}
	return -ENOTSUP;
}

/* An entry of a map is a message: 1 the key, 2 the value. */
static int put_entry(const struct proto_field *f, struct reader r, int depth, cJSON *map)
{
	auto_free char *key = xstrdup("");
	auto_json cJSON *value = NULL;
	uint64_t number;
	struct value v;

	while (left(&r)) {
		int rc = read_field(&r, &number, &v);

		if (rc == 0 && number == 1 && v.wire == 2) {
			free(key);
			key = NULL;
			rc = text_of(&v.bytes, &key);
		} else if (rc == 0 && number == 2) {
			cJSON_Delete(value);
			value = NULL;
			rc = make_value(f, &v, depth, &value);
		} else if (rc == 0) {
			rc = -ENOTSUP;
		}
		if (rc < 0)
			return rc;
	}
	json_put(map, key, value ? take_ptr(value) : cJSON_CreateString(""));
	return 0;
}

/* What Go writes for "not set": fields that are no pointers are always on the wire. */
static bool says_nothing(const struct proto_field *f, const cJSON *value)
{
	if (f->flags & PROTO_KEPT)
		return false;
	if (cJSON_IsString(value))
		return !*value->valuestring;
	if (cJSON_IsNumber(value))
		return value->valuedouble == 0;
	return cJSON_IsFalse(value) || (cJSON_IsObject(value) && !value->child);
}

static int put_field(const struct proto_field *f, const struct value *v, int depth, cJSON *into)
{
	auto_json cJSON *value = NULL;
	int rc;

	if (f->flags & PROTO_MAP)
		return v->wire == 2 ? put_entry(f, v->bytes, depth, json_object_at(into, f->name))
				    : -EBADMSG;
	rc = make_value(f, v, depth, &value);
	if (rc < 0)
		return rc;
	if (f->flags & PROTO_LIST)
		cJSON_AddItemToArray(json_array_at(into, f->name), take_ptr(value));
	else if (!says_nothing(f, value))
		json_put(into, f->name, take_ptr(value));
	return 0;
}

static int read_message(struct reader r, const struct proto_field *fields, int depth, cJSON *into)
{
	if (depth > DEPTH_MAX)
		return -EBADMSG;
	while (left(&r)) {
		const struct proto_field *f = fields;
		uint64_t number;
		struct value v;
		int rc = read_field(&r, &number, &v);

		if (rc < 0)
			return rc;
		while (f->name && f->number != number)
			f++;
		if (!f->name && v.wire == 2 && !left(&v.bytes))
			continue;
		rc = f->name ? put_field(f, &v, depth, into) : -ENOTSUP;
		if (rc < 0)
			return rc;
	}
	return 0;
}

int protobuf_decode(const void *bytes, size_t n, cJSON **ret)
{
	static const char magic[4] = "k8s";
	struct reader r = { (const uint8_t *)bytes + 4, (const uint8_t *)bytes + n };
	auto_json cJSON *envelope = cJSON_CreateObject(), *json = cJSON_CreateObject();
	const struct proto_field *fields;
	struct reader raw = { NULL, NULL };
	int rc = 0;

	if (n < 4 || memcmp(bytes, magic, 4) != 0)
		return -EBADMSG;
	while (rc == 0 && left(&r)) {
		uint64_t number;
		struct value v;

		rc = read_field(&r, &number, &v);
		if (rc == 0 && number == 2 && v.wire == 2)
			raw = v.bytes;
		else if (rc == 0 && number == 1 && v.wire == 2)
			rc = read_message(v.bytes, proto_type_meta, 0, envelope);
		else if (rc == 0 && (v.number || left(&v.bytes)))
			rc = -ENOTSUP;
	}
	if (rc < 0)
		return rc;
	fields = proto_fields_of(
		json_text_or(envelope, "apiVersion", ""), json_text_or(envelope, "kind", ""));
	if (!fields)
		return -ENOTSUP;
	json_put_text(json, "apiVersion", json_text(envelope, "apiVersion"));
	json_put_text(json, "kind", json_text(envelope, "kind"));
	rc = read_message(raw, fields, 0, json);
	if (rc == 0)
		*ret = take_ptr(json);
	return rc;
}
