/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the segment for an address before it is used, and telling the segment afterwards. */
#include <bw/announce.h>
#include <bw/err.h>
#include <bw/log.h>
#include <bw/probe.h>

#include "add.h"

/* The attachment's addresses, at most @max of them. Returns how many. */
static size_t own_ips(const struct bridge_add *add, struct bw_ip *out, size_t max)
{
	size_t n = 0;

	for (size_t i = add->first_ip; i < add->result->n_ips && n < max; i++)
		out[n++] = add->result->ips[i].address.ip;
	return n;
}

int bridge_probe_run(struct bridge_add *add, struct bw_err *err)
{
	struct bw_ip ips[BW_PROBE_ADDRS_MAX];
	struct bw_probe probe = { .ns = &add->ns,
				  .ifindex = add->pod_ifindex,
				  .mac = add->mac,
				  .ips = ips,
				  .n_ips = own_ips(add, ips, BW_PROBE_ADDRS_MAX) };
	struct bw_probe_answer answer;
	char ip[BW_IP_STR_MAX], mac[BW_MAC_STR_MAX];
	int r;

	r = bridge_pod_up(add, err);
	/* Answers come to the pod's MAC: a port that neither learns nor floods must know it. */
	if (r == 0)
		r = bridge_port_pin(add, err);
	if (r == 0)
		r = bridge_port_settle(add, err);
	if (r == 0)
		r = bw_probe_run(&probe, &answer, err);
	if (r <= 0)
		return r;
	if (add->ctx->conf.probe == BRIDGE_PROBE_WARN) {
		bw_log_warn("the address is in use in the segment", "ip", bw_ip_str(&answer.ip, ip),
			    "mac", bw_mac_str(&answer.mac, mac));
		return 0;
	}
	r = bw_reject(err, BW_ERR_BUSY, EADDRINUSE,
		      "address %s is in use in the segment of %s by %s", bw_ip_str(&answer.ip, ip),
		      add->ctx->conf.bridge, bw_mac_str(&answer.mac, mac));
	bw_err_details(err, "probe: \"warn\" would only log this");
	return r;
}

void bridge_announce_run(struct bridge_add *add)
{
	struct bw_ip ips[BW_ANNOUNCE_ADDRS_MAX];
	size_t n = own_ips(add, ips, BW_ANNOUNCE_ADDRS_MAX);
	struct bw_err why = { 0 };
	int r;

	if (add->ctx->conf.no_container_if)
		return;
	r = bridge_port_settle(add, &why);
	if (r == 0 && add->ctx->conf.announce && n)
		r = bw_announce_burst(add->pod, add->announce_fd, add->pod_ifindex, &add->mac, ips,
				      n, &why);
	if (r < 0)
		bw_log_warn("the addresses were not announced", "error", why.msg);
}
