/* SPDX-License-Identifier: Apache-2.0 */
/* Entering a bridge: look under the shared lock, make under the exclusive one, look again. */
#include <string.h>

#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/nl.h>

#include "gateway.h"
#include "lock.h"
#include "segment.h"
#include "segment_look.h"
#include "segment_make.h"

#define PASSES_MAX 16 /* makes that others undid before we could look */

int bridge_segment_check(struct bw_nl *nl, const struct bridge_segment_want *want,
			 struct bw_err *err)
{
	struct bridge_look look;
	int r = bridge_look(nl, want, &look, err);

	return r < 0 ? r : bridge_look_check(nl, want, &look, err);
}

static int needs_probe(const struct bridge_segment_want *want, const struct bridge_look *look)
{
	return want->n_gateways && look->uplink.ifindex && !look->has_gateways;
}

/* Without any lock: it takes a while. 1 = the uplink was set up for it. */
static int probe_gateways(struct bw_nl *nl, const struct bridge_segment_want *want,
			  const struct bridge_look *look, struct bw_err *err)
{
	struct bridge_gateway g = { .uplink = &look->uplink,
				    .gateways = want->gateways,
				    .n = want->n_gateways,
				    .vlan = want->vlan };
	int r;

	g.tagged_by_programs = look->alias.vlan && look->bridge.ifindex &&
			       look->uplink.master == look->bridge.ifindex;
	r = bridge_gateway_probe(nl, &g, err);
	return r < 0 ? r : !(look->uplink.flags & IFF_UP);
}

/* A probe set the uplink up, and then no bridge took it. */
static void lower_uplink(struct bw_nl *nl, const struct bridge_segment_want *want)
{
	struct bw_link_set down = { .what = BW_LINK_SET_DOWN };
	struct bw_link link;

	if (!want->uplink || bw_link_get(nl, 0, want->uplink, &link, NULL) < 0 || link.master)
		return;
	(void)bw_link_set(nl, link.ifindex, link.name, &down, NULL); /* it stays up, ignoring */
}

static void fill(const struct bridge_segment_want *want, const struct bridge_look *look,
		 struct bridge_segment *ret)
{
	const struct bw_link *host =
		want->n_gateways || want->reach ? &look->gateway : &look->bridge;

	ret->bridge = look->bridge.ifindex;
	ret->uplink = look->uplink.ifindex;
	ret->mac = look->bridge.mac;
	ret->mtu = want->mtu ? want->mtu : look->uplink.mtu;
	ret->bridge_mtu = look->bridge.mtu;
	ret->gso_max_size = look->uplink.gso_max_size;
	ret->gso_ipv4_max_size = look->uplink.gso_ipv4_max_size;
	ret->filters_vlan = bridge_look_wants_vlans(want) && look->bridge.bridge.has_vlan_filtering;
	ret->bpf_vlan = bridge_look_wants_bpf_vlan(want, look) != 0;
	ret->is_new = look->alias.is_new;
	ret->alias = look->alias;
	ret->gateway = host->ifindex;
	ret->gateway_mac = host->mac;
	memcpy(ret->gateway_name, host->name, sizeof(ret->gateway_name));
}

/* One look under the shared lock: 1 it is right, 0 it must be made. */
static int look_shared(struct bw_nl *nl, const struct bridge_segment_want *want, int *lock,
		       int made, struct bridge_look *look, struct bw_err *err)
{
	int r;

	r = bridge_lock_take(want->bridge, BRIDGE_LOCK_SHARED, lock, err);
	if (r >= 0)
		r = bridge_look(nl, want, look, err);
	if (r >= 0)
		r = bridge_look_check(nl, want, look, err);
	return r < 0 ? r : bridge_look_is_right(want, look, made);
}

/* What a make that failed half way leaves goes again, if only failed ADDs were here. */
static int unmake_new(struct bw_nl *nl, const struct bridge_segment_want *want, struct bw_err *err)
{
	struct bridge_ports ports;
	struct bridge_look look;
	int r;

	r = bridge_look(nl, want, &look, err);
	if (r < 0 || !look.bridge.ifindex || !look.alias.is_new || look.alias.moved)
		return r;
	r = bridge_look_ports(nl, &look, &ports, err);
	if (r < 0 || ports.n)
		return r;
	r = bridge_unmake(nl, &look, err);
	if (r >= 0 && look.alias.made)
		bridge_lock_remove(want->bridge);
	if (r >= 0 && want->journal)
		r = bw_journal_segment_remove(want->journal, want->bridge, UINT32_MAX, err);
	return r;
}

static int make_exclusive(struct bw_nl *nl, const struct bridge_segment_want *want, int *lock,
			  int raised, struct bw_err *err)
{
	struct bridge_look look;
	int r;

	r = bridge_lock_take(want->bridge, BRIDGE_LOCK_EXCLUSIVE, lock, err);
	if (r >= 0)
		r = bridge_look(nl, want, &look, err);
	if (r >= 0)
		r = bridge_look_check(nl, want, &look, err);
	if (r < 0)
		return r;
	r = bridge_make(nl, want, &look, raised, err);
	if (r < 0)
		(void)unmake_new(nl, want, NULL); /* the first error is the one to tell, ignoring */
	return r;
}

/* Until a look under the shared lock finds it right. 0 and @lock held shared; -errno. */
static int settle(struct bw_nl *nl, const struct bridge_segment_want *want, int *lock,
		  struct bridge_look *look, int *raised, struct bw_err *err)
{
	int probed = 0;

	for (int pass = 0; pass < PASSES_MAX; pass++) {
		int r = look_shared(nl, want, lock, pass > 0, look, err);

		if (r)
			return r < 0 ? r : 0;
		if (!probed && needs_probe(want, look)) {
			bw_autoclose_fn(lock);
			*lock = -1;
			r = probe_gateways(nl, want, look, err);
			if (r < 0)
				return r;
			*raised = r;
			probed = 1;
		}
		r = make_exclusive(nl, want, lock, *raised, err);
		if (r < 0)
			return r;
	}
	return bw_reject(err, BW_ERR_BUSY, EBUSY, "bridge %s does not stay as it is made",
			 want->bridge);
}

int bridge_segment_enter(struct bw_nl *nl, const struct bridge_segment_want *want,
			 struct bridge_segment *ret, struct bw_err *err)
{
	bw_autoclose int lock = -1;
	struct bridge_look look;
	int r, raised = 0;

	if (want->n_gateways > BRIDGE_GATEWAYS_MAX)
		return bw_fail(err, E2BIG, "enter bridge %s with %zu gateways", want->bridge,
			       want->n_gateways);
	if (want->move_addresses && !want->journal)
		return bw_fail(err, EINVAL, "move addresses without a journal");
	r = settle(nl, want, &lock, &look, &raised, err);
	if (r < 0) {
		if (raised)
			lower_uplink(nl, want);
		return r;
	}
	fill(want, &look, ret);
	ret->lock = BW_TAKE_FD(lock);
	return 0;
}

int bridge_segment_commit(struct bw_nl *nl, const struct bridge_segment_want *want,
			  struct bridge_segment *seg, struct bw_err *err)
{
	char text[BRIDGE_ALIAS_MAX];
	struct bw_link_set set = { .what = BW_LINK_SET_ALIAS, .alias = text };
	int r;

	if (!seg->is_new)
		return 0;
	seg->alias.is_new = 0;
	(void)bridge_alias_str(&seg->alias, text);
	r = bw_link_set(nl, seg->bridge, want->bridge, &set, err);
	if (r >= 0)
		seg->is_new = 0;
	return r;
}

int bridge_segment_undo(struct bw_nl *nl, const struct bridge_segment_want *want,
			struct bridge_segment *seg, struct bw_err *err)
{
	int r = 0;

	if (seg->is_new) {
		r = bridge_lock_take(want->bridge, BRIDGE_LOCK_EXCLUSIVE, &seg->lock, err);
		if (r >= 0)
			r = unmake_new(nl, want, err);
	}
	bridge_segment_done(seg);
	return r;
}

void bridge_segment_done(struct bridge_segment *seg)
{
	bw_autoclose_fn(&seg->lock);
	seg->lock = -1;
}
