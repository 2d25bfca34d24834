/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace of the test's own with a second one behind a veth: for lib/net on a real
 * kernel. */
#pragma once

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include <bw/addr.h>
#include <bw/announce.h>
#include <bw/bridge_port.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/neigh.h>
#include <bw/netns.h>
#include <bw/nft.h>
#include <bw/nl.h>
#include <bw/probe.h>
#include <bw/route.h>
#include <bw/sysctl.h>

#include "addrs.h"
#include "neighbour.h"

struct bed {
	struct bw_nl *nl;
	struct bw_nl *nl_pod;
	struct neighbour pod;
};

static inline struct bw_mac mac(const char *s)
{
	struct bw_mac r;

	assert_int_equal(bw_mac_parse(s, &r), 0);
	return r;
}

static inline int setup(void **state)
{
	struct bed *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	neighbour_make(&t->pod);
	assert_ok(bw_nl_open(BW_NL_ROUTE, NULL, &t->nl, &err));
	assert_ok(bw_nl_open(BW_NL_ROUTE, &t->pod.ns, &t->nl_pod, &err));
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct bed *t = *state;
	static const char *const names[] = { "br0", "h0", "up0" };

	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++)
		assert_ok(bw_link_del(t->nl, 0, names[i], &err));
	bw_nl_close(&t->nl);
	bw_nl_close(&t->nl_pod);
	neighbour_drop(&t->pod);
	free(t);
	return 0;
}

static inline void set_up(struct bw_nl *nl, const char *name)
{
	struct bw_link_set up = { .what = BW_LINK_SET_UP };

	assert_ok(bw_link_set(nl, 0, name, &up, &err));
}

/* br0 with h0, whose other end is eth0 (02:..:07) in the pod, everything up, in two talks. */
static inline void build(struct bed *t, struct bw_link *br, struct bw_link *host,
			 struct bw_link *pod)
{
	struct bw_mac br_mac = mac("02:00:00:00:00:01"), pod_mac = mac("02:00:00:00:00:07");
	struct bw_link_bridge_new nb = {
		.name = "br0", .mac = &br_mac, .mtu = 1400, .vlan_filtering = -1, .default_pvid = -1
	};
	struct bw_link_veth_new nv = { .name = "h0",
				       .up = 1,
				       .mtu = 1400,
				       .gso_max_size = 60000,
				       .peer_name = "eth0",
				       .peer_mac = &pod_mac,
				       .peer_ns = &t->pod.ns };
	struct bw_link_set set = { .what = BW_LINK_SET_NO_LINK_LOCAL | BW_LINK_SET_UP };
	struct bw_nl_batch *b = bw_nl_begin(t->nl);

	bw_link_put_bridge(b, &nb);
	bw_link_put_set(b, 0, "br0", &set);
	bw_link_put_get(b, 0, "br0", br);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	nv.master = br->ifindex;
	b = bw_nl_begin(t->nl);
	bw_link_put_veth(b, &nv);
	bw_link_put_get(b, 0, "h0", host);
	assert_ok(bw_nl_talk(t->nl, b, &err));
	set_up(t->nl_pod, "eth0");
	assert_ok(bw_link_get(t->nl_pod, 0, "eth0", pod, &err));
}
