/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648 section 4: certificates and keys in kubeconfig files. */
#include <string.h>

#include <bw/kube_base64.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int bw_kube_base64_decode(const char *text, size_t size, struct bw_buf *ret)
{
	size_t n = 0, pad = 0;
	uint32_t bits = 0;

	if (bw_buf_reserve(ret, size / 4 * 3 + 3) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++) {
		const char *digit;

		if (strchr(" \t\r\n", text[i]) && text[i])
			continue;
		if (text[i] == '=') {
			pad++;
			continue;
		}
		digit = text[i] ? strchr(digits, text[i]) : NULL;
		if (!digit || pad)
			return -EBADMSG;
		bits = bits << 6 | (uint32_t)(digit - digits);
		if (++n % 4 == 0) {
			char out[3] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };

			(void)bw_buf_append(ret, out, 3); /* reserved above, ignoring */
		}
	}
	if (n % 4 == 1 || (pad && (n + pad) % 4 != 0))
		return -EBADMSG;
	if (n % 4 != 0) {
		char out[2];

		bits <<= 6 * (4 - n % 4);
		out[0] = (char)(bits >> 16);
		out[1] = (char)(bits >> 8);
		(void)bw_buf_append(ret, out, n % 4 - 1); /* reserved above, ignoring */
	}
	return 0;
}

int bw_kube_base64_encode(const void *data, size_t size, struct bw_buf *ret)
{
	const unsigned char *p = data;

	if (bw_buf_reserve(ret, size / 3 * 4 + 4) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < size; i += 3) {
		size_t n = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
				(n > 2 ? p[i + 2] : 0);
		char out[4] = { digits[bits >> 18], digits[bits >> 12 & 63],
				n > 1 ? digits[bits >> 6 & 63] : '=',
				n > 2 ? digits[bits & 63] : '=' };

		(void)bw_buf_append(ret, out, 4); /* reserved above, ignoring */
	}
	return 0;
}
