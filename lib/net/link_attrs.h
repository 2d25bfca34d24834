/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of linux/if_link.h that are newer than Debian 12's header (Linux 6.1). */
#pragma once

#define LINK_GSO_IPV4_MAX_SIZE 63 /* IFLA_GSO_IPV4_MAX_SIZE, u32, since 6.3 */

#define LINK_NETKIT_PEER_INFO 1 /* IFLA_NETKIT_PEER_INFO, ifinfomsg and attributes, since 6.7 */
#define LINK_NETKIT_MODE 5 /* IFLA_NETKIT_MODE, u32 */
#define LINK_NETKIT_L2 0 /* enum netkit_mode: frames with Ethernet header */
