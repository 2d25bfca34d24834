/* SPDX-License-Identifier: Apache-2.0 */
/* Bonds: the message that makes one, and what one is set to. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include <bw/bond.h>
#include <bw/err.h>
#include <bw/nl.h>

#define KIND "bond"

void bw_bond_put_new(struct bw_nl_batch *b, const struct bw_bond_new *n)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	uint32_t info, data;

	bw_nl_msg(b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi),
		  "create bond %s", n->name);
	bw_nl_put_str(b, IFLA_IFNAME, n->name);
	bw_nl_put(b, IFLA_ADDRESS, n->mac.b, BW_MAC_SIZE);
	if (n->mtu)
		bw_nl_put_u32(b, IFLA_MTU, n->mtu);
	info = bw_nl_nest(b, IFLA_LINKINFO | NLA_F_NESTED);
	bw_nl_put_str(b, IFLA_INFO_KIND, KIND);
	data = bw_nl_nest(b, IFLA_INFO_DATA | NLA_F_NESTED);
	bw_nl_put_u8(b, IFLA_BOND_MODE, n->options.mode);
	bw_nl_put_u32(b, IFLA_BOND_MIIMON, n->options.miimon);
	bw_nl_put_u8(b, IFLA_BOND_FAIL_OVER_MAC, n->options.fail_over_mac);
	bw_nl_nest_end(b, data);
	bw_nl_nest_end(b, info);
}

int bw_bond_parse(const struct nlmsghdr *nlh, struct bw_bond *ret)
{
	const struct nlattr *tb[IFLA_LINKINFO + 1];
	const struct nlattr *info[IFLA_INFO_DATA + 1];
	const struct nlattr *data[IFLA_BOND_FAIL_OVER_MAC + 1];
	char kind[sizeof(KIND) + 1] = "";

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return -EPROTO;
	bw_nl_attrs(nlh, sizeof(struct ifinfomsg), tb, IFLA_LINKINFO);
	bw_nl_attrs_nested(tb[IFLA_LINKINFO], 0, info, IFLA_INFO_DATA);
	bw_nl_str(info[IFLA_INFO_KIND], kind, sizeof(kind));
	if (strcmp(kind, KIND) != 0)
		return -EPROTO;
	bw_nl_attrs_nested(info[IFLA_INFO_DATA], 0, data, IFLA_BOND_FAIL_OVER_MAC);
	*ret = (struct bw_bond){
		.mode = bw_nl_u8(data[IFLA_BOND_MODE], 0),
		.fail_over_mac = bw_nl_u8(data[IFLA_BOND_FAIL_OVER_MAC], 0),
		.miimon = bw_nl_u32(data[IFLA_BOND_MIIMON], 0),
		.active = (int)bw_nl_u32(data[IFLA_BOND_ACTIVE_SLAVE], 0),
	};
	return 0;
}

static int on_bond(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	int r = bw_bond_parse(nlh, arg);

	return r < 0 ? bw_fail(err, -r, "read options of a bond") : 0;
}

int bw_bond_get(struct bw_nl *nl, int ifindex, struct bw_bond *ret, struct bw_err *err)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };

	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETLINK, 0, &ifi, sizeof(ifi), "get bond %d", ifindex);
	bw_nl_put_u32(&nl->once, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	bw_nl_on_reply(&nl->once, on_bond, ret);
	return bw_nl_talk(nl, &nl->once, err);
}
