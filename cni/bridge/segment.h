/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge a port goes to, with its uplink, MAC, addresses and VLAN filtering.
 *
 *     bridge_segment_enter()   it is there and right, and the shared lock is held
 *       ... enslave the port, enter it into the datapath ...
 *     bridge_segment_commit()  the ADD succeeded       (else bridge_segment_undo())
 *     bridge_segment_done()    the lock is free
 *
 * What is known of a bridge stands in its alias (alias.h), so a look costs one message and a reboot
 * forgets it with the bridge. The journal's segment rows repeat it for people.
 *
 * I1 The bridge's MAC is pinned: it does not follow its ports, and is valid without ports.
 * I2 An uplink belongs to exactly one bridge.
 * I3 A bridge whose programs carry the tag serves exactly one VLAN.
 * I4 A bridge with an uplink gets no IPv6 address or route by itself.
 */
#pragma once

#include <net/if.h>

#include <bw/defs.h>
#include <bw/ip.h>

#include "alias.h"

struct bw_err;
struct bw_journal;
struct bw_nl;

/* What an ADD wants of its bridge. Everything is borrowed. */
struct bridge_segment_want {
	const char *bridge;
	const char *uplink; /* NULL = none */
	uint16_t vlan; /* access VLAN of the port; 0 = none */
	const uint8_t *trunk; /* bit VID, 512 bytes: tagged VLANs of the port; NULL = none */
	uint32_t mtu; /* of the port; 0 = the uplink's, else the kernel's */
	uint8_t promisc;
	uint8_t move_addresses; /* moveUplinkAddresses */
	uint8_t force_address;
	const struct bw_prefix *gateways; /* addresses the host is to have (isGateway) */
	size_t n_gateways; /* at most BRIDGE_GATEWAYS_MAX */
	uint8_t reach; /* the host's stack is to be in the segment, without an address */
	uint8_t reach_v6; /* ... for IPv6 too, which needs a link-local one */
	struct bw_journal *journal; /* the node's; NULL = segments are not recorded */
};

#define BRIDGE_GATEWAYS_MAX 16

/* What it got. Valid while the lock is held. */
struct bridge_segment {
	int lock; /* descriptor, shared; -1 = not held */
	int bridge; /* ifindex */
	int uplink; /* ifindex; 0 = none */
	struct bw_mac mac; /* of the bridge */
	uint32_t mtu; /* for the port: want.mtu, else the uplink's, else 0 = the kernel's */
	uint32_t bridge_mtu;
	uint32_t gso_max_size; /* the uplink's, for both ends of the port; 0 = the kernel's */
	uint32_t gso_ipv4_max_size;
	uint8_t filters_vlan; /* the bridge filters: the port needs its membership */
	uint8_t bpf_vlan; /* the programs carry want.vlan: the port is untagged, attaching them is a
			     must */
	uint8_t is_new; /* no ADD succeeded on this bridge yet */
	struct bridge_alias alias; /* of the bridge */
	int gateway; /* ifindex of the device with the gateway addresses; the bridge but for VLANs
		      */
	char gateway_name[IFNAMSIZ]; /* "BRIDGE.VLAN" there */
	struct bw_mac gateway_mac;
};

#define BRIDGE_SEGMENT_NONE ((struct bridge_segment){ .lock = -1 })
#define bridge_autosegment BW_CLEANUP(bridge_segment_done)

/**
 * bridge_segment_check() - refuse what can be refused before anything is changed
 * @nl: route socket in the host's namespace
 *
 * The uplink exists, is no port of another bridge, its MTU is enough, it carries no addresses
 * unless they are to be moved; what exists by the bridge's name is a bridge.
 * Return: 0; -EINVAL class INVALID; -EOPNOTSUPP class UNSUPPORTED; -errno.
 */
int bridge_segment_check(struct bw_nl *nl, const struct bridge_segment_want *want,
			 struct bw_err *err);

/**
 * bridge_segment_enter() - take the shared lock on a bridge that is as wanted
 * @ret: BRIDGE_SEGMENT_NONE on input; holds the lock on success
 *
 * Makes and mends under the exclusive lock when a look under the shared one says so. With an uplink
 * gateway addresses are probed for before, without any lock. Includes bridge_segment_check().
 * Return: 0; -EINVAL class INVALID: as check, or the gateway answers on the uplink, or another
 * address is on the bridge without force_address; -EOPNOTSUPP class UNSUPPORTED: VLANs without
 * VLAN filtering and uplink, or a second VLAN by the programs; -EBUSY class BUSY; -errno.
 */
int bridge_segment_enter(struct bw_nl *nl, const struct bridge_segment_want *want,
			 struct bridge_segment *ret, struct bw_err *err);

/* The ADD succeeded: the bridge stays from now on. Does nothing on a bridge that is not new. */
int bridge_segment_commit(struct bw_nl *nl, const struct bridge_segment_want *want,
			  struct bridge_segment *seg, struct bw_err *err);

/**
 * bridge_segment_undo() - the ADD failed: remove a bridge that only failed ADDs have used
 * @seg: its lock is changed to exclusive and freed at the end
 *
 * Nothing happens when the bridge is not new, has other ports than the uplink, or has the uplink's
 * addresses (those go back by `barewire net clean` alone). The caller has removed its own port.
 * Return: 0; -errno.
 */
int bridge_segment_undo(struct bw_nl *nl, const struct bridge_segment_want *want,
			struct bridge_segment *seg, struct bw_err *err);

/* Frees the lock. Safe on BRIDGE_SEGMENT_NONE. */
void bridge_segment_done(struct bridge_segment *seg);
