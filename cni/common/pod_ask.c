/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the segment for an address before it is used, and telling the segment afterwards. */
#include <bw/announce.h>
#include <bw/err.h>
#include <bw/log.h>
#include <bw/own.h>
#include <bw/pod.h>
#include <bw/probe.h>

int bw_pod_probe(const struct bw_pod *pod, const struct bw_own *own, enum bw_probe_mode mode,
		 const char *segment, const struct bw_probe *outside, struct bw_err *err)
{
	struct bw_ip ips[BW_PROBE_ADDRS_MAX];
	const size_t n_ips = bw_own_ips(own, ips, BW_PROBE_ADDRS_MAX);
	struct bw_probe probes[BW_PROBES_MAX] = {
		{ .ns = &pod->ns, .ifindex = pod->ifindex, .mac = pod->mac },
	};
	size_t n = 1;
	struct bw_probe_answer answer;
	char ip[BW_IP_STR_MAX], mac[BW_MAC_STR_MAX];
	int r;

	if (mode == BW_PROBE_OFF || !n_ips)
		return 0;
	if (outside) {
		probes[0].also = outside->mac;
		probes[n] = *outside;
		probes[n++].also = pod->mac;
	}
	for (size_t i = 0; i < n; i++) {
		probes[i].ips = ips;
		probes[i].n_ips = n_ips;
	}
	r = bw_probe_run_all(probes, n, &answer, err);
	if (r <= 0)
		return r;
	if (mode == BW_PROBE_WARN) {
		bw_log_warn("the address is in use in the segment", "ip", bw_ip_str(&answer.ip, ip),
			    "mac", bw_mac_str(&answer.mac, mac));
		return 0;
	}
	r = bw_reject(err, BW_ERR_BUSY, EADDRINUSE,
		      "address %s is in use in the segment of %s by %s", bw_ip_str(&answer.ip, ip),
		      segment, bw_mac_str(&answer.mac, mac));
	bw_err_details(err, "probe: \"warn\" would only log this");
	return r;
}

int bw_pod_announce(const struct bw_pod *pod, const struct bw_own *own, struct bw_err *err)
{
	struct bw_ip ips[BW_ANNOUNCE_ADDRS_MAX];
	size_t n = bw_own_ips(own, ips, BW_ANNOUNCE_ADDRS_MAX);

	if (!n)
		return 0;
	return bw_announce_burst(pod->nl, pod->announce_fd, pod->ifindex, &pod->mac, ips, n, err);
}
