/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, prefixes and MACs: what parses prints canonically, and that parses to the same. */
#include <assert.h>
#include <string.h>

#include <bw/ip.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ip(const char *text)
{
	char s[BW_IP_STR_MAX];
	struct bw_ip ip;
	struct bw_ip again;
	struct bw_ip there;

	if (bw_ip_parse(text, &ip) < 0)
		return;
	assert(bw_ip_parse(bw_ip_str(&ip, s), &again) == 0 && bw_ip_eq(&ip, &again));
	there = ip;
	if (bw_ip_add(&there, 1) == 0) {
		assert(bw_ip_cmp(&ip, &there) < 0 && bw_ip_distance(&ip, &there) == 1);
		assert(bw_ip_add(&there, -1) == 0 && bw_ip_eq(&ip, &there));
	}
}

static void check_prefix(const char *text)
{
	char s[BW_PREFIX_STR_MAX];
	struct bw_prefix p;
	struct bw_prefix again;
	struct bw_ip first;
	struct bw_ip last;

	if (bw_prefix_parse(text, &p) < 0)
		return;
	assert(bw_prefix_parse(bw_prefix_str(&p, s), &again) == 0);
	assert(again.len == p.len && bw_ip_eq(&again.ip, &p.ip));
	first = bw_prefix_first(&p);
	last = bw_prefix_last(&p);
	assert(bw_ip_cmp(&first, &p.ip) <= 0 && bw_ip_cmp(&p.ip, &last) <= 0);
	assert(bw_prefix_contains(&p, &first) && bw_prefix_contains(&p, &last));
	assert(bw_prefix_has_host_bits(&p) == !bw_ip_eq(&first, &p.ip));
	if (bw_ip_add(&last, 1) == 0)
		assert(!bw_prefix_contains(&p, &last));
	if (bw_ip_add(&first, -1) == 0)
		assert(!bw_prefix_contains(&p, &first));
}

static void check_mac(const char *text)
{
	char s[BW_MAC_STR_MAX];
	struct bw_mac mac;
	struct bw_mac again;

	if (bw_mac_parse(text, &mac) == 0)
		assert(bw_mac_parse(bw_mac_str(&mac, s), &again) == 0 && bw_mac_eq(&mac, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autofree char *text = strndup((const char *)data, size);

	assert(text);
	check_ip(text);
	check_prefix(text);
	check_mac(text);
	return 0;
}
