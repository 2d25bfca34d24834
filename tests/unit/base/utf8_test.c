/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 against a decoder that is written from the definition of the code points, not of the bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bw/defs.h>
#include <bw/utf8.h>

#define CODE_MAX 0x10ffffU
#define SURROGATE_FIRST 0xd800U
#define SURROGATE_LAST 0xdfffU

/* Source: RFC 3629, section 3. */
static size_t encode(uint32_t code, size_t n, unsigned char *out)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; code >>= 6)
		out[i] = (unsigned char)(0x80 | (code & 0x3f));
	out[0] = (unsigned char)(lead[n] | code);
	return n;
}

static size_t shortest(uint32_t code)
{
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static void every_character_has_its_length(void **state)
{
	unsigned char text[BW_UTF8_MAX];

	(void)state;
	for (uint32_t code = 0; code <= CODE_MAX; code++) {
		size_t n = encode(code, shortest(code), text);
		size_t want = code >= SURROGATE_FIRST && code <= SURROGATE_LAST ? 0 : n;

		assert_int_equal(bw_utf8_len(text, n), want);
		assert_int_equal(bw_utf8_len(text, n - 1), 0); /* cut off */
	}
}

static void longer_forms_and_larger_codes_are_none(void **state)
{
	unsigned char text[BW_UTF8_MAX];

	(void)state;
	for (uint32_t code = 0; code < 0x10000; code++)
		for (size_t n = shortest(code) + 1; n <= BW_UTF8_MAX; n++)
			assert_int_equal(bw_utf8_len(text, encode(code, n, text)), 0);
	for (uint32_t code = CODE_MAX + 1; code < 0x200000; code++)
		assert_int_equal(bw_utf8_len(text, encode(code, 4, text)), 0);
}

static void other_bytes_are_none(void **state)
{
	(void)state;
	for (unsigned int c = 0x80; c <= 0xff; c++) {
		unsigned char text[] = { (unsigned char)c, 'a', 0x80, 0x80 };

		assert_int_equal(bw_utf8_len(text, sizeof(text)), 0);
	}
	assert_int_equal(bw_utf8_len("\xe2\x82z", 3), 0);
	assert_int_equal(bw_utf8_len("\xf0\x9f\x98z", 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_has_its_length),
		cmocka_unit_test(longer_forms_and_larger_codes_are_none),
		cmocka_unit_test(other_bytes_are_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
