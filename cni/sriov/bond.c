/* SPDX-License-Identifier: Apache-2.0 */
/* Two VFs as one interface. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <bw/attach.h>
#include <bw/bond.h>
#include <bw/drift.h>
#include <bw/err.h>
#include <bw/link.h>
#include <bw/nl.h>

#include "add.h"
#include "bond.h"

#define ALIAS_PREFIX "barewire-bond:" /* then the attachment's hash, ':' and the interface */

/*
 * In active-backup the bond follows its active port's MAC: both have the same, and nothing has to
 * be written to a VF that may refuse it. 802.3ad has no such mode.
 */
static const struct {
	uint8_t mode;
	uint8_t fail_over_mac;
} kernel_modes[] = {
	[SRIOV_BOND_ACTIVE_BACKUP] = { BW_BOND_MODE_ACTIVE_BACKUP, BW_BOND_MAC_ACTIVE },
	[SRIOV_BOND_8023AD] = { BW_BOND_MODE_8023AD, BW_BOND_MAC_NONE },
};
static_assert(BW_ARRAY_SIZE(kernel_modes) == SRIOV_BOND_MAX_, "a mode the kernel is not told");

static struct bw_bond options_of(const struct sriov_bond *conf)
{
	return (struct bw_bond){ .mode = kernel_modes[conf->mode].mode,
				 .fail_over_mac = kernel_modes[conf->mode].fail_over_mac,
				 .miimon = conf->miimon };
}

/* Makes the device alone: nothing may be sent by its name before it is known to be ours. */
static int create(struct bw_nl *pod, const struct sriov_bond_plan *plan, int *ret_ifindex,
		  struct bw_err *err)
{
	const struct bw_bond_new n = { .name = plan->ifname,
				       .mac = plan->mac,
				       .mtu = plan->mtu,
				       .options = options_of(plan->conf) };
	struct bw_nl_batch *b = bw_nl_begin(pod);
	struct bw_link link = { 0 };
	int r;

	bw_bond_put_new(b, &n);
	r = bw_nl_talk(pod, b, err);
	if (r == -EEXIST)
		return bw_reject(err, BW_ERR_INVALID, EEXIST,
				 "the container has an interface %s already", plan->ifname);
	if (r == -EOPNOTSUPP)
		return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
				 "bond: this kernel has no bonds, expected its module bonding");
	if (r == 0)
		r = bw_link_get(pod, 0, plan->ifname, &link, err);
	if (r == 0)
		*ret_ifindex = link.ifindex;
	return r;
}

static int join(struct bw_nl *pod, const struct sriov_bond_plan *plan, int bond, struct bw_err *err)
{
	const struct bw_link_set port = { .what = BW_LINK_SET_MASTER, .master = bond };
	struct bw_link_set up = { .what = BW_LINK_SET_UP | BW_LINK_SET_ALIAS };
	struct bw_nl_batch *b = bw_nl_begin(pod);
	char hash[BW_ATTACH_HASH_LEN + 1];
	char alias[BW_LINK_ALIAS_MAX + 1];

	bw_attach_hash(plan->container_id, plan->ifname, hash);
	/* always fits, ignoring */
	(void)snprintf(alias, sizeof(alias), ALIAS_PREFIX "%s:%s", hash, plan->ifname);
	up.alias = alias;
	for (size_t i = 0; i < SRIOV_SLAVES; i++)
		bw_link_put_set(b, plan->ports[i].ifindex, plan->ports[i].name, &port);
	bw_link_put_set(b, bond, plan->ifname, &up);
	return bw_nl_talk(pod, b, err);
}

int sriov_bond_build(struct bw_nl *pod, const struct sriov_bond_plan *plan, int *ret_ifindex,
		     struct bw_err *err)
{
	int ifindex = 0;
	int r = create(pod, plan, &ifindex, err);

	if (ifindex)
		*ret_ifindex = ifindex;
	if (r == 0)
		r = join(pod, plan, ifindex, err);
	return r < 0 ? bw_wrap(err, r, "bond") : 0;
}

int sriov_bond_make(struct sriov_add *add, struct bw_err *err)
{
	struct sriov_bond_plan plan = { .container_id = add->ctx->req->container_id,
					.ifname = add->ctx->req->ifname,
					.conf = &add->ctx->conf.bond,
					.mac = add->vfs[0].mac,
					.mtu = add->vfs[0].mtu };
	int r;

	for (size_t i = 0; i < SRIOV_SLAVES; i++) {
		plan.ports[i].ifindex = add->vfs[i].ifindex;
		plan.ports[i].name = add->vfs[i].original.pod_name;
		/* One MTU for both, the smaller one: a frame may leave by either. */
		if (add->vfs[i].mtu < plan.mtu)
			plan.mtu = add->vfs[i].mtu;
	}
	if (!bw_mac_eq(&add->vfs[0].mac, &add->vfs[1].mac))
		return bw_reject(err, BW_ERR_INVALID, EADDRNOTAVAIL,
				 "mac: VF %s did not take the MAC of the bond, expected trust on",
				 add->vfs[1].pci);
	r = sriov_bond_build(add->pod.nl, &plan, &add->pod.ifindex, err);
	if (r < 0)
		return r;
	add->pod.mac = plan.mac;
	add->mtu = plan.mtu;
	return 0;
}

struct search {
	const char *ifname;
	int ifindex; /* 0 = none yet */
};

static void forget(void *arg)
{
	((struct search *)arg)->ifindex = 0;
}

static int is_ours(const struct bw_link *link, const char *ifname)
{
	const char *end = strrchr(link->alias, ':');

	if (strcmp(link->kind, "bond") != 0)
		return 0;
	if (!link->alias[0]) /* I2 */
		return strcmp(link->name, ifname) == 0 && !(link->flags & IFF_UP);
	return strncmp(link->alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) == 0 && end &&
	       strcmp(end + 1, ifname) == 0;
}

static int look(const struct bw_link *link, void *arg, struct bw_err *err)
{
	struct search *s = arg;

	(void)err;
	if (is_ours(link, s->ifname))
		s->ifindex = link->ifindex;
	return 0;
}

int sriov_bond_remove(struct bw_nl *pod, const char *ifname, struct bw_err *err)
{
	struct search s = { .ifname = ifname };
	const struct bw_link_visitor v = { .reset = forget, .visit = look, .arg = &s };
	int r = bw_link_list(pod, 0, &v, err);

	if (r < 0 || !s.ifindex)
		return r;
	return bw_link_del(pod, s.ifindex, ifname, err);
}

int sriov_bond_check(struct bw_nl *pod, const struct sriov_bond *conf, const struct bw_link *link,
		     struct bw_drift *drift, struct bw_err *err)
{
	const struct bw_bond want = options_of(conf);
	struct bw_bond now;
	int r;

	if (strcmp(link->kind, "bond") != 0) {
		bw_drift_add(drift, "%s is not a bond", link->name);
		return 0;
	}
	r = bw_bond_get(pod, link->ifindex, &now, err);
	if (r < 0)
		return r == -ENODEV ? 0 : r;
	if (now.mode != want.mode)
		bw_drift_add(drift, "bond %s has mode %u, expected %s", link->name, now.mode,
			     sriov_bond_mode_str(conf->mode));
	if (now.miimon != want.miimon)
		bw_drift_add(drift, "bond %s has miimon %u, expected %u", link->name, now.miimon,
			     want.miimon);
	return 0;
}
