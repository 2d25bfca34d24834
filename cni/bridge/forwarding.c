/* SPDX-License-Identifier: Apache-2.0 */
/* isGateway: the host forwards, each family only when it is the family's gateway. */
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <bw/err.h>
#include <bw/nl.h>
#include <bw/sysctl.h>

#include "add.h"

static const struct {
	int family;
	const char *path;
} table[] = {
	{ AF_INET, "ipv4/ip_forward" },
	{ AF_INET6, "ipv6/conf/all/forwarding" },
};

static int wanted(const struct bridge_add *add, int family)
{
	for (size_t i = 0; i < add->gateways.n; i++)
		if (add->gateways.at[i].ip.family == family)
			return 1;
	return 0;
}

static int take_reply(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	const struct nlattr *tb[NETCONFA_FORWARDING + 1];

	(void)err;
	bw_nl_attrs(nlh, sizeof(struct netconfmsg), tb, NETCONFA_FORWARDING);
	*(uint8_t *)arg = bw_nl_u32(tb[NETCONFA_FORWARDING], 0) != 0;
	return 0;
}

/* A message in a batch costs nothing, opening and writing a file three system calls. */
void bridge_forwarding_put_look(struct bridge_add *add, struct bw_nl_batch *b)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++) {
		struct netconfmsg head = { .ncm_family = (uint8_t)table[i].family };

		if (!wanted(add, table[i].family))
			continue;
		bw_nl_msg(b, RTM_GETNETCONF, 0, &head, sizeof(head), "read %s", table[i].path);
		bw_nl_put_u32(b, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
		bw_nl_on_reply(b, take_reply, &add->forwards[i]);
		/* then it is written, and that says what is wrong */
		bw_nl_tolerate(b, EINVAL);
		bw_nl_tolerate(b, EOPNOTSUPP);
	}
}

int bridge_forwarding_set(struct bridge_add *add, struct bw_err *err)
{
	int r = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(table) && r == 0; i++)
		if (wanted(add, table[i].family) && !add->forwards[i])
			r = bw_sysctl_set(err, "1", "%s", table[i].path);
	return r;
}
