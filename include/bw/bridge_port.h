/* SPDX-License-Identifier: Apache-2.0 */
/* What a bridge and its ports do with frames: flags, VLAN membership. */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_nl;
struct bw_nl_batch;

#define BW_VLAN_MAX 4094

/* Of a port; -1 = leave as it is. */
struct bw_port_flags {
	int8_t hairpin;
	int8_t learning;
	int8_t flood; /* unknown unicast */
	int8_t isolated; /* isolated ports do not reach each other */
};

#define BW_PORT_FLAGS_KEEP ((struct bw_port_flags){ -1, -1, -1, -1 })

/* Sets flags of a port that is enslaved already. @ifindex 0 = by @name. */
void bw_port_put_flags(struct bw_nl_batch *b, int ifindex, const char *name,
		       const struct bw_port_flags *f);

/* Of a bridge. */
void bw_bridge_put_vlan_filtering(struct bw_nl_batch *b, int ifindex, const char *name, int on);
void bw_bridge_put_default_pvid(struct bw_nl_batch *b, int ifindex, const char *name,
				uint16_t pvid);

#define BW_VLAN_F_PVID 0x2U /* BRIDGE_VLAN_INFO_PVID, linux/if_bridge.h */
#define BW_VLAN_F_UNTAGGED 0x4U /* BRIDGE_VLAN_INFO_UNTAGGED */

/* VIDs @first..@last of a port, or of the bridge itself (@self). EOPNOTSUPP without VLAN filtering.
 */
void bw_port_put_vlan_add(struct bw_nl_batch *b, int ifindex, int self, uint16_t first,
			  uint16_t last, unsigned int flags);
void bw_port_put_vlan_del(struct bw_nl_batch *b, int ifindex, int self, uint16_t first,
			  uint16_t last);

/* VLAN membership of one port. */
struct bw_port_vlans {
	uint8_t member[512]; /* bit VID */
	uint8_t untagged[512];
	uint16_t pvid; /* 0 = none */
};

static inline int bw_port_vlans_has(const uint8_t set[512], uint16_t vid)
{
	return vid <= BW_VLAN_MAX && (set[vid / 8] >> (vid % 8) & 1);
}

/* Reads it. Return: 0, also when nothing is set; -errno. */
int bw_port_vlans(struct bw_nl *nl, int ifindex, struct bw_port_vlans *ret, struct bw_err *err);
