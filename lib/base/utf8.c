/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by the table of RFC 3629, section 4. */
#include <bw/utf8.h>

#include <string.h>

#include <bw/defs.h>

/* By the first byte: how many there are, and what the second may be; the others are 80 to bf. */
static const struct {
	unsigned char first_max;
	unsigned char size; /* 0 = begins nothing */
	unsigned char low, high;
} rows[] = {
	{ 0x7f, 1, 0, 0 },       { 0xc1, 0, 0, 0 },       { 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 3, 0xa0, 0xbf }, { 0xec, 3, 0x80, 0xbf }, { 0xed, 3, 0x80, 0x9f },
	{ 0xef, 3, 0x80, 0xbf }, { 0xf0, 4, 0x90, 0xbf }, { 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 4, 0x80, 0x8f }, { 0xff, 0, 0, 0 },
};

size_t bw_utf8_len(const void *text, size_t size)
{
	const unsigned char *p = text;
	size_t row = 0, n;

	if (size == 0)
		return 0;
	while (*p > rows[row].first_max)
		row++;
	n = rows[row].size;
	if (n > size || (n > 1 && (p[1] < rows[row].low || p[1] > rows[row].high)))
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void bw_utf8_mend(char *text)
{
	for (char *p = text; p && *p;) {
		size_t n = bw_utf8_len(p, strnlen(p, BW_UTF8_MAX));

		if (n == 0) {
			*p = '?';
			n = 1;
		}
		p += n;
	}
}
