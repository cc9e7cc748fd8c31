#include "plugin/local/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void put(struct buf *b, int field, const void *bytes, size_t n)
{
	buf_char(b, (char)(field << 3 | 2));
	assert_true(n < 128);
	buf_char(b, (char)n);
	buf_add(b, bytes, n);
}

static void put_text(struct buf *b, int field, const char *text)
{
	put(b, field, text, strlen(text));
}

static void put_number(struct buf *b, int field, int n)
{
	buf_char(b, (char)(field << 3));
	buf_char(b, (char)n);
}

static void envelope(struct buf *ret, const char *version, const char *kind, struct buf *raw)
{
	auto_buf meta = BUF_INIT(256);

	put_text(&meta, 1, version);
	put_text(&meta, 2, kind);
	buf_add(ret, "k8s", 4);
	put(ret, 1, meta.data, meta.len);
	put(ret, 2, raw->data, raw->len);
	put_text(ret, 3, "");
	put_text(ret, 4, "");
}

/* As "kubectl create secret generic" writes it. */
static void a_secret(struct buf *ret)
{
	auto_buf raw = BUF_INIT(256), meta = BUF_INIT(256), entry = BUF_INIT(256);

	put_text(&meta, 1, "se");
	put_text(&meta, 2, "");
	put_number(&meta, 7, 0);
	put_text(&meta, 8, "");
	put(&raw, 1, meta.data, meta.len);
	put_text(&entry, 1, "k");
	put(&entry, 2, "\0\1v", 3);
	put(&raw, 2, entry.data, entry.len);
	put_text(&raw, 3, "");
	put_number(&raw, 5, 0);
	envelope(ret, "v1", "Secret", &raw);
}

static void expect(const struct buf *bytes, const char *want)
{
	auto_json cJSON *got = NULL, *json = NULL;
	auto_free char *text = NULL;

	assert_int_equal(protobuf_decode(bytes->data, bytes->len, &got), 0);
	assert_int_equal(json_parse(want, strlen(want), &json), 0);
	text = cJSON_PrintUnformatted(got);
	if (!cJSON_Compare(got, json, true))
		fail_msg("got %s, wanted %s", text, want);
}

static void bytes_become_base64_and_what_is_not_set_is_absent(void **state)
{
	auto_buf bytes = BUF_INIT(1024);

	a_secret(&bytes);
	expect(&bytes, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"se\"},"
		       "\"data\":{\"k\":\"AAF2\"},\"immutable\":false}");
}

static void a_port_may_be_a_name(void **state)
{
	auto_buf bytes = BUF_INIT(1024), raw = BUF_INIT(256), spec = BUF_INIT(256),
		 port = BUF_INIT(256), target = BUF_INIT(256);

	put_number(&target, 1, 1);
	put_number(&target, 2, 0);
	put_text(&target, 3, "http");
	put_number(&port, 3, 80);
	put(&port, 4, target.data, target.len);
	put(&spec, 1, port.data, port.len);
	put(&raw, 2, spec.data, spec.len);
	envelope(&bytes, "v1", "Service", &raw);
	expect(&bytes, "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":{\"ports\":[{\"port\":"
		       "80,\"targetPort\":\"http\"}]}}");
}

static int decode(const struct buf *bytes)
{
	auto_json cJSON *json = NULL;

	return protobuf_decode(bytes->data, bytes->len, &json);
}

static void an_unknown_kind_or_field_is_refused(void **state)
{
	auto_buf bytes = BUF_INIT(1024), raw = BUF_INIT(256), other = BUF_INIT(1024);

	envelope(&bytes, "v1", "Nosuch", &raw);
	assert_int_equal(decode(&bytes), -ENOTSUP);
	put_text(&raw, 9, "x");
	envelope(&other, "v1", "ConfigMap", &raw);
	assert_int_equal(decode(&other), -ENOTSUP);
}

static void what_is_cut_off_or_changed_never_breaks_it(void **state)
{
	auto_buf bytes = BUF_INIT(1024);

	a_secret(&bytes);
	for (size_t n = 0; n < bytes.len; n++) {
		auto_json cJSON *json = NULL;
		auto_free char *copy = xcalloc(1, n ? n : 1);

		memcpy(copy, bytes.data, n);
		protobuf_decode(copy, n, &json);
	}
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		decode(&bytes);
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_become_base64_and_what_is_not_set_is_absent),
		cmocka_unit_test(a_port_may_be_a_name),
		cmocka_unit_test(an_unknown_kind_or_field_is_refused),
		cmocka_unit_test(what_is_cut_off_or_changed_never_breaks_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
