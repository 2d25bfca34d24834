/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of devices. */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_nl;
struct bw_nl_batch;
struct nlmsghdr;

#define BW_ADDR_LABEL_MAX 15 /* IFNAMSIZ - 1 */
#define BW_ADDR_FOREVER 0xffffffffU /* seconds: INFINITY_LIFE_TIME, linux/if_addr.h */

struct bw_addr {
	int ifindex;
	struct bw_prefix prefix; /* the local address and its prefix length */
	struct bw_ip peer; /* of a point-to-point address; family 0 = none */
	struct bw_ip broadcast; /* IPv4; family 0 = none */
	uint8_t scope; /* RT_SCOPE_* */
	uint8_t proto; /* IFAPROT_*, 0 = not said (before Linux 5.18) */
	uint32_t flags; /* IFA_F_* */
	uint32_t metric; /* of its prefix route; 0 = the kernel's */
	uint32_t valid_s; /* BW_ADDR_FOREVER = for good */
	uint32_t preferred_s;
	char label[BW_ADDR_LABEL_MAX + 1]; /* IPv4; "" = none */
};

/* An address with nothing special about it; IPv6 without duplicate detection (IFA_F_NODAD). */
struct bw_addr bw_addr_plain(int ifindex, const struct bw_prefix *prefix);

/* Reads one RTM_NEWADDR. 0; -EPROTO. */
int bw_addr_parse(const struct nlmsghdr *nlh, struct bw_addr *ret);

/* Adds; fails with EEXIST. Flags the kernel keeps for itself (tentative, dadfailed...) are left
 * out. */
void bw_addr_put_add(struct bw_nl_batch *b, const struct bw_addr *a);

/* Adds, or changes the one that is there. */
void bw_addr_put_replace(struct bw_nl_batch *b, const struct bw_addr *a);

/* Removes; EADDRNOTAVAIL is tolerated. */
void bw_addr_put_del(struct bw_nl_batch *b, const struct bw_addr *a);

/* Addresses of one family (AF_UNSPEC = both) of one device (0 = all). */
struct bw_addr_visitor {
	void (*reset)(void *arg);
	int (*visit)(const struct bw_addr *addr, void *arg, struct bw_err *err);
	void *arg;
};
/* Return: 0, also when the device is gone; what @visit returned; -errno. */
int bw_addr_list(struct bw_nl *nl, int ifindex, int family, const struct bw_addr_visitor *v,
		 struct bw_err *err);
