/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one interface of a claim is on this node: the daemon of the node makes it out of the claim,
 * its pools and the node's own settings, and stores it as JSON in the journal; a plugin makes the
 * interface from it without asking anybody. Pure, no I/O.
 *
 * I1 What is decoded can be encoded, and is the same when decoded again.
 * I2 Every number, name and list is within the bounds below, whoever wrote the text.
 */
#pragma once

#include <bw/cni_request.h>
#include <bw/defs.h>
#include <bw/ip.h>
#include <bw/journal.h>
#include <bw/json.h>

struct bw_err;
struct cJSON;

#define BW_BINDING_TEXT_MAX 65536 /* bytes of the JSON */
#define BW_BINDING_IPS_MAX 2 /* one a family */
#define BW_BINDING_ROUTES_MAX 256
#define BW_BINDING_NETS_MAX 64 /* Service ranges, addresses of the node */
#define BW_BINDING_NAME_MAX 253 /* characters of a Kubernetes name (RFC 1123 subdomain) */
#define BW_BINDING_UID_MAX 63
#define BW_BINDING_RATE_MAX 1000000 /* Mbit/s */

enum bw_binding_mode {
	BW_BINDING_BRIDGE,
	BW_BINDING_SRIOV,
	BW_BINDING_MACVLAN,
	BW_BINDING_CALICO, /* the address is given to another CNI by an annotation */
	BW_BINDING_KUBE_OVN,
	BW_BINDING_EXTERNAL,
	BW_BINDING_MODE_MAX_,
};

/* As in a pool's spec.mode: "bridge", "sriov", ...; "unknown" outside the enum. */
const char *bw_binding_mode_str(enum bw_binding_mode mode);
/* The same as a table, for decoders of other documents. */
extern const struct bw_json_enum bw_binding_mode_names[];

enum bw_binding_probe {
	BW_BINDING_PROBE_OFF,
	BW_BINDING_PROBE_WARN,
	BW_BINDING_PROBE_ENFORCE,
	BW_BINDING_PROBE_MAX_,
};

/* "Off", "Warn", "Enforce"; "unknown" outside the enum. */
const char *bw_binding_probe_str(enum bw_binding_probe probe);
extern const struct bw_json_enum bw_binding_probe_names[];

enum bw_binding_fencing {
	BW_BINDING_STRICT,
	BW_BINDING_AVAILABLE,
	BW_BINDING_FENCING_MAX_,
};

/* "Strict", "Available"; "unknown" outside the enum. */
const char *bw_binding_fencing_str(enum bw_binding_fencing fencing);
extern const struct bw_json_enum bw_binding_fencing_names[];

struct bw_binding_ip {
	struct bw_prefix address; /* with the length of the pool's prefix; host bits are set */
	struct bw_ip gateway; /* family 0 = none */
	const char *pool; /* NULL = the binding's */
};

struct bw_binding_route {
	struct bw_prefix dst; /* no host bits */
	struct bw_ip gw; /* family 0 = on link, or the address's gateway */
};

/*
 * Texts are borrowed from @tree after a decode, or from whoever fills the struct for an encode. The
 * three lists own their items after a decode; who fills them himself keeps his own.
 */
struct bw_binding {
	const char *ns; /* of the claim */
	const char *claim;
	const char *uid;
	uint64_t token; /* > 0 */
	uint64_t epoch;
	const char *iface; /* as the container sees it: CNI_IFNAME */
	uint8_t first; /* the claim's first interface: default routes, Services, the node */
	uint8_t stale; /* the cluster contradicts this: not to be served */
	enum bw_binding_mode mode;
	const char *domain;
	const char *pool;
	const char *uplink; /* NULL = none */
	const char *bridge; /* NULL = bw_binding_bridge() of the uplink */
	uint16_t vlan; /* 0 = untagged */
	uint32_t mtu; /* 0 = the uplink's */
	struct bw_mac mac; /* zero = from the address */
	uint8_t has_mac;
	uint8_t move_uplink_addresses;
	enum bw_binding_probe probe;
	enum bw_binding_fencing fencing;
	uint32_t ingress_mbps; /* towards the pod; 0 = no limit */
	uint32_t egress_mbps;
	struct bw_json_list ips; /* struct bw_binding_ip, at least one */
	struct bw_json_list routes; /* struct bw_binding_route */
	struct bw_json_list services; /* struct bw_prefix: ranges of Service addresses */
	struct bw_json_list node_ips; /* struct bw_ip: the node's own addresses */
	struct cJSON *tree; /* owned; NULL when not decoded */
};

#define bw_autobinding BW_CLEANUP(bw_binding_done)

/**
 * bw_binding_decode() - read a binding
 * @text: JSON, need not be NUL-terminated
 * @size: bytes, at most BW_BINDING_TEXT_MAX
 * @ret: filled; bw_binding_done() frees it, also after a failure
 *
 * Return: 0; -EBADMSG class DECODE no JSON; -EINVAL class INVALID names the path; -E2BIG class
 * INVALID; -ENOMEM.
 */
int bw_binding_decode(const char *text, size_t size, struct bw_binding *ret, struct bw_err *err);

/* Frees what a decode made and zeroes it. NULL-safe. */
void bw_binding_done(struct bw_binding *b);

/**
 * bw_binding_encode() - write a binding as one line of JSON
 * @b: borrowed; what is absent is left out
 * @ret: owned by the caller, freed by free()
 *
 * Always the same text for the same values, so that a row that did not change is not written.
 * Return: 0; -E2BIG class INVALID more than BW_BINDING_TEXT_MAX bytes; -ENOMEM.
 */
int bw_binding_encode(const struct bw_binding *b, char **ret, struct bw_err *err);

/**
 * bw_binding_bridge() - the bridge of an uplink
 * @uplink: a device's name
 * @ret: "bw-<uplink>"; where that is too long for the kernel "bw-", the first 6 characters and
 * six digits of the name's FNV-1a
 *
 * Returns @ret.
 */
const char *bw_binding_bridge(const char *uplink, char ret[BW_CNI_IFNAME_MAX + 1]);

/* The bridge of a binding: its own, else its uplink's, else "". Returns @ret. */
const char *bw_binding_bridge_of(const struct bw_binding *b, char ret[BW_CNI_IFNAME_MAX + 1]);
