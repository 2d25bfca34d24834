/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices: read, create, change, delete. bw_link_put_*() build, the others also talk. */
#pragma once

#include <net/if.h>

#include <bw/defs.h>
#include <bw/ip.h>

struct bw_err;
struct bw_netns;
struct bw_nl;
struct bw_nl_batch;
struct nlmsghdr;

#define BW_LINK_NAME_MAX 15 /* IFNAMSIZ - 1 */
#define BW_LINK_ALIAS_MAX 255 /* IFALIASZ - 1, linux/if.h */
#define BW_LINK_KIND_MAX 31
#define BW_LINK_ALTNAME_MAX 127 /* ALTIFNAMSIZ - 1, linux/if.h */
#define BW_LINK_ALTNAMES_MAX 32 /* of one device */
#define BW_LINK_PARENT_MAX 63 /* characters of the name of the device below */
#define BW_LINK_PARENT_BUS_MAX 31
#define BW_IFF_LOWER_UP 0x10000U /* IFF_LOWER_UP: linux/if.h does not go with net/if.h */

/* Of a bridge device; only meaningful when bw_link.is_bridge. */
struct bw_link_bridge {
	uint8_t vlan_filtering;
	uint16_t default_pvid;
	uint8_t stp;
	uint8_t has_vlan_filtering; /* the kernel is built with it */
};

/* Of a bridge's port; only meaningful when bw_link.is_port. */
struct bw_link_port {
	uint8_t state; /* BR_STATE_* of linux/if_bridge.h */
	uint8_t hairpin;
	uint8_t learning;
	uint8_t flood;
	uint8_t isolated;
};

/* A device as the kernel describes it. */
struct bw_link {
	int ifindex;
	int master; /* 0 = none */
	int peer; /* IFLA_LINK: ifindex of the other end, in its own namespace; 0 = none */
	unsigned int flags; /* IFF_*, BW_IFF_LOWER_UP too */
	uint32_t mtu;
	uint32_t max_mtu; /* 0 = not said */
	uint32_t gso_max_size;
	uint32_t gso_ipv4_max_size; /* 0 = not said (before Linux 6.3) */
	uint32_t promiscuity;
	uint32_t carrier_downs; /* how often its carrier went, since it was made */
	uint16_t type; /* ARPHRD_* */
	uint8_t operstate; /* IF_OPER_* */
	uint8_t has_mac;
	uint8_t is_bridge;
	uint8_t is_port;
	uint8_t addr_gen_mode; /* IN6_ADDR_GEN_MODE_* */
	struct bw_mac mac;
	struct bw_mac perm_mac; /* zero = not said */
	char name[BW_LINK_NAME_MAX + 1];
	char kind[BW_LINK_KIND_MAX + 1]; /* "veth", "bridge"; "" = physical */
	char port_kind[BW_LINK_KIND_MAX + 1]; /* kind of the master */
	char alias[BW_LINK_ALIAS_MAX + 1];
	char parent[BW_LINK_PARENT_MAX +
		    1]; /* IFLA_PARENT_DEV_NAME: "0000:01:10.0"; "" = virtual */
	char parent_bus[BW_LINK_PARENT_BUS_MAX + 1]; /* "pci", "virtio" */
	struct bw_link_bridge bridge;
	struct bw_link_port port;
};

/* Reads one RTM_NEWLINK. 0; -EPROTO when it is none. */
int bw_link_parse(const struct nlmsghdr *nlh, struct bw_link *ret);

/**
 * bw_link_put_get() - ask for one device within a batch
 * @b: batch
 * @ifindex: 0 = by name
 * @name: used when @ifindex is 0
 * @ret: filled when talk() returns; untouched when it does not exist (op result -ENODEV, tolerated)
 *
 * Statistics and virtual functions are left out of the answer, so it fits one slot.
 */
void bw_link_put_get(struct bw_nl_batch *b, int ifindex, const char *name, struct bw_link *ret);

/**
 * bw_link_get() - read one device
 * @nl: route socket
 * @ifindex: 0 = by name
 * @name: used when @ifindex is 0
 * @ret: untouched on failure
 *
 * Return: 0; -ENODEV there is none (text names it); -errno.
 */
int bw_link_get(struct bw_nl *nl, int ifindex, const char *name, struct bw_link *ret,
		struct bw_err *err);

/* Takes devices one by one; @reset comes before each try of the dump. */
struct bw_link_visitor {
	void (*reset)(void *arg);
	int (*visit)(const struct bw_link *link, void *arg, struct bw_err *err);
	void *arg;
};
/* Every device, or those with this master (0 = all). 0; what @visit returned; -errno. */
int bw_link_list(struct bw_nl *nl, int master, const struct bw_link_visitor *v, struct bw_err *err);

/*
 * Finds the device that sits on a PCI function in the socket's namespace, renamed or not, by a
 * dump. Return: 1 found and @ret filled, 0 none; -errno.
 */
int bw_link_find_pci(struct bw_nl *nl, const char *pci, struct bw_link *ret, struct bw_err *err);

/* Other names of a device. */
struct bw_link_altnames {
	unsigned int n;
	char names[BW_LINK_ALTNAMES_MAX][BW_LINK_ALTNAME_MAX + 1];
};

/* Reads them out of one RTM_NEWLINK. 0; -EPROTO; -E2BIG more than BW_LINK_ALTNAMES_MAX. */
int bw_link_parse_altnames(const struct nlmsghdr *nlh, struct bw_link_altnames *ret);

/* Reads a device's other names; @ret is untouched on failure. 0; -ENODEV; -E2BIG; -errno. */
int bw_link_altnames(struct bw_nl *nl, int ifindex, struct bw_link_altnames *ret,
		     struct bw_err *err);

/*
 * One more name, one less. A name that is a device's name or other name fails with EEXIST, also the
 * device's own; taking away one the device has not is tolerated (ENOENT), another device's fails
 * with EINVAL.
 */
void bw_link_put_altname_add(struct bw_nl_batch *b, int ifindex, const char *altname);
void bw_link_put_altname_del(struct bw_nl_batch *b, int ifindex, const char *altname);

/* What a new bridge looks like. */
struct bw_link_bridge_new {
	const char *name;
	const struct bw_mac *mac; /* NULL = the kernel picks one and later changes it: avoid */
	uint32_t mtu; /* 0 = the kernel's */
	int8_t vlan_filtering; /* -1 = not sent */
	int32_t default_pvid; /* -1 = not sent */
};

/* Fails with EEXIST when the name is taken. The bridge is down. */
void bw_link_put_bridge(struct bw_nl_batch *b, const struct bw_link_bridge_new *n);

/* A veth pair with its ends where they belong, in one message. */
struct bw_link_veth_new {
	const char *name; /* host end */
	int master; /* bridge of the host end; 0 = none */
	uint8_t up; /* host end */
	uint32_t mtu; /* of both ends; 0 = the kernel's */
	uint32_t gso_max_size; /* of both ends; 0 = the kernel's */
	uint32_t gso_ipv4_max_size; /* likewise */
	const struct bw_mac *mac; /* host end; NULL = the kernel's */
	const char *peer_name;
	const struct bw_mac *peer_mac; /* NULL = the kernel's */
	const struct bw_netns *peer_ns; /* NULL = this namespace */
};

/* Never sets the peer up: the kernel refuses that here (ENOTCONN). EEXIST when a name is taken. */
void bw_link_put_veth(struct bw_nl_batch *b, const struct bw_link_veth_new *n);

/* The same with a netkit pair in L2 mode (Linux 6.7); EOPNOTSUPP where the kernel has none. */
void bw_link_put_netkit(struct bw_nl_batch *b, const struct bw_link_veth_new *n);

#define BW_LINK_SET_UP 0x1U
#define BW_LINK_SET_DOWN 0x2U
#define BW_LINK_SET_MTU 0x4U
#define BW_LINK_SET_MAC 0x8U
#define BW_LINK_SET_MASTER 0x10U /* .master 0 releases it */
#define BW_LINK_SET_NAME 0x20U /* the device must be down, before Linux 6.2 */
#define BW_LINK_SET_ALIAS 0x40U /* "" removes it */
#define BW_LINK_SET_GSO 0x80U /* .gso_*, each when not 0 */
#define BW_LINK_SET_PROMISC_ON 0x100U
#define BW_LINK_SET_PROMISC_OFF 0x200U
#define BW_LINK_SET_NETNS 0x400U /* .ns_fd */
#define BW_LINK_SET_NO_LINK_LOCAL 0x800U /* addrgenmode none */
#define BW_LINK_SET_EUI64 0x1000U /* addrgenmode eui64, the default */

/*
 * What of a device is to change: one message, applied by the kernel in one RTNL section, but not
 * undone when a part is refused. The order is the kernel's: move to .ns_fd (the old name is kept
 * when it is free there, else .name is taken), MAC, MTU, name, alias, up or down. A device that was
 * up goes down on the move. A MAC or MTU the driver refuses leaves the device in the new namespace
 * under its old name and down; who undoes looks for it there.
 */
struct bw_link_set {
	unsigned int what; /* BW_LINK_SET_* */
	uint32_t mtu;
	struct bw_mac mac;
	int master;
	const char *name;
	const char *alias;
	uint32_t gso_max_size;
	uint32_t gso_ipv4_max_size;
	int ns_fd;
};

/* @ifindex 0 = by @name. @name also names it in errors. */
void bw_link_put_set(struct bw_nl_batch *b, int ifindex, const char *name,
		     const struct bw_link_set *s);

/* Return: 0; -ENODEV; -EINVAL, -EBUSY... as the driver says. */
int bw_link_set(struct bw_nl *nl, int ifindex, const char *name, const struct bw_link_set *s,
		struct bw_err *err);

/* Deletes; that there is none (ENODEV) is tolerated. @ifindex 0 = by name. */
void bw_link_put_del(struct bw_nl_batch *b, int ifindex, const char *name);
/* The same at once. Return: 0, also when there is none; -errno. */
int bw_link_del(struct bw_nl *nl, int ifindex, const char *name, struct bw_err *err);

/**
 * bw_link_wait_carrier() - wait until the device's lower layer is up
 * @ns: its namespace; NULL = the caller's
 * @ifindex: device
 * @timeout_ms: 0 only looks
 *
 * Waits for the kernel's event, never polls by time.
 * Return: 0 it is up; -ETIMEDOUT class BUSY; -ENODEV it went away; -errno.
 */
int bw_link_wait_carrier(const struct bw_netns *ns, int ifindex, int timeout_ms,
			 struct bw_err *err);

/**
 * bw_link_wait_pci() - wait until a device sits on a PCI function in a namespace
 * @ns: the namespace; NULL = the caller's
 * @pci: PCI address
 * @timeout_ms: 0 only looks
 * @ret: untouched on failure
 *
 * For a driver that registers its netdev late, and for the kernel handing devices of a dead
 * namespace back. Waits for the kernel's event, never polls by time.
 * Return: 0; -ETIMEDOUT class BUSY; -errno.
 */
int bw_link_wait_pci(const struct bw_netns *ns, const char *pci, int timeout_ms,
		     struct bw_link *ret, struct bw_err *err);
