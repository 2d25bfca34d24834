/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink answers as the kernel writes them, for tests of parsers: VFs, names, RDMA devices. */
#pragma once

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>

#include <libmnl/libmnl.h>

#define REPLY_SIZE (1U << 18)
#define REPLY_UNKNOWN UINT32_MAX /* a setting the driver does not know */

/* One message being written. */
struct reply {
	_Alignas(8) unsigned char data[REPLY_SIZE];
	struct nlmsghdr *nlh;
};

/* What of a VF the kernel reports; the rest is 0. */
struct reply_vf {
	uint32_t index;
	uint8_t mac[6];
	uint32_t vlan;
	uint32_t qos;
	uint16_t proto; /* host order */
	uint32_t min_tx_rate;
	uint32_t max_tx_rate;
	uint32_t spoofchk;
	uint32_t link_state;
	uint32_t rss_query;
	uint32_t trust;
};

static inline void reply_begin(struct reply *r, uint16_t type, const void *head, size_t size)
{
	memset(r->data, 0, sizeof(r->data));
	r->nlh = mnl_nlmsg_put_header(r->data);
	r->nlh->nlmsg_type = type;
	if (size)
		memcpy(mnl_nlmsg_put_extra_header(r->nlh, size), head, size);
}

static inline void reply_link(struct reply *r, int ifindex, const char *name)
{
	struct ifinfomsg ifi = { .ifi_index = ifindex, .ifi_flags = 0x1003, .ifi_type = 1 };

	reply_begin(r, RTM_NEWLINK, &ifi, sizeof(ifi));
	mnl_attr_put_strz(r->nlh, IFLA_IFNAME, name);
}

/* libmnl's own nest_end() would be the same, but for lengths above 64 KiB. */
static inline void reply_nest_end(struct reply *r, struct nlattr *nest)
{
	nest->nla_len = (uint16_t)((unsigned char *)mnl_nlmsg_get_payload_tail(r->nlh) -
				   (unsigned char *)nest);
}

static inline void reply_word(struct reply *r, uint16_t type, uint32_t vf, uint32_t setting)
{
	uint32_t w[2] = { vf, setting };

	mnl_attr_put(r->nlh, type, sizeof(w), w);
}

/* In the order of rtnl_fill_vfinfo(), net/core/rtnetlink.c of Linux 6.12, without statistics. */
static inline void reply_vf(struct reply *r, const struct reply_vf *v)
{
	struct ifla_vf_mac mac = { .vf = v->index };
	struct ifla_vf_broadcast broadcast;
	struct ifla_vf_vlan vlan = { v->index, v->vlan, v->qos };
	struct ifla_vf_vlan_info info;
	struct ifla_vf_rate rate = { v->index, v->min_tx_rate, v->max_tx_rate };
	struct nlattr *vf = mnl_attr_nest_start(r->nlh, IFLA_VF_INFO);
	struct nlattr *list;

	vf->nla_type = IFLA_VF_INFO; /* the kernel's has no NLA_F_NESTED */
	memset(&info, 0, sizeof(info));
	info.vf = v->index;
	info.vlan = v->vlan;
	info.qos = v->qos;
	info.vlan_proto = htons(v->proto);
	memcpy(mac.mac, v->mac, sizeof(v->mac));
	memset(broadcast.broadcast, 0xff, 6);
	memset(broadcast.broadcast + 6, 0, sizeof(broadcast.broadcast) - 6);
	mnl_attr_put(r->nlh, IFLA_VF_MAC, sizeof(mac), &mac);
	mnl_attr_put(r->nlh, IFLA_VF_BROADCAST, sizeof(broadcast), &broadcast);
	mnl_attr_put(r->nlh, IFLA_VF_VLAN, sizeof(vlan), &vlan);
	mnl_attr_put(r->nlh, IFLA_VF_RATE, sizeof(rate), &rate);
	reply_word(r, IFLA_VF_TX_RATE, v->index, v->max_tx_rate);
	reply_word(r, IFLA_VF_SPOOFCHK, v->index, v->spoofchk);
	reply_word(r, IFLA_VF_LINK_STATE, v->index, v->link_state);
	reply_word(r, IFLA_VF_RSS_QUERY_EN, v->index, v->rss_query);
	reply_word(r, IFLA_VF_TRUST, v->index, v->trust);
	list = mnl_attr_nest_start(r->nlh, IFLA_VF_VLAN_LIST);
	list->nla_type = IFLA_VF_VLAN_LIST;
	mnl_attr_put(r->nlh, IFLA_VF_VLAN_INFO, sizeof(info), &info);
	reply_nest_end(r, list);
	reply_nest_end(r, vf);
}

/* A VF like no other: every value follows from the index. */
static inline struct reply_vf reply_vf_nth(uint32_t i)
{
	return (struct reply_vf){ .index = i,
				  .mac = { 2, 0, 0, 1, (uint8_t)(i >> 8), (uint8_t)i },
				  .vlan = i % 4095,
				  .qos = i % 8,
				  .proto = i % 3 ? 0x8100 : 0x88a8,
				  .min_tx_rate = i,
				  .max_tx_rate = 2 * i + 1,
				  .spoofchk = i % 2,
				  .link_state = i % 3,
				  .rss_query = i % 5 ? REPLY_UNKNOWN : i % 2,
				  .trust = i % 7 ? i % 2 : REPLY_UNKNOWN };
}

/* A PF that has @num VFs of which the driver describes @described; something follows the list. */
static inline void reply_pf(struct reply *r, uint32_t num, uint32_t described)
{
	struct nlattr *list;

	reply_link(r, 7, "pf0");
	mnl_attr_put_u32(r->nlh, IFLA_NUM_VF, num);
	list = mnl_attr_nest_start(r->nlh, IFLA_VFINFO_LIST);
	list->nla_type = IFLA_VFINFO_LIST;
	for (uint32_t i = 0; i < described; i++) {
		struct reply_vf v = reply_vf_nth(i);

		reply_vf(r, &v);
	}
	reply_nest_end(r, list);
	mnl_attr_put_strz(r->nlh, IFLA_PARENT_DEV_NAME, "0000:01:00.0");
	mnl_attr_put_strz(r->nlh, IFLA_PARENT_DEV_BUS_NAME, "pci");
}

/* The same with other names. */
static inline void reply_names(struct reply *r, const char *const *names, size_t n)
{
	struct nlattr *list;

	reply_link(r, 8, "enp1s0v0");
	list = mnl_attr_nest_start(r->nlh, IFLA_PROP_LIST);
	for (size_t i = 0; i < n; i++)
		mnl_attr_put_strz(r->nlh, IFLA_ALT_IFNAME, names[i]);
	mnl_attr_nest_end(r->nlh, list);
	mnl_attr_put_strz(r->nlh, IFLA_PARENT_DEV_NAME, "0000:01:10.0");
	mnl_attr_put_strz(r->nlh, IFLA_PARENT_DEV_BUS_NAME, "pci");
}
