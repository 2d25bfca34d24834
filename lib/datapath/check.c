/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK: what the kernel holds of an endpoint against what it should hold, each drift in words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "dp.h"
#include "endpoint.h"

#define DP_DRIFT_MAX 256

struct check {
	const struct bw_dp_endpoint *want;
	struct dp_dir *dir;
	bw_dp_drift_fn fn;
	void *arg;
	int found;
	int drifts;
};

static void drift(struct check *c, const char *fmt, ...) BW_PRINTF(2, 3);

static void drift(struct check *c, const char *fmt, ...)
{
	char what[DP_DRIFT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	c->drifts++;
	c->fn(what, c->arg);
}

static const char *const side_texts[] = { [DP_SIDE_IN] = "ingress", [DP_SIDE_OUT] = "egress" };

/* While an upgrade is unfinished, links have moved to another directory than the record's. */
static int attached_elsewhere(struct check *c, const struct dp_port *port, enum dp_side side,
			      uint32_t *ret_id, struct bw_err *err)
{
	struct dp_dirs dirs;
	int r = dp_dirs_list(&dirs, err);

	for (unsigned int i = 0; i < dirs.n && !r && !*ret_id; i++) {
		dp_autodir struct dp_dir dir;

		dp_dir_init(&dir, dirs.names[i]);
		if (strcmp(dir.name, c->dir->name))
			r = dp_attached(&dir, port, side, ret_id, err);
	}
	return r;
}

/* The kernel is asked, not our pins alone: cilium#21345. */
static int check_program(struct check *c, const struct dp_port *port, enum dp_side side,
			 struct bw_err *err)
{
	const char *name = dp_prog_str(dp_prog_of((enum dp_port_kind)port->kind, side));
	uint32_t want = 0;
	uint32_t have = 0;
	int prog;
	int r;

	prog = dp_dir_prog(c->dir, dp_prog_of((enum dp_port_kind)port->kind, side), err);
	r = prog < 0 ? prog : dp_prog_id(prog, &want, err);
	if (r == -ENOENT) {
		drift(c, "program %s is not pinned", name);
		return 0;
	}
	if (!r)
		r = dp_attached(c->dir, port, side, &have, err);
	if (!r && !have) {
		r = attached_elsewhere(c, port, side, &have, err);
		want = have;
	}
	if (r)
		return r;
	if (!have)
		drift(c, "no program of barewire at the %s of %s", side_texts[side], port->host_if);
	else if (have != want)
		drift(c, "the %s of %s runs program %u instead of %s (%u)", side_texts[side],
		      port->host_if, have, name, want);
	return 0;
}

static int check_programs(struct check *c, const struct dp_port *port, struct bw_err *err)
{
	int r = check_program(c, port, DP_SIDE_IN, err);

	if (r || !dp_port_has_side(port, DP_SIDE_OUT))
		return r;
	return check_program(c, port, DP_SIDE_OUT, err);
}

/* An operator's wish is no drift. */
static void normal(struct bw_ep *ep)
{
	ep->flags &= ~(BW_EP_F_SLOW | BW_EP_F_CUT);
}

struct member {
	const char *name;
	size_t offset, size;
};

#define DP_MEMBER(m)                                                                               \
	{                                                                                          \
#m, offsetof(struct bw_ep, m), sizeof(((struct bw_ep *)0)->m)                      \
	}

static const struct member members[] = {
	DP_MEMBER(flags),  DP_MEMBER(dev), DP_MEMBER(vid), DP_MEMBER(mac),  DP_MEMBER(uplink),
	DP_MEMBER(bridge), DP_MEMBER(v4),  DP_MEMBER(v6),  DP_MEMBER(n_v4), DP_MEMBER(n_v6),
};

static int check_ep(struct check *c, const struct dp_found *found, struct bw_err *err)
{
	struct bw_ep want;
	struct bw_ep have;
	int r = dp_endpoint_fill(c->want, found->slot, &want, err);

	if (!r)
		r = dp_map_get(c->dir, DP_MAP_EP, &found->port.ifindex, &have, sizeof(have), err);
	if (r < 0)
		return r;
	if (!r || have.slot != found->slot) {
		drift(c, "%s has no entry in map bw_ep", found->port.host_if);
		return 0;
	}
	normal(&want);
	normal(&have);
	for (size_t i = 0; i < BW_ARRAY_SIZE(members); i++) {
		const struct member *m = &members[i];

		if (memcmp((char *)&want + m->offset, (char *)&have + m->offset, m->size))
			drift(c, "%s: %s in map bw_ep differs from the configuration",
			      found->port.host_if, m->name);
	}
	return 0;
}

static int check_fdb(struct check *c, const struct dp_found *found, struct bw_err *err)
{
	struct bw_mac_key key = dp_port_key(&found->port);
	struct bw_slot slot = { 0 };
	char text[BW_MAC_STR_MAX];
	struct bw_mac mac;
	struct bw_fdb fdb;
	int r = dp_map_get(c->dir, DP_MAP_FDB, &key, &fdb, sizeof(fdb), err);

	if (r == 1)
		r = dp_map_get(c->dir, DP_MAP_SLOT, &found->slot, &slot, sizeof(slot), err) < 0
			    ? -EIO
			    : 1;
	if (r < 0)
		return r;
	memcpy(mac.b, key.mac, sizeof(mac.b));
	if (!r)
		drift(c, "MAC %s of %s has no forwarding entry", bw_mac_str(&mac, text),
		      found->port.host_if);
	else if (fdb.ifindex != found->port.ifindex || fdb.slot != found->slot ||
		 fdb.gen != slot.gen)
		drift(c, "the forwarding entry of MAC %s does not lead to %s",
		      bw_mac_str(&mac, text), found->port.host_if);
	return 0;
}

static int check_uplink(struct check *c, struct bw_err *err)
{
	uint32_t key = (uint32_t)c->want->segment.uplink;
	struct dp_found found = { 0 };
	struct bw_uplink up;
	int r;

	if (!key)
		return 0;
	r = dp_map_get(c->dir, DP_MAP_UPLINK, &key, &up, sizeof(up), err);
	if (r == 1)
		r = dp_map_get(c->dir, DP_MAP_PORT, &up.slot, &found.port, sizeof(found.port), err);
	if (r < 0)
		return r;
	if (!r || found.port.ifindex != key) {
		drift(c, "the uplink (device %u) is not registered", key);
		return 0;
	}
	if (up.bridge != (uint32_t)c->want->segment.bridge)
		drift(c, "the uplink %s serves device %u, not this bridge", found.port.host_if,
		      up.bridge);
	if (!!(up.flags & BW_UPLINK_F_VLAN) != c->want->segment.bpf_vlan ||
	    (c->want->segment.bpf_vlan && up.vid != c->want->segment.vlan))
		drift(c, "the uplink %s carries VLAN %u, not %u", found.port.host_if, up.vid,
		      c->want->segment.bpf_vlan ? c->want->segment.vlan : 0U);
	return check_programs(c, &found.port, err);
}

static int check_port(const struct dp_found *found, void *arg, struct bw_err *err)
{
	struct check *c = arg;
	int r;

	if (found->port.kind != DP_PORT_ENDPOINT ||
	    found->port.ifindex != (uint32_t)c->want->ifindex)
		return 0;
	c->found++;
	if (memcmp(found->port.mac, c->want->mac.b, sizeof(found->port.mac)))
		drift(c, "%s is registered with another MAC", found->port.host_if);
	r = check_programs(c, &found->port, err);
	if (!r)
		r = check_ep(c, found, err);
	if (!r)
		r = check_fdb(c, found, err);
	return r ? r : check_uplink(c, err);
}

static void say_nothing(const char *what, void *arg)
{
	(void)what;
	(void)arg;
}

/* How far the endpoint in this directory drifts: >= 0; -ENOENT it is not in there; -errno. */
static int judge(const char *name, const struct check *want, bw_dp_drift_fn fn, struct bw_err *err)
{
	dp_autodir struct dp_dir dir;
	struct check c = { .want = want->want, .dir = &dir, .fn = fn, .arg = want->arg };
	int r;

	dp_dir_init(&dir, name);
	r = dp_port_each(&dir, check_port, &c, err);
	return r ? r : c.found ? c.drifts : -ENOENT;
}

/*
 * Of several directories (an upgrade that was killed) the one that fits best is what counts: the
 * others are being made or left.
 */
static int judge_all(const struct check *c, struct bw_err *err)
{
	struct dp_dirs dirs;
	int best = -1;
	int least = 0;
	int r = dp_dirs_list(&dirs, err);

	for (unsigned int i = 0; i < dirs.n && !r; i++) {
		int n = judge(dirs.names[i], c, say_nothing, err);

		if (n < 0 && n != -ENOENT)
			r = n;
		if (n < 0 || (best >= 0 && n >= least))
			continue;
		best = (int)i;
		least = n;
	}
	if (r || best < 0)
		return r ? r : -ENOENT;
	return judge(dirs.names[best], c, c->fn, err);
}

int bw_dp_endpoint_check(const struct bw_dp_endpoint *ep, bw_dp_drift_fn fn, void *arg,
			 struct bw_err *err)
{
	struct check c = { .want = ep, .fn = fn, .arg = arg };
	bw_autoclose int lock = -1;
	int r = -ENOENT;

	if (!access(BW_DP_PIN_ROOT, F_OK)) {
		lock = dp_lock_open(err);
		r = lock < 0 ? lock : dp_lock_take(lock, LOCK_SH, err);
		if (!r)
			r = judge_all(&c, err);
	}
	if (r != -ENOENT)
		return r;
	drift(&c, "device %d is not registered in the datapath", ep->ifindex);
	return c.drifts;
}
