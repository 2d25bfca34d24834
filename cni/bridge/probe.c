/* SPDX-License-Identifier: Apache-2.0 */
/* When the segment can be asked for an address, and told who has it: as soon as the port works. */
#include <bw/err.h>
#include <bw/link.h>
#include <bw/log.h>
#include <bw/probe.h>

#include "add.h"
#include "gateway.h"

/* A probe that reaches nobody says nothing. */
static int check_carrier(const struct bridge_add *add, struct bw_err *err)
{
	int r;

	if (add->ctx->conf.probe != BW_PROBE_ENFORCE)
		return 0;
	r = bw_link_wait_carrier(NULL, add->segment.uplink, BRIDGE_GATEWAY_CARRIER_MS, err);
	return r != -ETIMEDOUT ? r
			       : bw_reject(err, BW_ERR_BUSY, ETIMEDOUT,
					   "uplink %s has no carrier: whether somebody has the "
					   "address cannot be probed",
					   add->want.uplink);
}

/* From the bridge's own MAC, on the wire alone. */
static struct bw_probe outside(const struct bridge_add *add)
{
	return (struct bw_probe){ .ifindex = add->segment.uplink,
				  .mac = add->segment.mac,
				  .vlan = add->want.vlan,
				  .untagged_out = add->segment.bpf_vlan };
}

int bridge_probe_run(struct bridge_add *add, struct bw_err *err)
{
	const struct bw_probe wire = outside(add);
	int r;

	r = bw_pod_up(&add->pod, err);
	/* Answers come to the pod's MAC: a port that neither learns nor floods must know it. */
	if (r == 0)
		r = bridge_port_pin(add, err);
	if (r == 0)
		r = bridge_port_settle(add, err);
	if (r == 0 && wire.ifindex)
		r = check_carrier(add, err);
	if (r == 0)
		r = bw_pod_probe(&add->pod, &add->own, add->ctx->conf.probe, add->ctx->conf.bridge,
				 wire.ifindex ? &wire : NULL, err);
	return r;
}

void bridge_announce_run(struct bridge_add *add)
{
	struct bw_err why = { 0 };
	int r;

	if (add->ctx->conf.no_container_if)
		return;
	r = bridge_port_settle(add, &why);
	if (r == 0)
		r = bw_pod_local_wait(&add->pod, &add->own, &why);
	if (r == 0 && add->ctx->conf.announce)
		r = bw_pod_announce(&add->pod, &add->own, &why);
	if (r < 0)
		bw_log_warn("the addresses were not announced", "error", why.msg);
}
