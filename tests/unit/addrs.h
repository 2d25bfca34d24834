/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as a test writes them. */
#pragma once

#include <bw/ip.h>

static inline struct bw_ip ip(const char *s)
{
	struct bw_ip r;

	assert_int_equal(bw_ip_parse(s, &r), 0);
	return r;
}

static inline struct bw_prefix prefix(const char *s)
{
	struct bw_prefix r;

	assert_int_equal(bw_prefix_parse(s, &r), 0);
	return r;
}
