/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK: VLAN membership of the port and its endpoint in the datapath. */
#include <string.h>

#include <bw/bridge_port.h>
#include <bw/err.h>
#include <bw/log.h>

#include "check.h"
#include "endpoint.h"

/* The programs carry the tag where the bridge cannot. */
static int carries_tag(const struct bridge_check *c)
{
	return c->ctx->conf.vlan && c->uplink.ifindex && !c->bridge.bridge.has_vlan_filtering;
}

int bridge_check_vlans(struct bridge_check *c, struct bw_err *err)
{
	const struct bridge_conf *conf = &c->ctx->conf;
	uint16_t native = conf->vlan ? conf->vlan : BRIDGE_NATIVE_VID;
	struct bw_port_vlans got = { 0 };
	int r;

	if ((!conf->vlan && !conf->trunk.n) || carries_tag(c))
		return 0;
	r = bw_port_vlans(c->ctx->host, c->host.ifindex, &got, err);
	if (r < 0)
		return r;
	if (got.pvid != native || !bw_port_vlans_has(got.untagged, native))
		bw_drift_add(&c->base.drift, "port %s carries VLAN %u untagged, expected %u",
			     c->host.name, got.pvid, native);
	for (uint16_t vid = 1; vid <= BRIDGE_VLAN_MAX; vid++)
		if (bridge_trunk_has(&conf->trunk, vid) && !bw_port_vlans_has(got.member, vid))
			bw_drift_add(&c->base.drift, "VLAN %u is missing at port %s", vid,
				     c->host.name);
	return 0;
}

static void note(const char *what, void *arg)
{
	struct bridge_check *c = arg;

	bw_drift_add(&c->base.drift, "%s", what);
}

/* What acceleration came to, in a log line: CHECK answers nothing on success. */
static void say(const struct bridge_conf *conf, int accel, const char *why)
{
	bw_log_info(accel ? "accelerated" : "no acceleration", "accel",
		    bridge_accel_str(conf->accel), "why", why);
}

/* Other plugins of the chain have addresses of their own, which the programs do not know. */
static struct bw_cni_result own_addresses(const struct bridge_check *c,
					  struct bw_cni_ip ips[BW_CNI_IPS_MAX])
{
	struct bw_cni_result own = { .ips = ips };

	for (size_t i = 0; i < c->base.prev.n_ips && own.n_ips < BW_CNI_IPS_MAX; i++)
		if (bw_check_is_ours(&c->base, &c->base.prev.ips[i]))
			ips[own.n_ips++] = c->base.prev.ips[i];
	return own;
}

int bridge_check_programs(struct bridge_check *c, struct bw_err *err)
{
	const struct bridge_conf *conf = &c->ctx->conf;
	struct bw_cni_ip ips[BW_CNI_IPS_MAX];
	struct bw_cni_result own = own_addresses(c, ips);
	struct bridge_segment seg = { .lock = -1,
				      .bridge = c->bridge.ifindex,
				      .uplink = c->uplink.ifindex,
				      .bpf_vlan = carries_tag(c) != 0 };
	struct bridge_endpoint_from from = { .conf = conf,
					     .segment = &seg,
					     .host = &c->host,
					     .mac = &c->base.pod.mac,
					     .result = &own,
					     .is_netkit = strcmp(c->host.kind, "netkit") == 0 };
	const char *slow = bridge_endpoint_why_slow(conf);
	struct bw_dp_caps caps = { 0 };
	struct bw_dp_endpoint ep;
	int r;

	if (!bridge_conf_wants_programs(conf) || !c->base.pod.ifindex)
		return 0;
	r = bw_dp_probe(&caps, err);
	if (r < 0)
		return r;
	from.accel = conf->accel != BRIDGE_ACCEL_OFF && !slow && caps.hook != BW_DP_HOOK_NONE;
	say(conf, from.accel, slow ? slow : caps.why);
	if (caps.hook == BW_DP_HOOK_NONE && !bridge_conf_needs_programs(conf))
		return 0;
	r = bridge_endpoint_build(&from, &ep, err);
	if (r == 0)
		r = bw_dp_endpoint_check(&ep, note, c, err);
	return r < 0 ? r : 0;
}
