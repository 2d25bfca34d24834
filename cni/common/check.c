/* SPDX-License-Identifier: Apache-2.0 */
/* CHECK of the container's interface. */
#include <net/if.h>
#include <string.h>

#include <bw/check.h>
#include <bw/cni_delegate.h>
#include <bw/cni_prevresult.h>
#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/journal.h>
#include <bw/nl.h>

int bw_check_open(struct bw_check *c, const struct bw_cni_request *req, struct bw_err *err)
{
	int r;

	c->req = req;
	r = bw_cni_prevresult_need(req, &c->prev, err);
	if (r == 0)
		r = bw_netns_open(req->netns, &c->ns, err);
	if (r == 0)
		r = bw_nl_open(BW_NL_ROUTE, &c->ns, &c->nl, err);
	return r;
}

void bw_check_done(struct bw_check *c)
{
	bw_buf_done(&c->drift.text);
	bw_cni_result_done(&c->prev);
	bw_nl_close(&c->nl);
	bw_netns_close(&c->ns);
}

int bw_check_read_pod(struct bw_check *c, struct bw_err *err)
{
	struct bw_nl_batch *b = bw_nl_begin(c->nl);

	bw_link_put_get(b, 0, c->req->ifname, &c->pod);
	return bw_nl_talk(c->nl, b, err);
}

/* The result's interface of that name, on the host or in a sandbox. */
static const struct bw_cni_if *find_if(const struct bw_cni_result *r, const char *name,
				       int in_sandbox)
{
	for (size_t i = 0; i < r->n_ifs; i++)
		if (strcmp(r->ifs[i].name, name) == 0 &&
		    (r->ifs[i].sandbox && *r->ifs[i].sandbox) == in_sandbox)
			return &r->ifs[i];
	return NULL;
}

void bw_check_if(struct bw_check *c, const struct bw_link *link, const char *name, int in_sandbox,
		 int may_be_down)
{
	const struct bw_cni_if *want = find_if(&c->prev, name, in_sandbox);
	char got[BW_MAC_STR_MAX], mac[BW_MAC_STR_MAX];

	if (!link->ifindex) {
		bw_drift_add(&c->drift, "interface %s is missing%s", name,
			     in_sandbox ? " in the container" : "");
		return;
	}
	if (!want && !c->prev.n_ifs)
		return; /* results before 0.3.0 have no interfaces */
	if (!want) {
		bw_drift_add(&c->drift, "prevResult has no interface %s", name);
		return;
	}
	if (want->has_mac && !bw_mac_eq(&want->mac, &link->mac))
		bw_drift_add(&c->drift, "%s has MAC %s, expected %s", name,
			     bw_mac_str(&link->mac, got), bw_mac_str(&want->mac, mac));
	/* A bridge's follows the smallest of its ports': linux net/bridge/br_if.c,
	 * br_mtu_auto_adjust(). */
	if (want->mtu && want->mtu != link->mtu && !link->is_bridge)
		bw_drift_add(&c->drift, "%s has MTU %u, expected %u", name, link->mtu, want->mtu);
	if (!(link->flags & IFF_UP) && !may_be_down)
		bw_drift_add(&c->drift, "%s is down", name);
}

int bw_check_ipam(struct bw_check *c, struct bw_ipam *ipam, const struct bw_attachment *att,
		  const char *foreign, struct bw_err *err)
{
	struct bw_err why = { 0 };
	int r;

	r = bw_ipam_check(ipam, att->container_id, att->ifname, &c->prev, &why);
	if (r < 0 && why.class == BW_ERR_INVALID)
		bw_drift_add(&c->drift, "%s", why.msg);
	else if (r < 0 && err)
		*err = why;
	if (r < 0 && why.class != BW_ERR_INVALID)
		return r;
	return foreign ? bw_cni_delegate(c->req, foreign, BW_CNI_CHECK, NULL, err) : 0;
}
