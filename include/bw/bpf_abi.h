/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * What kernel and user space share: map keys and values, flags, drop reasons.
 * The only header both compilers read. Fixed width, explicit padding, sizes asserted.
 * A changed layout changes the ABI's hash and with it the pin directory.
 */
#pragma once

#include <linux/types.h>

#define BW_EP_ADDRS_MAX 4 /* addresses (or allowed prefixes) per family and endpoint */

/* Flags of an endpoint. */
#define BW_EP_F_CHECK_MAC (1U << 0)  /* source MAC must be its own */
#define BW_EP_F_CHECK_IP (1U << 1)   /* source addresses, ARP, ND must be its own */
#define BW_EP_F_DHCP_CLIENT (1U << 2) /* 0.0.0.0 may be a source of a DHCP request */
#define BW_EP_F_ACCEL (1U << 3)      /* may use the fast path */
#define BW_EP_F_SLOW (1U << 4)       /* an operator sent it through the bridge (net slow) */
#define BW_EP_F_ISOLATED (1U << 5)   /* isolated bridge port: isolated ones do not reach each other */
#define BW_EP_F_TRUNK (1U << 6)      /* may send VLAN tags */
#define BW_EP_F_HAIRPIN (1U << 7)
