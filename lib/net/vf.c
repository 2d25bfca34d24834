/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual functions: reading them out of their PF's description, messages that set them. */
#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include <bw/err.h>
#include <bw/nl.h>
#include <bw/vf.h>

#define UNKNOWN UINT32_MAX /* what the kernel writes before it asks the driver */

static_assert(BW_VF_LINK_AUTO == (int)IFLA_VF_LINK_STATE_AUTO, "linux/if_link.h");
static_assert(BW_VF_LINK_ENABLE == (int)IFLA_VF_LINK_STATE_ENABLE, "linux/if_link.h");
static_assert(BW_VF_LINK_DISABLE == (int)IFLA_VF_LINK_STATE_DISABLE, "linux/if_link.h");

static const char *const link_states[] = {
	[BW_VF_LINK_AUTO] = "auto",
	[BW_VF_LINK_ENABLE] = "enable",
	[BW_VF_LINK_DISABLE] = "disable",
};
static_assert(BW_ARRAY_SIZE(link_states) == BW_VF_LINK_MAX_, "a link state without a name");

const char *bw_vf_link_state_str(enum bw_vf_link_state state)
{
	return (unsigned int)state < BW_VF_LINK_MAX_ ? link_states[state] : "unknown";
}

/*
 * Settings whose struct is { vf, setting }: ifla_vf_spoofchk, _trust, _rss_query_en, _link_state
 * of linux/if_link.h.
 */
struct vf_word {
	uint32_t vf;
	uint32_t setting;
};
static_assert(sizeof(struct vf_word) == sizeof(struct ifla_vf_spoofchk), "linux/if_link.h");
static_assert(sizeof(struct vf_word) == sizeof(struct ifla_vf_trust), "linux/if_link.h");
static_assert(sizeof(struct vf_word) == sizeof(struct ifla_vf_rss_query_en), "linux/if_link.h");
static_assert(sizeof(struct vf_word) == sizeof(struct ifla_vf_link_state), "linux/if_link.h");

static void read_mac(const struct nlattr *a, struct bw_vf *v)
{
	struct ifla_vf_mac m;

	if (!bw_nl_bytes(a, &m, sizeof(m)))
		return;
	v->index = m.vf;
	memcpy(v->mac.b, m.mac, BW_MAC_SIZE);
	v->has |= BW_VF_HAS_MAC;
}

static void read_vlan(const struct nlattr *const *tb, struct bw_vf *v)
{
	const struct nlattr *list[IFLA_VF_VLAN_INFO + 1];
	struct ifla_vf_vlan_info i;
	struct ifla_vf_vlan old;

	if (bw_nl_bytes(tb[IFLA_VF_VLAN], &old, sizeof(old))) {
		v->vlan = (uint16_t)old.vlan;
		v->qos = (uint8_t)old.qos;
		v->proto = BW_VF_PROTO_8021Q;
		v->has |= BW_VF_HAS_VLAN;
	}
	/* The list says the same and the protocol. */
	bw_nl_attrs_nested(tb[IFLA_VF_VLAN_LIST], 0, list, IFLA_VF_VLAN_INFO);
	if (bw_nl_bytes(list[IFLA_VF_VLAN_INFO], &i, sizeof(i))) {
		v->vlan = (uint16_t)i.vlan;
		v->qos = (uint8_t)i.qos;
		v->proto = ntohs(i.vlan_proto);
		v->has |= BW_VF_HAS_VLAN;
	}
}

static void read_rate(const struct nlattr *a, struct bw_vf *v)
{
	struct ifla_vf_rate r;

	if (!bw_nl_bytes(a, &r, sizeof(r)))
		return;
	v->min_tx_rate = r.min_tx_rate;
	v->max_tx_rate = r.max_tx_rate;
	v->has |= BW_VF_HAS_RATE;
}

/* Whether the driver knows the setting; then it is in @ret. */
static unsigned int read_word(const struct nlattr *a, unsigned int bit, uint32_t *ret)
{
	struct vf_word w;

	if (!bw_nl_bytes(a, &w, sizeof(w)) || w.setting == UNKNOWN)
		return 0;
	*ret = w.setting;
	return bit;
}

static void read_vf(const struct nlattr *info, struct bw_vf *ret)
{
	const struct nlattr *tb[IFLA_VF_VLAN_LIST + 1];
	struct bw_vf v = { 0 };
	uint32_t spoofchk = 0;
	uint32_t trust = 0;
	uint32_t rss = 0;
	uint32_t state = 0;

	bw_nl_attrs_nested(info, 0, tb, IFLA_VF_VLAN_LIST);
	read_mac(tb[IFLA_VF_MAC], &v);
	read_vlan(tb, &v);
	read_rate(tb[IFLA_VF_RATE], &v);
	v.has |= read_word(tb[IFLA_VF_SPOOFCHK], BW_VF_HAS_SPOOFCHK, &spoofchk);
	v.has |= read_word(tb[IFLA_VF_TRUST], BW_VF_HAS_TRUST, &trust);
	v.has |= read_word(tb[IFLA_VF_RSS_QUERY_EN], BW_VF_HAS_RSS_QUERY, &rss);
	v.has |= read_word(tb[IFLA_VF_LINK_STATE], BW_VF_HAS_LINK_STATE, &state);
	v.spoofchk = spoofchk != 0;
	v.trust = trust != 0;
	v.rss_query = rss != 0;
	if (state < BW_VF_LINK_MAX_)
		v.link_state = (enum bw_vf_link_state)state;
	else
		v.has &= ~BW_VF_HAS_LINK_STATE;
	*ret = v;
}

/* Where the VFs stand in their PF's description. */
struct vfs {
	const unsigned char *p;
	size_t left; /* bytes to the end of the message */
	size_t said; /* bytes of the list, as its length says */
	uint32_t num;
	int cut; /* the message ends within an attribute before the list's end */
};

/*
 * The number comes before the list. What follows the list is not looked at: with a length that
 * wrapped it would be read from the middle of a VF.
 */
static struct vfs find_vfs(const struct nlmsghdr *nlh)
{
	struct vfs v = { 0 };
	size_t left;
	const unsigned char *p = bw_nl_attrs_of(nlh, sizeof(struct ifinfomsg), &left);
	const unsigned char *end = p + left;
	const struct nlattr *a;

	while ((a = bw_nl_next_attr(&p, &left))) {
		if (mnl_attr_get_type(a) == IFLA_NUM_VF)
			v.num = bw_nl_u32(a, 0);
		if (mnl_attr_get_type(a) != IFLA_VFINFO_LIST)
			continue;
		v.p = mnl_attr_get_payload(a);
		v.left = (size_t)(end - v.p);
		v.said = mnl_attr_get_payload_len(a);
		return v;
	}
	v.cut = left > 0;
	return v;
}

/*
 * A list of more than 64 KiB (334 VFs of 196 bytes) has a length that wrapped: only 16 bits count.
 * The VFs are there all the same, so they are read on while there should be more; no other
 * attribute that follows a list has the type of a VF.
 */
static int read_list(struct vfs *v, bw_vf_fn fn, void *arg, struct bw_err *err)
{
	const unsigned char *said = v->p + v->said;

	for (uint32_t n = 0; n < v->num && v->left; n++) {
		const struct nlattr *a = bw_nl_next_attr(&v->p, &v->left);
		struct bw_vf vf = { 0 };
		int r;

		if (a && mnl_attr_get_type(a) != IFLA_VF_INFO && (const unsigned char *)a >= said)
			return 0;
		if (a && mnl_attr_get_type(a) == IFLA_VF_INFO)
			read_vf(a, &vf);
		/* Every driver has a MAC for a VF, and the index is in that attribute. */
		if (!a || mnl_attr_get_type(a) != IFLA_VF_INFO || !(vf.has & BW_VF_HAS_MAC))
			return bw_fail(err, EPROTO, "read description of VFs: the list is cut");
		r = fn(&vf, arg, err);
		if (r)
			return r;
	}
	return 0;
}

int bw_vf_parse(const struct nlmsghdr *nlh, uint32_t *ret_num, bw_vf_fn fn, void *arg,
		struct bw_err *err)
{
	struct vfs v;
	int r = 0;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return bw_fail(err, EPROTO, "read description of VFs");
	v = find_vfs(nlh);
	if (v.cut)
		return bw_fail(err, EPROTO, "read description of VFs: the message is cut");
	if (v.p)
		r = read_list(&v, fn, arg, err);
	if (r == 0)
		*ret_num = v.num;
	return r;
}

struct list {
	bw_vf_fn fn;
	void *arg;
	uint32_t num;
};

static int on_pf(const struct nlmsghdr *nlh, void *arg, struct bw_err *err)
{
	struct list *l = arg;

	return bw_vf_parse(nlh, &l->num, l->fn, l->arg, err);
}

int bw_vf_list(struct bw_nl *nl, int pf_ifindex, bw_vf_fn fn, void *arg, struct bw_err *err)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = pf_ifindex };
	struct list l = { fn, arg, 0 };
	int r;

	bw_nl_batch_init(&nl->once);
	bw_nl_msg(&nl->once, RTM_GETLINK, 0, &ifi, sizeof(ifi), "get VFs of device %d", pf_ifindex);
	bw_nl_put_u32(&nl->once, IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
	bw_nl_on_reply(&nl->once, on_pf, &l);
	r = bw_nl_talk_big(nl, &nl->once, err);
	return r ? r : (int)l.num;
}

struct one {
	uint32_t index;
	int found;
	struct bw_vf vf;
};

static int on_vf(const struct bw_vf *vf, void *arg, struct bw_err *err)
{
	struct one *o = arg;

	(void)err;
	if (vf->index == o->index) {
		o->found = 1;
		o->vf = *vf;
	}
	return 0;
}

int bw_vf_get(struct bw_nl *nl, int pf_ifindex, uint32_t index, struct bw_vf *ret,
	      struct bw_err *err)
{
	struct one o = { .index = index };
	int num = bw_vf_list(nl, pf_ifindex, on_vf, &o, err);

	if (num < 0)
		return num;
	if (!o.found && index < (uint32_t)num)
		return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
				 "the driver of device %d does not describe its VF %u", pf_ifindex,
				 index);
	if (!o.found)
		return bw_reject(err, BW_ERR_BUSY, ERANGE, "device %d has no VF %u, only %d",
				 pf_ifindex, index, num);
	*ret = o.vf;
	return 0;
}

static int out_of(struct bw_err *err, const char *what, uint32_t got, uint32_t max)
{
	return bw_reject(err, BW_ERR_INVALID, ERANGE, "%s: expected at most %u, got %u", what, max,
			 got);
}

int bw_vf_check(const struct bw_vf *vf, unsigned int what, struct bw_err *err)
{
	if (vf->index > BW_VF_INDEX_MAX)
		return out_of(err, "VF index", vf->index, BW_VF_INDEX_MAX);
	if (what & BW_VF_SET_MAC && bw_mac_is_multicast(&vf->mac))
		return bw_reject(err, BW_ERR_INVALID, ERANGE, "mac: a multicast address");
	if (what & BW_VF_SET_VLAN) {
		if (vf->vlan > BW_VF_VLAN_MAX)
			return out_of(err, "vlan", vf->vlan, BW_VF_VLAN_MAX);
		if (vf->qos > BW_VF_QOS_MAX)
			return out_of(err, "vlanQoS", vf->qos, BW_VF_QOS_MAX);
		if (vf->proto && vf->proto != BW_VF_PROTO_8021Q && vf->proto != BW_VF_PROTO_8021AD)
			return bw_reject(err, BW_ERR_INVALID, ERANGE,
					 "vlanProto: expected 802.1q or 802.1ad, got 0x%04x",
					 vf->proto);
	}
	if (what & BW_VF_SET_RATE && vf->min_tx_rate > BW_VF_RATE_MAX)
		return out_of(err, "min_tx_rate", vf->min_tx_rate, BW_VF_RATE_MAX);
	if (what & BW_VF_SET_RATE && vf->max_tx_rate > BW_VF_RATE_MAX)
		return out_of(err, "max_tx_rate", vf->max_tx_rate, BW_VF_RATE_MAX);
	/* 0 is no limit. */
	if (what & BW_VF_SET_RATE && vf->max_tx_rate && vf->min_tx_rate > vf->max_tx_rate)
		return bw_reject(err, BW_ERR_INVALID, ERANGE,
				 "min_tx_rate: expected at most max_tx_rate (%u), got %u",
				 vf->max_tx_rate, vf->min_tx_rate);
	if (what & BW_VF_SET_LINK_STATE && (unsigned int)vf->link_state >= BW_VF_LINK_MAX_)
		return out_of(err, "link_state", (uint32_t)vf->link_state, BW_VF_LINK_MAX_ - 1);
	if (what & ~BW_VF_ALL)
		return bw_reject(err, BW_ERR_INTERNAL, ERANGE, "VF setting 0x%x is not known",
				 what & ~BW_VF_ALL);
	return 0;
}

static void put_word(struct bw_nl_batch *b, uint16_t type, uint32_t index, uint32_t setting)
{
	struct vf_word w = { index, setting };

	bw_nl_put(b, type, &w, sizeof(w));
}

static void put_mac(struct bw_nl_batch *b, const struct bw_vf *v)
{
	struct ifla_vf_mac m = { .vf = v->index };

	memcpy(m.mac, v->mac.b, BW_MAC_SIZE);
	bw_nl_put(b, IFLA_VF_MAC, &m, sizeof(m));
}

static void put_vlan(struct bw_nl_batch *b, const struct bw_vf *v)
{
	struct ifla_vf_vlan old = { v->index, v->vlan, v->qos };
	struct ifla_vf_vlan_info i;
	uint32_t list;

	if (v->proto != BW_VF_PROTO_8021AD) {
		bw_nl_put(b, IFLA_VF_VLAN, &old, sizeof(old));
		return;
	}
	memset(&i, 0, sizeof(i)); /* its padding goes too */
	i.vf = v->index;
	i.vlan = v->vlan;
	i.qos = v->qos;
	i.vlan_proto = htons(v->proto);
	list = bw_nl_nest(b, IFLA_VF_VLAN_LIST | NLA_F_NESTED);
	bw_nl_put(b, IFLA_VF_VLAN_INFO, &i, sizeof(i));
	bw_nl_nest_end(b, list);
}

static void put_rate(struct bw_nl_batch *b, const struct bw_vf *v)
{
	struct ifla_vf_rate r = { v->index, v->min_tx_rate, v->max_tx_rate };

	bw_nl_put(b, IFLA_VF_RATE, &r, sizeof(r));
}

static void put_spoofchk(struct bw_nl_batch *b, const struct bw_vf *v)
{
	put_word(b, IFLA_VF_SPOOFCHK, v->index, v->spoofchk != 0);
}

static void put_link_state(struct bw_nl_batch *b, const struct bw_vf *v)
{
	put_word(b, IFLA_VF_LINK_STATE, v->index, (uint32_t)v->link_state);
}

static void put_rss_query(struct bw_nl_batch *b, const struct bw_vf *v)
{
	put_word(b, IFLA_VF_RSS_QUERY_EN, v->index, v->rss_query != 0);
}

static void put_trust(struct bw_nl_batch *b, const struct bw_vf *v)
{
	put_word(b, IFLA_VF_TRUST, v->index, v->trust != 0);
}

static int mac_differs(const struct bw_vf *a, const struct bw_vf *b)
{
	return !bw_mac_eq(&a->mac, &b->mac);
}

static uint16_t proto_of(const struct bw_vf *v)
{
	/* Without a VLAN the protocol is said by some drivers and means nothing. */
	return v->vlan || v->qos ? v->proto ? v->proto : BW_VF_PROTO_8021Q : 0;
}

static int vlan_differs(const struct bw_vf *a, const struct bw_vf *b)
{
	return a->vlan != b->vlan || a->qos != b->qos || proto_of(a) != proto_of(b);
}

static int rate_differs(const struct bw_vf *a, const struct bw_vf *b)
{
	return a->min_tx_rate != b->min_tx_rate || a->max_tx_rate != b->max_tx_rate;
}

static int spoofchk_differs(const struct bw_vf *a, const struct bw_vf *b)
{
	return (a->spoofchk != 0) != (b->spoofchk != 0);
}

static int link_state_differs(const struct bw_vf *a, const struct bw_vf *b)
{
	return a->link_state != b->link_state;
}

static int rss_query_differs(const struct bw_vf *a, const struct bw_vf *b)
{
	return (a->rss_query != 0) != (b->rss_query != 0);
}

static int trust_differs(const struct bw_vf *a, const struct bw_vf *b)
{
	return (a->trust != 0) != (b->trust != 0);
}

/* In the order the kernel applies them: do_setvfinfo() of net/core/rtnetlink.c. */
static const struct setting {
	unsigned int bit;
	const char *name;
	void (*put)(struct bw_nl_batch *b, const struct bw_vf *v);
	int (*differs)(const struct bw_vf *a, const struct bw_vf *b);
} settings[] = {
	{ BW_VF_SET_MAC, "mac", put_mac, mac_differs },
	{ BW_VF_SET_VLAN, "vlan", put_vlan, vlan_differs },
	{ BW_VF_SET_RATE, "rate", put_rate, rate_differs },
	{ BW_VF_SET_SPOOFCHK, "spoofchk", put_spoofchk, spoofchk_differs },
	{ BW_VF_SET_LINK_STATE, "link_state", put_link_state, link_state_differs },
	{ BW_VF_SET_RSS_QUERY, "rss_query", put_rss_query, rss_query_differs },
	{ BW_VF_SET_TRUST, "trust", put_trust, trust_differs },
};

const char *bw_vf_setting_str(unsigned int bit)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(settings); i++)
		if (settings[i].bit == bit)
			return settings[i].name;
	return "unknown";
}

unsigned int bw_vf_diff(const struct bw_vf *a, const struct bw_vf *b, unsigned int what)
{
	unsigned int differs = 0;

	what &= a->has & b->has;
	for (size_t i = 0; i < BW_ARRAY_SIZE(settings); i++)
		if (what & settings[i].bit && settings[i].differs(a, b))
			differs |= settings[i].bit;
	return differs;
}

/* "mac, vlan" of a set of bits. */
static void name_settings(unsigned int what, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < BW_ARRAY_SIZE(settings); i++) {
		int len;

		if (!(what & settings[i].bit))
			continue;
		len = snprintf(out + n, size - n, "%s%s", n ? ", " : "", settings[i].name);
		if (len < 0 || (size_t)len >= size - n)
			return; /* a cut list still helps */
		n += (size_t)len;
	}
}

void bw_vf_put_set(struct bw_nl_batch *b, int pf_ifindex, const struct bw_vf *vf, unsigned int what)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = pf_ifindex };
	char names[40];
	uint32_t list, info;

	name_settings(what, names, sizeof(names));
	bw_nl_msg(b, RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi), "set %s of VF %u", names,
		  vf->index);
	list = bw_nl_nest(b, IFLA_VFINFO_LIST | NLA_F_NESTED);
	info = bw_nl_nest(b, IFLA_VF_INFO | NLA_F_NESTED);
	for (size_t i = 0; i < BW_ARRAY_SIZE(settings); i++)
		if (what & settings[i].bit)
			settings[i].put(b, vf);
	bw_nl_nest_end(b, info);
	bw_nl_nest_end(b, list);
}

int bw_vf_set(struct bw_nl *nl, int pf_ifindex, const struct bw_vf *vf, unsigned int what,
	      struct bw_err *err)
{
	int r = bw_vf_check(vf, what, err);

	for (size_t i = 0; i < BW_ARRAY_SIZE(settings) && r == 0; i++) {
		if (!(what & settings[i].bit))
			continue;
		bw_nl_batch_init(&nl->once);
		bw_vf_put_set(&nl->once, pf_ifindex, vf, settings[i].bit);
		r = bw_nl_talk(nl, &nl->once, err);
	}
	return r;
}
