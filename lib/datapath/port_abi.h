/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register of ports: what user space alone knows of a slot. It is what makes DEL work from
 * pins when device, journal and configuration are gone.
 *
 * I1 A slot belongs to whoever put its record with BPF_NOEXIST; the record goes last.
 * I2 A slot without a record is clean: bw_stat and bw_bucket zero, bw_slot zero but for a
 *    generation that no bw_fdb value names.
 */
#pragma once

#include <linux/types.h>

#define DP_PORT_MAP "bw_port"
#define DP_PORT_VERSION 1 /* raised with the layout below: part of the ABI */
#define DP_PORT_NAME_SIZE 16 /* IFNAMSIZ */

enum dp_port_kind {
	DP_PORT_ENDPOINT,
	DP_PORT_UPLINK,
};

/* Map bw_port: HASH, key: slot. Grows at its end only. */
struct dp_port {
	char host_if[DP_PORT_NAME_SIZE];
	__u32 ifindex;
	__u32 bridge;
	__u32 uplink;
	__u32 dev; /* with vid and mac: its key in bw_fdb */
	__u16 vid;
	__u8 mac[6];
	__u8 kind; /* enum dp_port_kind */
	__u8 hook; /* enum bw_dp_hook */
	__u8 pad[6];
	__u64 rx_rate_bps;
	__u64 tx_rate_bps;
};

_Static_assert(sizeof(struct dp_port) == 64, "dp_port");
