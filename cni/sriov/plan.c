/* SPDX-License-Identifier: Apache-2.0 */
/* What an attachment makes of a VF. Pure. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/ipam.h>

#include "add.h"
#include "alias.h"
#include "find.h"
#include "pfside.h"
#include "plan.h"

#define SLAVE_STEM_LEN 13 /* of BW_LINK_NAME_MAX, for "-" and the slot */

/* The MAC the pod is to see: declared, reserved, or that of a bond's first VF. NULL = the VF's. */
static const struct bw_mac *wanted_mac(const struct sriov_vf *vf)
{
	const struct sriov_ctx *ctx = vf->add->ctx;
	const struct sriov_original *first = &vf->add->vfs[0].original;

	if (ctx->conf.has_mac)
		return &ctx->conf.mac;
	if (vf->slot)
		return first->has_mac ? &first->mac : &first->was.mac;
	return bw_ipam_conf_mac(ctx->ipam_conf);
}

static void want_settings(const struct sriov_conf *c, struct sriov_original *o)
{
	o->what = (c->has_vlan ? BW_VF_SET_VLAN : 0) | (c->has_rate ? BW_VF_SET_RATE : 0) |
		  (c->has_spoofchk ? BW_VF_SET_SPOOFCHK : 0) |
		  (c->has_trust ? BW_VF_SET_TRUST : 0) |
		  (c->has_link_state ? BW_VF_SET_LINK_STATE : 0);
	o->want = (struct bw_vf){ .index = o->was.pf.index,
				  .has = o->what,
				  .vlan = c->vlan,
				  .qos = c->qos,
				  .proto = c->proto,
				  .min_tx_rate = c->min_tx_rate,
				  .max_tx_rate = c->max_tx_rate,
				  .spoofchk = c->spoofchk,
				  .trust = c->trust,
				  .link_state = (enum bw_vf_link_state)c->link_state };
}

/* Only a MAC that is not there yet is written: even the same one leaves a mark in the driver. */
static void want_mac(const struct bw_mac *mac, struct sriov_original *o)
{
	o->has_mac = mac != NULL;
	if (!mac)
		return;
	o->mac = *mac;
	if (bw_mac_eq(mac, &o->was.pf.mac))
		return;
	o->want.mac = *mac;
	o->want.has |= BW_VF_HAS_MAC;
	o->what |= BW_VF_SET_MAC;
}

static void name_it(struct sriov_vf *vf)
{
	const struct sriov_ctx *ctx = vf->add->ctx;
	struct sriov_original *o = &vf->original;
	const char *ifname = ctx->req->ifname;

	o->pod_name[0] = o->alias[0] = '\0';
	if (!o->was.has_netdev)
		return;
	/* Both are cut to fit, ignoring. */
	if (ctx->conf.has_bond)
		(void)snprintf(o->pod_name, sizeof(o->pod_name), "%.*s-%u", SLAVE_STEM_LEN, ifname,
			       vf->slot % 10);
	else
		(void)snprintf(o->pod_name, sizeof(o->pod_name), "%s", ifname);
	sriov_alias_make(o->was.name, ctx->req->container_id, ifname, o->alias);
}

static void identify(struct sriov_vf *vf, const struct sriov_found *found)
{
	/* The lengths are the same on both sides, ignoring. */
	(void)snprintf(vf->pf_pci, sizeof(vf->pf_pci), "%s", found->pci.pf.pci);
	(void)snprintf(vf->pf_name, sizeof(vf->pf_name), "%s", found->pf.name);
	vf->pf_ifindex = found->pf.ifindex;
	vf->index = found->pci.index;
	vf->ifindex = found->link.ifindex;
	vf->mac = vf->original.was.mac;
	vf->mtu = vf->original.was.mtu;
	vf->is_dpdk = (uint8_t)sriov_dpdk_is(found->pci.dev.driver);
	vf->original.was.pf.index = found->pci.index;
}

/* A VF without a netdev here and now cannot be moved. */
static int check_netdev(const struct sriov_vf *vf, const struct sriov_found *found,
			struct bw_err *err)
{
	if (vf->is_dpdk && vf->add->ctx->conf.has_bond)
		return bw_reject(
			err, BW_ERR_INVALID, EINVAL,
			"bond: VF %s has driver %s, which gives it to user space, expected a "
			"VF with an interface",
			vf->pci, found->pci.dev.driver);
	if (vf->is_dpdk || vf->original.was.has_netdev)
		return 0;
	if (!found->pci.dev.driver[0])
		return bw_reject(err, BW_ERR_INVALID, ENODEV,
				 "VF %s has no driver: bind its network driver, or vfio-pci for "
				 "DPDK",
				 vf->pci);
	return bw_reject(err, BW_ERR_BUSY, ENODEV,
			 "the interface of VF %s is in another network namespace, and nobody is "
			 "known to hold it",
			 vf->pci);
}

static int check_mtu(const struct sriov_vf *vf, const struct sriov_found *found, struct bw_err *err)
{
	uint32_t mtu = vf->original.mtu;

	if (mtu && found->pf.ifindex && mtu > found->pf.mtu)
		return bw_reject(err, BW_ERR_INVALID, ERANGE,
				 "mtu: expected at most %u, the MTU of PF %s, got %u",
				 found->pf.mtu, found->pf.name, mtu);
	return 0;
}

int sriov_plan(struct sriov_vf *vf, const struct sriov_found *found, struct bw_err *err)
{
	const struct sriov_ctx *ctx = vf->add->ctx;
	struct sriov_original *o = &vf->original;
	int r;

	identify(vf, found);
	r = check_netdev(vf, found, err);
	if (r < 0)
		return r;
	want_settings(&ctx->conf, o);
	want_mac(wanted_mac(vf), o);
	o->mtu = vf->is_dpdk ? 0 : ctx->conf.mtu;
	o->rebind = o->pending = 0;
	memcpy(o->boot_id, ctx->att.boot_id, sizeof(o->boot_id));
	name_it(vf);
	r = check_mtu(vf, found, err);
	if (r < 0 || !o->what)
		return r;
	if (!vf->pf_ifindex)
		return bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
				 "the PF %s of VF %s has no interface in this namespace: its "
				 "settings cannot be made",
				 vf->pf_pci, vf->pci);
	return sriov_pfside_check(&o->was.pf, &o->want, o->what, err);
}
