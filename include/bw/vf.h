/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual functions as their PF's driver sees them: read and set over the PF's netlink.
 * bw_vf_put_*() build, bw_vf_parse() reads, the others also talk.
 */
#pragma once

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_nl;
struct bw_nl_batch;
struct nlmsghdr;

#define BW_VF_INDEX_MAX 65535U /* NumVFs is 16 bits wide: PCI Express SR-IOV capability */
#define BW_VF_VLAN_MAX 4094 /* IEEE 802.1Q: 4095 is reserved, though some drivers take it */
#define BW_VF_RATE_MAX 2147483647U /* Mbit/s: ndo_set_vf_rate() of linux/netdevice.h takes int */
#define BW_VF_QOS_MAX 7 /* priority code point */
#define BW_VF_PROTO_8021Q 0x8100 /* ETH_P_8021Q */
#define BW_VF_PROTO_8021AD 0x88a8 /* ETH_P_8021AD */

/* How the VF's link follows the PF's: enum ifla_vf_link_state of linux/if_link.h. */
enum bw_vf_link_state {
	BW_VF_LINK_AUTO,
	BW_VF_LINK_ENABLE,
	BW_VF_LINK_DISABLE,
	BW_VF_LINK_MAX_,
};

/* "auto", "enable", "disable"; "unknown" outside the enum. */
const char *bw_vf_link_state_str(enum bw_vf_link_state state);

/*
 * One bit a setting: in bw_vf.has what the driver reports, in the argument `what` of the setters
 * what is to be written. The two names of a bit have one value: vf.has & what is meaningful.
 */
#define BW_VF_HAS_MAC 0x1U /* .mac */
#define BW_VF_HAS_VLAN 0x2U /* .vlan, .qos, .proto */
#define BW_VF_HAS_RATE 0x4U /* .min_tx_rate, .max_tx_rate */
#define BW_VF_HAS_SPOOFCHK 0x8U
#define BW_VF_HAS_TRUST 0x10U
#define BW_VF_HAS_LINK_STATE 0x20U
#define BW_VF_HAS_RSS_QUERY 0x40U
#define BW_VF_SET_MAC BW_VF_HAS_MAC
#define BW_VF_SET_VLAN BW_VF_HAS_VLAN
#define BW_VF_SET_RATE BW_VF_HAS_RATE
#define BW_VF_SET_SPOOFCHK BW_VF_HAS_SPOOFCHK
#define BW_VF_SET_TRUST BW_VF_HAS_TRUST
#define BW_VF_SET_LINK_STATE BW_VF_HAS_LINK_STATE
#define BW_VF_SET_RSS_QUERY BW_VF_HAS_RSS_QUERY
#define BW_VF_ALL 0x7fU

/* A VF as the PF's driver describes it, or as it is wanted. Zero is the driver's default of all. */
struct bw_vf {
	uint32_t index; /* 0 <= index < numvfs */
	unsigned int has; /* BW_VF_HAS_*: what the driver reports */
	struct bw_mac
		mac; /* set by the administrator; zero = none. Some drivers show the VF's own */
	uint16_t vlan; /* 0 = untagged */
	uint8_t qos; /* 0..BW_VF_QOS_MAX */
	uint16_t proto; /* BW_VF_PROTO_*; 0 in a setter = 802.1Q */
	uint8_t spoofchk; /* 0, 1 */
	uint8_t trust; /* 0, 1 */
	uint8_t rss_query; /* 0, 1 */
	enum bw_vf_link_state link_state;
	uint32_t min_tx_rate; /* Mbit/s; 0 = none */
	uint32_t max_tx_rate; /* Mbit/s; 0 = unlimited */
};

/* Return 0 to go on; anything else ends the walk and is its result. @vf is borrowed. */
typedef int (*bw_vf_fn)(const struct bw_vf *vf, void *arg, struct bw_err *err);

/**
 * bw_vf_parse() - read the VFs out of one RTM_NEWLINK of their PF (pure)
 * @nlh: the answer, whole
 * @ret_num: how many VFs the device has; untouched on failure
 * @fn: called for each VF the driver describes, in the kernel's order
 * @arg: for @fn
 *
 * A setting that reads as 0xffffffff is one the driver does not know: its bit is not in .has. A
 * driver may leave VFs out. More VFs than 64 KiB hold are read as well: @nlh must be whole.
 * Return: 0; -EPROTO it is no device, or its list is cut; what @fn returned.
 * Source: linux/if_link.h, IFLA_VFINFO_LIST.
 */
int bw_vf_parse(const struct nlmsghdr *nlh, uint32_t *ret_num, bw_vf_fn fn, void *arg,
		struct bw_err *err);

/**
 * bw_vf_list() - read all VFs of a PF
 * @nl: route socket in the PF's namespace
 * @pf_ifindex: the PF, > 0
 * @fn: called for each VF the driver describes
 * @arg: for @fn
 *
 * The only reads that ask for RTEXT_FILTER_VF; statistics are left out. Any number of VFs is read:
 * the kernel's answer has a length of its own, whatever the 16 bits of an attribute's say.
 * Return: how many VFs the PF has; -ENODEV there is no such device; -EPROTO; what @fn returned.
 */
int bw_vf_list(struct bw_nl *nl, int pf_ifindex, bw_vf_fn fn, void *arg, struct bw_err *err);

/**
 * bw_vf_get() - read one VF
 * @nl: route socket in the PF's namespace
 * @pf_ifindex: the PF, > 0
 * @index: VF
 * @ret: untouched on failure
 *
 * Return: 0; -ENODEV there is no such device; -ERANGE class BUSY it has no such VF now; -EOPNOTSUPP
 * its driver does not describe it; -EPROTO.
 */
int bw_vf_get(struct bw_nl *nl, int pf_ifindex, uint32_t index, struct bw_vf *ret,
	      struct bw_err *err);

/**
 * bw_vf_check() - are these values ones a VF can have (pure)
 * @vf: values
 * @what: BW_VF_SET_* of those that count
 *
 * Drivers are lax: the bounds are ours. A zero MAC is allowed (it takes the administrator's away),
 * a multicast one is not; a minimum rate above the maximum is not.
 * Return: 0; -ERANGE class INVALID, the text names the setting.
 */
int bw_vf_check(const struct bw_vf *vf, unsigned int what, struct bw_err *err);

/**
 * bw_vf_put_set() - one message that sets some of a VF's settings
 * @b: batch
 * @pf_ifindex: the PF
 * @vf: index and values that bw_vf_check() finds good
 * @what: BW_VF_SET_*, at least one
 *
 * 802.1Q goes as IFLA_VF_VLAN, which every driver has; 802.1ad as IFLA_VF_VLAN_LIST. The kernel
 * applies MAC, VLAN, rate, spoofchk, link state, RSS query, trust, in this order, and stops at the
 * first that is refused: those before it stay set. A message for each tells which.
 */
void bw_vf_put_set(struct bw_nl_batch *b, int pf_ifindex, const struct bw_vf *vf,
		   unsigned int what);

/**
 * bw_vf_set() - set some of a VF's settings
 * @nl: route socket in the PF's namespace
 * @pf_ifindex: the PF, > 0
 * @vf: index and values
 * @what: BW_VF_SET_*; 0 does nothing
 *
 * One message for each setting, in the kernel's order; the first that is refused ends it.
 * Return: 0; -ERANGE class INVALID a value is out of bounds, nothing was sent; -ENODEV; -EINVAL no
 * such VF or a value the driver refuses; -EOPNOTSUPP, -EPROTONOSUPPORT the driver has no such
 * setting; -EPERM; -EBUSY; -errno. The text names the setting.
 */
int bw_vf_set(struct bw_nl *nl, int pf_ifindex, const struct bw_vf *vf, unsigned int what,
	      struct bw_err *err);

/* Which of @what two VFs differ in: BW_VF_SET_* bits, of those that both have. */
unsigned int bw_vf_diff(const struct bw_vf *a, const struct bw_vf *b, unsigned int what);

/* Name of one bit: "mac", "vlan", "rate", "spoofchk" and so on; "unknown" for anything else. */
const char *bw_vf_setting_str(unsigned int bit);
