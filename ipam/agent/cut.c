/* SPDX-License-Identifier: Apache-2.0 */
/* Silencing one attachment. */
#include <net/if.h>
#include <string.h>

#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/netns.h>
#include <bw/nl.h>
#include <bw/vf.h>

#include "cut.h"
#include "ns.h"

struct vf_cut {
	struct bw_nl *nl;
	int on;
	unsigned int n;
};

static int cut_vf(const struct bw_vf_hold *h, void *arg, struct bw_err *err)
{
	struct vf_cut *c = arg;
	struct bw_link pf;
	struct bw_vf vf = { .index = h->vf,
			    .link_state = c->on ? BW_VF_LINK_DISABLE : BW_VF_LINK_AUTO };
	int r = bw_link_find_pci(c->nl, h->pf, &pf, err);

	if (r <= 0)
		return r;
	c->n++;
	return bw_vf_set(c->nl, pf.ifindex, &vf, BW_VF_SET_LINK_STATE, err);
}

static int set_link(struct bw_nl *nl, const char *name, int on, struct bw_err *err)
{
	const struct bw_link_set set = { .what = on ? BW_LINK_SET_DOWN : BW_LINK_SET_UP };

	return bw_link_set(nl, 0, name, &set, err);
}

/*
 * What has no end on the host: a macvlan, a VF whose driver cannot disable its link. Filters keep
 * the pod's routes, which a link that goes down takes along; without clsact that has to do.
 */
static int cut_inside(const struct bw_attachment *a, int on, struct bw_err *err)
{
	bw_autonetns struct bw_netns ns = BW_NETNS_NONE;
	bw_autonl struct bw_nl *nl = NULL;
	char path[BW_JOURNAL_PATH_MAX];
	int r = bw_netns_open(agent_netns_path(a, path), &ns, err);

	if (r < 0)
		return r;
	r = bw_dp_silence(&ns, a->ifname, on, err);
	if (r != -EOPNOTSUPP)
		return r;
	r = bw_nl_open(BW_NL_ROUTE, &ns, &nl, err);
	return r < 0 ? r : set_link(nl, a->ifname, on, err);
}

static int cut_host_end(struct bw_nl *nl, const struct bw_attachment *a, int on, struct bw_err *err)
{
	unsigned int ifindex = if_nametoindex(a->host_if);
	int r;

	if (!ifindex)
		return bw_fail(err, ENODEV, "cut %s off", a->host_if);
	if (!(a->flags & BW_ATTACH_F_DATAPATH))
		return set_link(nl, a->host_if, on, err);
	r = bw_dp_endpoint_cut((int)ifindex, on, err);
	/* Its programs are gone: the bridge alone carries it. */
	return r == -ENOENT ? set_link(nl, a->host_if, on, err) : r;
}

static int cut_any(struct bw_nl *nl, struct bw_journal *j, const struct bw_attachment *a, int on,
		   struct bw_err *err)
{
	struct vf_cut vfs = { .nl = nl, .on = on };
	int r;

	if (a->host_if[0])
		return cut_host_end(nl, a, on, err);
	r = bw_journal_vf_of(j, a->container_id, a->ifname, cut_vf, &vfs, err);
	if (r < 0 && r != -EOPNOTSUPP)
		return r;
	return r == 0 && vfs.n ? 0 : cut_inside(a, on, err);
}

static int mark(struct bw_journal *j, struct bw_attachment *a, int on, struct bw_err *err)
{
	uint32_t flags = on ? a->flags | BW_ATTACH_F_CUT : a->flags & ~BW_ATTACH_F_CUT;

	if (flags == a->flags)
		return 0;
	a->flags = flags;
	return bw_journal_attach_update(j, a, err);
}

int agent_cut(struct bw_nl *nl, struct bw_journal *j, struct bw_attachment *a, int on,
	      struct bw_err *err)
{
	int r = on ? 0 : mark(j, a, 0, err);

	if (r == 0)
		r = cut_any(nl, j, a, on, err);
	if (r == 0 && on)
		r = mark(j, a, 1, err);
	return r;
}
