/* SPDX-License-Identifier: Apache-2.0 */
/* The pod's end: up, addresses, routes. One batch; a second one only where IPv6 was disabled. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <bw/addr.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/log.h>
#include <bw/nl.h>
#include <bw/own.h>
#include <bw/pod.h>
#include <bw/route.h>
#include <bw/sysctl.h>

static void put_up(const struct bw_pod *pod, struct bw_nl_batch *b)
{
	struct bw_link_set up = { .what = BW_LINK_SET_UP };

	bw_link_put_set(b, pod->ifindex, pod->ifname, &up);
}

static void put_addresses(const struct bw_pod *pod, const struct bw_own *own, struct bw_nl_batch *b)
{
	for (size_t i = own->first_ip; i < own->result->n_ips; i++) {
		struct bw_addr a = bw_addr_plain(pod->ifindex, &own->result->ips[i].address);

		if (pod->enable_dad)
			a.flags &= ~(uint32_t)IFA_F_NODAD;
		bw_addr_put_replace(b, &a);
	}
}

static void put_routes(const struct bw_pod *pod, const struct bw_own *own, struct bw_nl_batch *b)
{
	for (size_t i = own->first_route; i < own->result->n_routes; i++) {
		const struct bw_cni_route *from = &own->result->routes[i];
		const struct bw_ip *gw =
			bw_own_gateway(own->result, own->first_ip, from->dst.ip.family);
		struct bw_route to = { .dst = from->dst,
				       .gw = from->gw,
				       .ifindex = pod->ifindex,
				       .mtu = from->mtu,
				       .advmss = from->advmss,
				       .scope = (int16_t)from->scope };

		to.metric = from->priority > 0 ? (uint32_t)from->priority : 0;
		to.table = from->table > 0 ? (uint32_t)from->table : 0;
		if (!to.gw.family && gw)
			to.gw = *gw;
		bw_route_put_beside(b, &to);
		bw_nl_tolerate(b, EEXIST);
	}
}

/* The link-local address the kernel would make of the MAC (RFC 4291 appendix A). */
static struct bw_prefix link_local(const struct bw_mac *m)
{
	const uint8_t b[16] = { 0xfe,    0x80,    [8] = m->b[0] ^ 0x02,
				m->b[1], m->b[2], 0xff,
				0xfe,    m->b[3], m->b[4],
				m->b[5] };

	return (struct bw_prefix){ .ip = bw_ip_from_bytes(AF_INET6, b), .len = 64 };
}

/*
 * The kernel's own link-local address would be tentative for a second. So ours is in its place
 * without duplicate detection, and the mode is the default again when this batch has run. All of
 * it is optional: a pod may be without IPv6.
 */
static void put_link_local(const struct bw_pod *pod, struct bw_nl_batch *b, unsigned int mode)
{
	struct bw_link_set set = { .what = mode };
	struct bw_prefix p = link_local(&pod->mac);
	struct bw_addr a = bw_addr_plain(pod->ifindex, &p);

	if (pod->enable_dad)
		return;
	if (mode == BW_LINK_SET_EUI64) {
		a.scope = RT_SCOPE_LINK;
		bw_addr_put_replace(b, &a);
		bw_nl_tolerate(b, EACCES);
		bw_nl_tolerate(b, EADDRNOTAVAIL);
		bw_nl_tolerate(b, EOPNOTSUPP);
	}
	bw_link_put_set(b, pod->ifindex, pod->ifname, &set);
	bw_nl_tolerate(b, EAFNOSUPPORT);
	bw_nl_tolerate(b, EOPNOTSUPP);
}

/* Duplicate detection as the reference plugin asks for it; the default of a kernel is the same. */
static void set_dad(const struct bw_pod *pod)
{
	static const char *const paths[] = { "enhanced_dad", "accept_dad" };
	struct bw_err why = { 0 };

	for (size_t i = 0; i < BW_ARRAY_SIZE(paths); i++)
		if (bw_sysctl_set(&why, "1", "ipv6/conf/%s/%s", pod->ifname, paths[i]) < 0)
			bw_log_warn("enabledad has no effect", "error", why.msg);
}

static int enable_ipv6(const struct bw_pod *pod, struct bw_err *err)
{
	int r = bw_sysctl_set(err, "0", "ipv6/conf/lo/disable_ipv6");

	return r < 0 ? r : bw_sysctl_set(err, "0", "ipv6/conf/%s/disable_ipv6", pod->ifname);
}

/* Settings that no message can make. */
static int in_pod(const struct bw_pod *pod, int with_ipv6, struct bw_err *err)
{
	int r, back;

	if (!pod->enable_dad && !with_ipv6)
		return 0;
	r = bw_netns_enter(&pod->ns, err);
	if (r < 0)
		return r;
	if (pod->enable_dad)
		set_dad(pod);
	if (with_ipv6)
		r = enable_ipv6(pod, err);
	back = bw_netns_leave(&pod->ns, r < 0 ? NULL : err);
	return r < 0 ? r : back;
}

int bw_pod_up(struct bw_pod *pod, struct bw_err *err)
{
	struct bw_nl_batch *b = bw_nl_begin(pod->nl);

	put_link_local(pod, b, BW_LINK_SET_NO_LINK_LOCAL);
	put_up(pod, b);
	return bw_nl_talk(pod->nl, b, err);
}

int bw_pod_configure(struct bw_pod *pod, const struct bw_own *own, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int r;

	for (int again = 0;; again = 1) {
		struct bw_nl_batch *b;

		r = in_pod(pod, again, err);
		if (r < 0)
			return r;
		b = bw_nl_begin(pod->nl);
		put_link_local(pod, b, BW_LINK_SET_NO_LINK_LOCAL);
		put_up(pod, b);
		put_addresses(pod, own, b);
		put_link_local(pod, b, BW_LINK_SET_EUI64);
		put_routes(pod, own, b);
		r = bw_nl_talk(pod->nl, b, &why);
		/* EACCES: the namespace was made with IPv6 disabled. */
		if (r != -EACCES || again)
			break;
	}
	/* Such a route comes from the configuration, however many plugins it went through. */
	if (r == -ENETUNREACH || r == -EHOSTUNREACH)
		why.class = BW_ERR_INVALID;
	if (r < 0 && err)
		*err = why;
	return r < 0 ? bw_wrap(err, r, "configure %s in the container", pod->ifname) : 0;
}
