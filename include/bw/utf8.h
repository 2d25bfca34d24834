/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: where characters end, and texts of unknown origin. */
#pragma once

#include <stddef.h>

/* Bytes of the longest sequence. Source: RFC 3629, section 3. */
#define BW_UTF8_MAX 4

/**
 * bw_utf8_len() - bytes of the character that stands at @text
 * @text: at least @size bytes; NUL is a character of one byte
 * @size: bytes that may be read
 *
 * Source: RFC 3629, section 4: no overlong form, no surrogate, nothing behind U+10FFFF.
 *
 * Return: 1 to BW_UTF8_MAX; 0 when no whole character stands there.
 */
size_t bw_utf8_len(const void *text, size_t size);

/* Replaces each byte of @text that belongs to no character by '?', in place. NULL-safe. */
void bw_utf8_mend(char *text);
