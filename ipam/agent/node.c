/* SPDX-License-Identifier: Apache-2.0 */
/* One look at the node: a dump of devices, one of addresses, and sysfs. */
#include <fnmatch.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <bw/buf.h>
#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/io.h>
#include <bw/journal.h>
#include <bw/log.h>
#include <bw/nl.h>

#include "node.h"

#define SYS_PATH_MAX 256
#define SYS_VALUE_MAX 64
#define PATTERNS_MAX 254 /* bytes of a pool's spec.uplink and its NUL */

struct look {
	struct agent_node *node;
	size_t cap;
	const char *root;
	struct bw_journal *j;
};

/* Made of hardware, or what administrators build of it; pods' own kinds are not. */
static const char *const solid_kinds[] = { "bond", "vlan", "team", "netdevsim" };

static int is_solid(const struct bw_link *l)
{
	if (l->parent[0])
		return 1;
	for (size_t i = 0; i < BW_ARRAY_SIZE(solid_kinds); i++)
		if (strcmp(l->kind, solid_kinds[i]) == 0)
			return 1;
	return 0;
}

static void reset_devs(void *arg)
{
	struct look *k = arg;

	k->node->n_devs = 0;
}

static int add_dev(const struct bw_link *l, void *arg, struct bw_err *err)
{
	struct look *k = arg;
	struct agent_node *n = k->node;
	size_t cap = k->cap ? k->cap * 2 : 32;
	struct agent_dev *devs;

	if (l->type != ARPHRD_ETHER || n->n_devs == AGENT_DEVS_MAX)
		return 0;
	if (n->n_devs == k->cap) {
		devs = realloc(n->devs, cap * sizeof(*devs));
		if (!devs)
			return bw_fail(err, ENOMEM, "list the devices");
		n->devs = devs;
		k->cap = cap;
	}
	devs = &n->devs[n->n_devs++];
	*devs = (struct agent_dev){
		.ifindex = l->ifindex,
		.master = l->master,
		.mtu = l->mtu,
		.carrier_downs = l->carrier_downs,
		.up = (l->flags & IFF_UP) && (l->flags & BW_IFF_LOWER_UP),
		.is_bridge = l->is_bridge,
		.vlan_filtering = l->is_bridge && l->bridge.vlan_filtering,
		.has_vlan_filtering = l->is_bridge && l->bridge.has_vlan_filtering,
		.is_physical = (uint8_t)is_solid(l),
		.mac = l->mac,
	};
	(void)snprintf(devs->name, sizeof(devs->name), "%s", l->name); /* fits */
	(void)snprintf(devs->kind, sizeof(devs->kind), "%s", l->kind); /* fits */
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct agent_dev *)a)->name, ((const struct agent_dev *)b)->name);
}

/* A number of sysfs; 0 where there is none, or it is below zero (no link). */
static uint32_t sys_number(const char *root, const char *dev, const char *name)
{
	bw_autobuf struct bw_buf text = { 0 };
	char path[SYS_PATH_MAX];
	long v;

	(void)snprintf(path, sizeof(path), "%s/sys/class/net/%s/%s", root, dev, name);
	if (bw_io_read_file(path, SYS_VALUE_MAX, &text, NULL) < 0 || !text.data)
		return 0;
	v = strtol(text.data, NULL, 10);
	return v > 0 && v < INT32_MAX ? (uint32_t)v : 0;
}

static void add_sysfs(const char *root, struct agent_dev *d)
{
	struct bw_pci_dev pci = { 0 };
	char addr[BW_PCI_ADDR_MAX + 1];

	if (!d->is_physical)
		return;
	d->speed_mbps = sys_number(root, d->name, "speed");
	if (bw_pci_of_netdev(root, d->name, addr, NULL) == 0 &&
	    bw_pci_look(root, addr, &pci, NULL) == 0)
		(void)snprintf(d->driver, sizeof(d->driver), "%s", pci.driver); /* fits */
	else
		(void)snprintf(d->driver, sizeof(d->driver), "%s", d->kind); /* fits */
}

/* 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291): nobody's own beyond a link. */
static int is_link_local(const struct bw_ip *ip)
{
	const uint8_t *b = bw_ip_bytes(ip);

	return ip->family == AF_INET ? b[0] == 169 && b[1] == 254
				     : b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

static int is_own(const struct agent_node *n, const struct bw_addr *a)
{
	const struct agent_dev *d = agent_node_dev_at(n, a->ifindex);

	if (!d || is_link_local(&a->prefix.ip) || a->scope != RT_SCOPE_UNIVERSE ||
	    (a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_TEMPORARY)))
		return 0;
	/* A bridge's gateway address for pods that are on this node alone is no node's address. */
	return !d->is_bridge || strncmp(d->name, "bw-", 3) == 0 || d->is_physical;
}

static void reset_ips(void *arg)
{
	((struct look *)arg)->node->n_ips = 0;
}

static int add_ip(const struct bw_addr *a, void *arg, struct bw_err *err)
{
	struct agent_node *n = ((struct look *)arg)->node;

	(void)err; /* what does not fit is left out */
	if (n->n_ips < AGENT_NODE_IPS_MAX && is_own(n, a))
		n->ips[n->n_ips++] = a->prefix.ip;
	return 0;
}

static int by_ip(const void *a, const void *b)
{
	return bw_ip_cmp(a, b);
}

struct held {
	const char *pf;
	uint32_t n;
};

static int count_held(const struct bw_vf_hold *h, void *arg, struct bw_err *err)
{
	struct held *held = arg;

	(void)err; /* nothing can fail */
	held->n += strcmp(h->pf, held->pf) == 0;
	return 0;
}

static int add_pf(const char *pci, void *arg, struct bw_err *err)
{
	struct look *k = arg;
	struct held held = { .pf = pci };
	struct bw_pci_pf pf;
	struct agent_pf *to;

	(void)err; /* one that goes meanwhile is left out */
	if (k->node->n_pfs == AGENT_PFS_MAX || bw_pci_pf_look(k->root, pci, &pf, NULL) < 0)
		return 0;
	if (k->j && bw_journal_vf_each(k->j, count_held, &held, err) < 0)
		return -EIO;
	to = &k->node->pfs[k->node->n_pfs++];
	*to = (struct agent_pf){ .total = pf.totalvfs, .num = pf.numvfs };
	to->free = pf.numvfs > held.n ? pf.numvfs - held.n : 0;
	(void)snprintf(to->pci, sizeof(to->pci), "%s", pf.dev.pci); /* fits */
	(void)snprintf(to->driver, sizeof(to->driver), "%s", pf.dev.driver); /* fits */
	if (pf.dev.n_netdevs)
		(void)snprintf(to->name, sizeof(to->name), "%s", pf.dev.netdevs[0]); /* fits */
	return 0;
}

static void feature(struct agent_node *n, int has, const char *name)
{
	if (has && n->n_features < AGENT_FEATURES_MAX)
		n->features[n->n_features++] = name;
}

/* Ascending, so that equal nodes have equal lists. */
static void add_features(struct agent_node *n, const char *root)
{
	struct bw_dp_caps caps = { 0 };
	char path[SYS_PATH_MAX];
	int filtering = 0;

	if (bw_dp_probe(&caps, NULL) < 0)
		caps.hook = BW_DP_HOOK_NONE;
	for (size_t i = 0; i < n->n_devs; i++)
		filtering |= n->devs[i].has_vlan_filtering;
	(void)snprintf(path, sizeof(path), "%s/sys/bus/pci", root);
	feature(n, caps.hook == BW_DP_HOOK_CLSACT, "clsact");
	feature(n, caps.hook != BW_DP_HOOK_NONE, "ebpf");
	feature(n, n->n_pfs > 0, "sriov");
	feature(n, caps.hook == BW_DP_HOOK_TCX, "tcx");
	feature(n, filtering, "vlanFiltering");
}

static int look_all(struct look *k, struct bw_nl *nl, struct bw_err *err)
{
	const struct bw_link_visitor links = { reset_devs, add_dev, k };
	const struct bw_addr_visitor addrs = { reset_ips, add_ip, k };
	struct agent_node *n = k->node;
	struct utsname u;
	int r = bw_link_list(nl, 0, &links, err);

	if (r < 0)
		return r;
	if (n->n_devs)
		qsort(n->devs, n->n_devs, sizeof(*n->devs), by_name);
	for (size_t i = 0; i < n->n_devs; i++)
		add_sysfs(k->root, &n->devs[i]);
	r = bw_addr_list(nl, 0, AF_UNSPEC, &addrs, err);
	if (r < 0)
		return r;
	qsort(n->ips, n->n_ips, sizeof(*n->ips), by_ip);
	r = bw_pci_pfs(k->root, add_pf, k, err);
	if (r < 0 && r != -ENOENT)
		return r;
	add_features(n, k->root);
	if (uname(&u) == 0)
		(void)snprintf(n->kernel, sizeof(n->kernel), "%.128s", u.release);
	return 0;
}

int agent_node_read(const char *root, struct bw_nl *nl, struct bw_journal *j,
		    struct agent_node *ret, struct bw_err *err)
{
	struct agent_node *node = calloc(1, sizeof(*node));
	struct look k = { .node = node, .root = root, .j = j };
	int r;

	if (!node)
		return bw_fail(err, ENOMEM, "look at the node");
	r = look_all(&k, nl, err);
	agent_node_done(r == 0 ? ret : node);
	if (r == 0)
		*ret = *node;
	free(node);
	return r;
}

void agent_node_done(struct agent_node *n)
{
	free(n->devs);
	*n = (struct agent_node){ 0 };
}

const struct agent_dev *agent_node_dev(const struct agent_node *n, const char *name)
{
	struct agent_dev key = { 0 };

	if (!n->n_devs || strlen(name) >= sizeof(key.name))
		return NULL;
	(void)snprintf(key.name, sizeof(key.name), "%s", name); /* fits */
	return bsearch(&key, n->devs, n->n_devs, sizeof(key), by_name);
}

const struct agent_dev *agent_node_dev_at(const struct agent_node *n, int ifindex)
{
	for (size_t i = 0; i < n->n_devs; i++)
		if (n->devs[i].ifindex == ifindex)
			return &n->devs[i];
	return NULL;
}

const struct agent_dev *agent_node_match(const struct agent_node *n, const char *patterns)
{
	char list[PATTERNS_MAX];
	char *save = NULL;

	if ((size_t)snprintf(list, sizeof(list), "%s", patterns) >= sizeof(list))
		return NULL;
	for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save))
		for (size_t i = 0; i < n->n_devs; i++)
			if (!n->devs[i].is_bridge && fnmatch(p, n->devs[i].name, 0) == 0)
				return &n->devs[i];
	return NULL;
}
