#include "common/base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <string.h>

#define BYTES_MAX 300

static void digest(const uint8_t *bytes, size_t n, size_t step, uint8_t ret[SHA256_BYTES])
{
	struct sha256 s;

	sha256_init(&s);
	for (size_t at = 0; at < n; at += step)
		sha256_add(&s, bytes + at, n - at < step ? n - at : step);
	sha256_end(&s, ret);
}

static void gives_the_standards_own_example(void **state)
{
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
		0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
		0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	uint8_t sum[SHA256_BYTES];

	digest((const uint8_t *)"abc", 3, 3, sum);
	assert_memory_equal(sum, abc, sizeof(abc));
}

static void agrees_with_openssl_at_each_length_and_in_pieces(void **state)
{
	static const size_t steps[] = { 1, 3, 63, 64, 65, BYTES_MAX };
	uint8_t bytes[BYTES_MAX], want[SHA256_BYTES], sum[SHA256_BYTES];

	for (size_t i = 0; i < BYTES_MAX; i++)
		bytes[i] = (uint8_t)(i * 167 + 13);
	for (size_t n = 0; n <= BYTES_MAX; n++) {
		assert_int_equal(EVP_Digest(bytes, n, want, NULL, EVP_sha256(), NULL), 1);
		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
			digest(bytes, n, steps[i], sum);
			assert_memory_equal(sum, want, sizeof(want));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_standards_own_example),
		cmocka_unit_test(agrees_with_openssl_at_each_length_and_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
