/* SPDX-License-Identifier: Apache-2.0 */
/* The datapath's view of an attachment. */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <bw/link.h>

#include "endpoint.h"

#define IPAM_DHCP "dhcp"

static_assert(BRIDGE_EP_ADDRS_MAX == BW_EP_ADDRS_MAX, "the programs hold another number");

/* Keys whose meaning the programs cannot keep: such ports are checked, and carried by the bridge.
 */
const char *bridge_endpoint_why_slow(const struct bridge_conf *conf)
{
	if (conf->no_container_if)
		return "disableContainerInterface: the container's end is down";
	if (conf->promisc)
		return "promiscMode: the bridge is to see every frame";
	if (conf->trunk.n)
		return "vlanTrunk: tagged frames are switched by the bridge";
	return NULL;
}

int bridge_endpoint_checks_ip(const struct bridge_conf *conf)
{
	return bridge_conf_checks_ip(conf) &&
	       (conf->ipam_type || conf->antispoof.n_v4 || conf->antispoof.n_v6);
}

static uint32_t flags_of(const struct bridge_endpoint_from *from)
{
	const struct bridge_conf *conf = from->conf;
	const struct {
		int on;
		uint32_t flag;
	} table[] = {
		{ bridge_conf_checks_mac(conf), BW_EP_F_CHECK_MAC },
		{ bridge_endpoint_checks_ip(conf), BW_EP_F_CHECK_IP },
		{ conf->ipam_type && strcmp(conf->ipam_type, IPAM_DHCP) == 0, BW_EP_F_DHCP_CLIENT },
		{ from->accel && !bridge_endpoint_why_slow(conf), BW_EP_F_ACCEL },
		{ conf->isolated, BW_EP_F_ISOLATED },
		{ conf->trunk.n > 0, BW_EP_F_TRUNK },
		{ conf->hairpin, BW_EP_F_HAIRPIN },
	};
	uint32_t flags = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++)
		flags |= table[i].on ? table[i].flag : 0;
	return flags;
}

static int put_address(struct bw_dp_endpoint *ep, const struct bw_prefix *p, struct bw_err *err)
{
	int v6 = p->ip.family == AF_INET6;
	unsigned int *n = v6 ? &ep->n_v6 : &ep->n_v4;

	if (*n == BW_EP_ADDRS_MAX)
		return bw_reject(
			err, BW_ERR_INVALID, E2BIG,
			"antiSpoof: more than %d IPv%c addresses of one interface, its own "
			"and those of allow, cannot be checked; antiSpoof: false is the "
			"way out",
			BW_EP_ADDRS_MAX, v6 ? '6' : '4');
	(v6 ? ep->v6 : ep->v4)[(*n)++].prefix = *p;
	return 0;
}

static int put_addresses(const struct bridge_endpoint_from *from, struct bw_dp_endpoint *ep,
			 struct bw_err *err)
{
	const struct bridge_antispoof *a = &from->conf->antispoof;
	int r = 0;

	for (size_t i = from->first_ip; i < from->result->n_ips && r == 0; i++) {
		struct bw_prefix host = from->result->ips[i].address;

		host.len = (uint8_t)bw_ip_bits(host.ip.family);
		r = put_address(ep, &host, err);
	}
	for (unsigned int i = 0; i < a->n_v4 && r == 0; i++)
		r = put_address(ep, &a->v4[i], err);
	for (unsigned int i = 0; i < a->n_v6 && r == 0; i++)
		r = put_address(ep, &a->v6[i], err);
	return r;
}

int bridge_endpoint_build(const struct bridge_endpoint_from *from, struct bw_dp_endpoint *ret,
			  struct bw_err *err)
{
	const struct bridge_bandwidth *b = &from->conf->bandwidth;
	struct bw_dp_endpoint ep = {
		.ifindex = from->host->ifindex,
		.segment = { .bridge = from->segment->bridge,
			     .uplink = from->segment->uplink,
			     .vlan = from->conf->vlan,
			     .bpf_vlan = from->segment->bpf_vlan },
		.mac = *from->mac,
		.flags = flags_of(from),
		.rx_rate_bps = (uint64_t)b->ingress_rate,
		.tx_rate_bps = (uint64_t)b->egress_rate,
		.rx_burst_bits = (uint64_t)b->ingress_burst,
		.tx_burst_bits = (uint64_t)b->egress_burst,
		.host_if = from->host->name,
		.netkit = from->is_netkit != 0,
	};
	int r = 0;

	if (bridge_endpoint_checks_ip(from->conf))
		r = put_addresses(from, &ep, err);
	if (r == 0)
		*ret = ep;
	return r;
}
