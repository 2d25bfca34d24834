/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, prefixes and MACs as values. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <bw/ip.h>

static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

unsigned int bw_ip_bits(int family)
{
	return family == AF_INET6 ? 128 : 32;
}

size_t bw_ip_size(const struct bw_ip *ip)
{
	return ip->family == AF_INET6 ? 16 : 4;
}

const uint8_t *bw_ip_bytes(const struct bw_ip *ip)
{
	return ip->family == AF_INET6 ? ip->b : ip->b + 12;
}

struct bw_ip bw_ip_from_bytes(int family, const void *bytes)
{
	struct bw_ip ip = { .family = (uint8_t)family };

	if (family == AF_INET6) {
		memcpy(ip.b, bytes, 16);
	} else {
		memcpy(ip.b, v4_mapped, sizeof(v4_mapped));
		memcpy(ip.b + 12, bytes, 4);
	}
	return ip;
}

int bw_ip_parse(const char *s, struct bw_ip *ret)
{
	uint8_t raw[16];

	if (inet_pton(AF_INET, s, raw) == 1) {
		*ret = bw_ip_from_bytes(AF_INET, raw);
		return 0;
	}
	if (inet_pton(AF_INET6, s, raw) == 1 && memcmp(raw, v4_mapped, sizeof(v4_mapped)) != 0) {
		*ret = bw_ip_from_bytes(AF_INET6, raw);
		return 0;
	}
	return -EINVAL;
}

/* One to three digits without sign, space or leading zero, at most @max. */
static int parse_len(const char *s, unsigned int max, uint8_t *ret)
{
	unsigned int v = 0;
	size_t n = strlen(s);

	if (n < 1 || n > 3 || (n > 1 && s[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		v = v * 10 + (unsigned int)(s[i] - '0');
	}
	if (v > max)
		return -EINVAL;
	*ret = (uint8_t)v;
	return 0;
}

int bw_ip_or_prefix_parse(const char *s, struct bw_prefix *ret, int *ret_has_len)
{
	const char *slash = strchr(s, '/');
	char head[BW_IP_STR_MAX];
	struct bw_prefix p;

	if (!slash) {
		if (bw_ip_parse(s, &p.ip) < 0)
			return -EINVAL;
		p.len = (uint8_t)bw_ip_bits(p.ip.family);
		*ret = p;
		*ret_has_len = 0;
		return 0;
	}
	if ((size_t)(slash - s) >= sizeof(head))
		return -EINVAL;
	memcpy(head, s, (size_t)(slash - s));
	head[slash - s] = '\0';
	if (bw_ip_parse(head, &p.ip) < 0 ||
	    parse_len(slash + 1, bw_ip_bits(p.ip.family), &p.len) < 0)
		return -EINVAL;
	*ret = p;
	*ret_has_len = 1;
	return 0;
}

int bw_prefix_parse(const char *s, struct bw_prefix *ret)
{
	struct bw_prefix p;
	int has_len;

	if (bw_ip_or_prefix_parse(s, &p, &has_len) < 0 || !has_len)
		return -EINVAL;
	*ret = p;
	return 0;
}

const char *bw_ip_str(const struct bw_ip *ip, char out[BW_IP_STR_MAX])
{
	if (ip->family != AF_INET && ip->family != AF_INET6)
		memcpy(out, "-", 2);
	else
		(void)inet_ntop(ip->family, bw_ip_bytes(ip), out,
				BW_IP_STR_MAX); /* fits, ignoring */
	return out;
}

const char *bw_prefix_str(const struct bw_prefix *p, char out[BW_PREFIX_STR_MAX])
{
	char ip[BW_IP_STR_MAX];

	(void)snprintf(out, BW_PREFIX_STR_MAX, "%s/%u", bw_ip_str(&p->ip, ip),
		       p->len); /* fits, ignoring */
	return out;
}

int bw_ip_cmp(const struct bw_ip *a, const struct bw_ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, sizeof(a->b));
}

int bw_ip_eq(const struct bw_ip *a, const struct bw_ip *b)
{
	return bw_ip_cmp(a, b) == 0;
}

int bw_ip_add(struct bw_ip *ip, int64_t n)
{
	struct bw_ip r = *ip;
	size_t low = 16 - bw_ip_size(ip);
	int64_t carry = n;

	for (size_t i = 16; i-- > low && carry != 0;) {
		int64_t sum = (int64_t)r.b[i] + (carry & 0xff);

		r.b[i] = (uint8_t)(sum & 0xff);
		carry = (carry >> 8) + (sum >> 8);
	}
	if (carry != 0)
		return -EOVERFLOW;
	*ip = r;
	return 0;
}

uint64_t bw_ip_distance(const struct bw_ip *a, const struct bw_ip *b)
{
	unsigned __int128 x = 0;
	unsigned __int128 y = 0;

	assert(bw_ip_cmp(a, b) <= 0 && a->family == b->family);
	for (size_t i = 0; i < 16; i++) {
		x = x << 8 | a->b[i];
		y = y << 8 | b->b[i];
	}
	return y - x > UINT64_MAX ? UINT64_MAX : (uint64_t)(y - x);
}

/* Sets every host bit of the prefix to @fill (0x00 or 0xff). */
static struct bw_ip fill_host(const struct bw_prefix *p, uint8_t fill)
{
	struct bw_ip r = p->ip;
	unsigned int first_bit = 128 - bw_ip_bits(p->ip.family) + p->len;

	for (unsigned int i = 0; i < 16; i++) {
		unsigned int kept = first_bit > i * 8 ? first_bit - i * 8 : 0;
		uint8_t mask = kept >= 8 ? 0 : (uint8_t)(0xff >> kept);

		r.b[i] = (uint8_t)((r.b[i] & ~mask) | (fill & mask));
	}
	return r;
}

unsigned __int128 bw_ip_value(const struct bw_ip *ip)
{
	unsigned __int128 v = 0;

	for (size_t i = 0; i < sizeof(ip->b); i++)
		v = v << 8 | ip->b[i];
	return v;
}

struct bw_ip bw_ip_from_value(int family, unsigned __int128 value)
{
	struct bw_ip ip = { .family = (uint8_t)family };

	for (size_t i = sizeof(ip.b); i-- > 0; value >>= 8)
		ip.b[i] = (uint8_t)value;
	return ip;
}

struct bw_ip bw_prefix_first(const struct bw_prefix *p)
{
	return fill_host(p, 0x00);
}

struct bw_ip bw_prefix_last(const struct bw_prefix *p)
{
	return fill_host(p, 0xff);
}

int bw_prefix_contains(const struct bw_prefix *p, const struct bw_ip *ip)
{
	struct bw_ip first = bw_prefix_first(p);
	struct bw_ip last = bw_prefix_last(p);

	return ip->family == p->ip.family && bw_ip_cmp(&first, ip) <= 0 &&
	       bw_ip_cmp(ip, &last) <= 0;
}

int bw_prefix_has_host_bits(const struct bw_prefix *p)
{
	struct bw_ip first = bw_prefix_first(p);

	return !bw_ip_eq(&first, &p->ip);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int bw_mac_parse(const char *s, struct bw_mac *ret)
{
	struct bw_mac m;

	for (size_t i = 0; i < BW_MAC_SIZE; i++) {
		int hi = hex_digit(s[0]);
		int lo = hi < 0 ? -1 : hex_digit(s[1]);

		if (lo < 0)
			return -EINVAL;
		m.b[i] = (uint8_t)(hi << 4 | lo);
		s += 2;
		if (i + 1 < BW_MAC_SIZE && *s != ':' && *s != '-')
			return -EINVAL;
		if (i + 1 < BW_MAC_SIZE)
			s++;
	}
	if (*s)
		return -EINVAL;
	*ret = m;
	return 0;
}

const char *bw_mac_str(const struct bw_mac *m, char out[BW_MAC_STR_MAX])
{
	/* always fits, ignoring */
	(void)snprintf(out, BW_MAC_STR_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0], m->b[1],
		       m->b[2], m->b[3], m->b[4], m->b[5]);
	return out;
}

int bw_mac_eq(const struct bw_mac *a, const struct bw_mac *b)
{
	return memcmp(a->b, b->b, BW_MAC_SIZE) == 0;
}

int bw_mac_is_zero(const struct bw_mac *m)
{
	static const struct bw_mac zero;

	return bw_mac_eq(m, &zero);
}

int bw_mac_is_multicast(const struct bw_mac *m)
{
	return m->b[0] & 1;
}

#define FNV64_PRIME 0x100000001b3ULL /* draft-eastlake-fnv, "FNV primes" */
#define FNV32_PRIME 0x01000193U

uint64_t bw_fnv64(uint64_t h, const void *data, size_t size)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < size; i++)
		h = (h ^ p[i]) * FNV64_PRIME;
	return h;
}

uint32_t bw_fnv32(uint32_t h, const void *data, size_t size)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < size; i++)
		h = (h ^ p[i]) * FNV32_PRIME;
	return h;
}

/* First octets: locally administered, unicast; 02 and 06 keep the two families apart. */
#define MAC_FIRST_V4 0x02
#define MAC_FIRST_V6 0x06

struct bw_mac bw_mac_from_ip(const char *domain, const struct bw_ip *ip)
{
	struct bw_mac m;

	if (ip->family == AF_INET) {
		uint32_t h = bw_fnv32(BW_FNV32_BASIS, domain, strlen(domain));

		m.b[0] = MAC_FIRST_V4;
		m.b[1] = (uint8_t)((h >> 8 ^ h) & 0xff);
		memcpy(m.b + 2, bw_ip_bytes(ip), 4);
	} else {
		uint64_t h = bw_fnv64(BW_FNV64_BASIS, domain, strlen(domain) + 1);

		h = bw_fnv64(h, ip->b, sizeof(ip->b));
		m.b[0] = MAC_FIRST_V6;
		for (unsigned int i = 0; i < 5; i++)
			m.b[1 + i] = (uint8_t)(h >> (8 * (4 - i)));
	}
	return m;
}
