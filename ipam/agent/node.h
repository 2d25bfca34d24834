/* SPDX-License-Identifier: Apache-2.0 */
/* What the node's kernel says of itself: devices, bridges, physical functions, addresses, features.
 */
#pragma once

#include <bw/addr.h>
#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/link.h>
#include <bw/pci.h>

struct bw_err;
struct bw_journal;
struct bw_loop;
struct bw_nl;

#define AGENT_DEVS_MAX 4096
#define AGENT_PFS_MAX 64
#define AGENT_NODE_IPS_MAX 64 /* BW_BINDING_NETS_MAX */
#define AGENT_FEATURES_MAX 16

struct agent_dev {
	int ifindex;
	int master; /* 0 = none */
	uint32_t mtu;
	uint32_t speed_mbps; /* 0 = not said */
	uint32_t carrier_downs; /* how often its carrier went */
	uint8_t up; /* administratively, and it has a carrier */
	uint8_t is_bridge;
	uint8_t vlan_filtering;
	uint8_t has_vlan_filtering;
	uint8_t is_physical; /* of a bus, or made of such: a bond, a VLAN */
	struct bw_mac mac;
	char name[BW_LINK_NAME_MAX + 1];
	char kind[BW_LINK_KIND_MAX + 1];
	char driver[BW_PCI_DRIVER_MAX + 1]; /* "" = not said */
};

struct agent_pf {
	char name[BW_LINK_NAME_MAX + 1]; /* "" = its device is elsewhere */
	char pci[BW_PCI_ADDR_MAX + 1];
	char driver[BW_PCI_DRIVER_MAX + 1];
	uint32_t total;
	uint32_t num;
	uint32_t free; /* of .num, those nobody holds */
};

struct agent_node {
	struct agent_dev *devs; /* by name */
	size_t n_devs;
	struct agent_pf pfs[AGENT_PFS_MAX]; /* by name */
	size_t n_pfs;
	struct bw_ip ips[AGENT_NODE_IPS_MAX]; /* the node's own, ascending */
	size_t n_ips;
	const char *features[AGENT_FEATURES_MAX]; /* static texts, ascending */
	size_t n_features;
	char kernel[129];
};

/**
 * agent_node_read() - look at everything
 * @root: before /sys: "" but in tests
 * @nl: route socket in the node's namespace
 * @j: the node's journal, for VFs that are held; NULL = nobody holds any
 * @ret: replaced on success; agent_node_done() frees it
 *
 * Link-local addresses, and those of bridges that only pods use, are not among the node's own.
 * Return: 0; -errno.
 */
int agent_node_read(const char *root, struct bw_nl *nl, struct bw_journal *j,
		    struct agent_node *ret, struct bw_err *err);
void agent_node_done(struct agent_node *n);

/* By name, by index; NULL = there is none. Borrowed. */
const struct agent_dev *agent_node_dev(const struct agent_node *n, const char *name);
const struct agent_dev *agent_node_dev_at(const struct agent_node *n, int ifindex);

/**
 * agent_node_match() - the device that a list of names and patterns means
 * @n: node
 * @patterns: parted by commas; * and ? stand for any characters
 *
 * Of the first pattern that fits anything the first device by name; bridges do not count.
 * Return: borrowed; NULL when nothing fits.
 */
const struct agent_dev *agent_node_match(const struct agent_node *n, const char *patterns);

struct agent_node_watch;

/**
 * agent_node_watch_new() - be told when devices or addresses change
 * @loop: real
 * @fn: called soon after, once for many changes
 * @ret: owned by the caller
 *
 * Return: 0; -ENOMEM; -errno of the socket.
 */
int agent_node_watch_new(struct bw_loop *loop, void (*fn)(void *arg), void *arg,
			 struct agent_node_watch **ret, struct bw_err *err);
void agent_node_watch_free(struct agent_node_watch **w);
