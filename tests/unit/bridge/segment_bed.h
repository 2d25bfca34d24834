/* SPDX-License-Identifier: Apache-2.0 */
/* A node with an uplink up0 whose other end x is the real network, in namespaces of the test's own.
 */
#pragma once

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include <bw/addr.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/netns.h>
#include <bw/nl.h>
#include <bw/route.h>
#include <bw/segment.h>

#include "addrs.h"
#include "lock.h"
#include "neighbour.h"
#include "segment.h"

/* The node has up0, whose other end x is in a namespace of its own: the real network. */
struct bed {
	struct bw_nl *nl;
	struct bw_nl *nl_x;
	struct neighbour x;
	struct bw_journal *journal;
	struct bw_link up, wire;
};

static inline int setup(void **state)
{
	struct bed *t = calloc(1, sizeof(*t));
	struct bw_link_veth_new n = { .name = "up0", .up = 1, .mtu = 1400, .peer_name = "x" };
	struct bw_link_set up = { .what = BW_LINK_SET_UP };

	assert_non_null(t);
	neighbour_make(&t->x);
	assert_ok(bw_nl_open(BW_NL_ROUTE, NULL, &t->nl, &err));
	assert_ok(bw_nl_open(BW_NL_ROUTE, &t->x.ns, &t->nl_x, &err));
	n.peer_ns = &t->x.ns;
	bw_link_put_veth(bw_nl_begin(t->nl), &n);
	assert_ok(bw_nl_talk(t->nl, &t->nl->batch, &err));
	assert_ok(bw_link_set(t->nl_x, 0, "x", &up, &err));
	assert_ok(bw_link_get(t->nl, 0, "up0", &t->up, &err));
	assert_ok(bw_link_get(t->nl_x, 0, "x", &t->wire, &err));
	assert_ok(bw_journal_open(BW_JOURNAL_DIR_DEFAULT, BW_JOURNAL_F_CREATE, &t->journal, &err));
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct bed *t = *state;
	static const char *const names[] = { "br0", "br1", "up0", "p0", "p1" };

	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++)
		assert_ok(bw_link_del(t->nl, 0, names[i], &err));
	assert_ok(bw_journal_uplink_remove(t->journal, "up0", &err));
	bw_journal_close(&t->journal);
	bw_nl_close(&t->nl);
	bw_nl_close(&t->nl_x);
	neighbour_drop(&t->x);
	free(t);
	return 0;
}

static inline void add_addr(struct bw_nl *nl, int ifindex, const char *text)
{
	struct bw_prefix p = prefix(text);
	struct bw_addr a = bw_addr_plain(ifindex, &p);

	bw_addr_put_add(bw_nl_begin(nl), &a);
	assert_ok(bw_nl_talk(nl, &nl->batch, &err));
}

static inline void add_route(struct bw_nl *nl, int ifindex, const char *dst, const char *gw,
			     uint32_t table)
{
	struct bw_route r = { .dst = prefix(dst), .ifindex = ifindex, .table = table, .scope = -1 };

	if (gw)
		r.gw = ip(gw);
	bw_route_put_add(bw_nl_begin(nl), &r);
	assert_ok(bw_nl_talk(nl, &nl->batch, &err));
}

/* All addresses and routes of a device as sorted text, to compare states. */
struct dump {
	char lines[64][80];
	int n, mark;
};

static inline void dump_reset(void *arg)
{
	struct dump *d = arg;

	d->n = d->mark;
}

static inline int dump_addr(const struct bw_addr *a, void *arg, struct bw_err *e)
{
	char text[BW_PREFIX_STR_MAX];
	struct dump *d = arg;

	(void)e;
	assert_true(d->n < 64);
	/* Link-local addresses come and go by themselves. */
	if (a->scope == 0)
		snprintf(d->lines[d->n++], 80, "addr %s", bw_prefix_str(&a->prefix, text));
	return 0;
}

static inline int dump_route(const struct nlmsghdr *nlh, const struct bw_route *r, void *arg,
			     struct bw_err *e)
{
	char dst[BW_PREFIX_STR_MAX], gw[BW_IP_STR_MAX];
	struct dump *d = arg;

	(void)nlh;
	(void)e;
	assert_true(d->n < 64);
	if (!bw_route_is_kernels(r) && r->dst.ip.b[0] != 0xfe)
		snprintf(d->lines[d->n++], 80, "route %s via %s metric %u table %u",
			 bw_prefix_str(&r->dst, dst), bw_ip_str(&r->gw, gw), r->metric, r->table);
	return 0;
}

static inline int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static inline void dump_of(struct bw_nl *nl, int ifindex, struct dump *d)
{
	struct bw_addr_visitor addrs = { dump_reset, dump_addr, d };
	struct bw_route_visitor routes = { dump_reset, dump_route, d };

	d->n = d->mark = 0;
	assert_ok(bw_addr_list(nl, ifindex, AF_UNSPEC, &addrs, &err));
	d->mark = d->n;
	assert_ok(bw_route_list(nl, ifindex, AF_UNSPEC, &routes, &err));
	qsort(d->lines, (size_t)d->n, sizeof(d->lines[0]), by_text);
}

static inline void assert_same(const struct dump *got, const struct dump *want)
{
	for (int i = 0; i < want->n || i < got->n; i++)
		assert_string_equal(i < got->n ? got->lines[i] : "-",
				    i < want->n ? want->lines[i] : "-");
}

static inline struct bw_link link_of(struct bed *t, const char *name)
{
	struct bw_link l = { 0 };

	bw_link_put_get(bw_nl_begin(t->nl), 0, name, &l);
	assert_ok(bw_nl_talk(t->nl, &t->nl->batch, &err));
	return l;
}

/* A port as a container's would be. */
static inline void add_port(struct bed *t, const char *name, int bridge)
{
	struct bw_link_veth_new n = {
		.name = name, .up = 1, .master = bridge, .peer_name = name, .peer_ns = &t->x.ns
	};

	bw_link_put_veth(bw_nl_begin(t->nl), &n);
	assert_ok(bw_nl_talk(t->nl, &t->nl->batch, &err));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static inline int private_world(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 ||
	    mount("tmpfs", "/var/lib", "tmpfs", 0, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
		return -1;
	return mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
}
