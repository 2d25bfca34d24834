/* SPDX-License-Identifier: Apache-2.0 */
/* Where a VF and its netdev are, and how they look. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/nl.h>

#include "add.h"
#include "find.h"

#define SYSFS "" /* the root of bw_pci_*(): the host's own */

int sriov_find_makes_netdev(const char *driver)
{
	return driver[0] && !sriov_dpdk_is(driver);
}

/* The netdevs of a VF and its PF, in one exchange. A name that is gone leaves ifindex 0. */
static int look_links(struct bw_nl *host, struct sriov_found *f, struct bw_err *err)
{
	struct bw_nl_batch *b = bw_nl_begin(host);

	memset(&f->pf, 0, sizeof(f->pf));
	memset(&f->link, 0, sizeof(f->link));
	if (f->pci.pf.n_netdevs)
		bw_link_put_get(b, 0, f->pci.pf.netdevs[0], &f->pf);
	if (f->pci.dev.n_netdevs)
		bw_link_put_get(b, 0, f->pci.dev.netdevs[0], &f->link);
	return b->n ? bw_nl_talk(host, b, err) : 0;
}

static int look_state(struct bw_nl *host, const struct sriov_found *f, struct sriov_state *was,
		      struct bw_err *err)
{
	int r = 0;

	memset(was, 0, sizeof(*was));
	/* Both are as long, ignoring. */
	(void)snprintf(was->driver, sizeof(was->driver), "%s", f->pci.dev.driver);
	if (f->pf.ifindex)
		r = bw_vf_get(host, f->pf.ifindex, f->pci.index, &was->pf, err);
	if (r == 0 && f->link.ifindex)
		r = bw_link_altnames(host, f->link.ifindex, &was->altnames, err);
	if (r < 0 || !f->link.ifindex)
		return r;
	was->has_netdev = 1;
	was->up = (f->link.flags & IFF_UP) != 0;
	was->mtu = f->link.mtu;
	was->mac = f->link.mac;
	memcpy(was->name, f->link.name, sizeof(was->name));
	return 0;
}

int sriov_find_look(struct sriov_ctx *ctx, const char *pci, struct sriov_found *found,
		    struct sriov_state *was, struct bw_err *err)
{
	int r = bw_pci_vf_look(SYSFS, pci, &found->pci, err);

	if (r == -ENODEV && err)
		err->class = BW_ERR_INVALID;
	if (r == 0)
		r = sriov_ctx_host(ctx, err);
	if (r == 0)
		r = look_links(ctx->host, found, err);
	if (r == 0 && was)
		r = look_state(ctx->host, found, was, err);
	return r < 0 ? bw_wrap(err, r, "look at VF %s", pci) : 0;
}

void sriov_place_done(struct sriov_place *place)
{
	bw_nl_close(&place->pod);
	bw_netns_close(&place->ns);
	*place = SRIOV_PLACE_NONE;
}

static int open_lead(const struct sriov_lead *lead, struct bw_netns *ns, struct bw_err *err)
{
	if (!lead->ns)
		return bw_netns_open(lead->path, ns, err);
	ns->fd = fcntl(lead->ns->fd, F_DUPFD_CLOEXEC, 0);
	ns->self = fcntl(lead->ns->self, F_DUPFD_CLOEXEC, 0);
	return ns->fd < 0 || ns->self < 0 ? bw_fail(err, errno, "keep a namespace open") : 0;
}

/* Looks behind one lead. 1 it is there, 0 it is not; -errno. */
static int follow(const struct sriov_lead *lead, const char *pci, const char *alias,
		  struct sriov_place *place, struct bw_err *err)
{
	uint64_t cookie = 0;
	int r = open_lead(lead, &place->ns, err);

	if (r == -ENOENT || r == -EINVAL)
		return 0;
	if (r == 0)
		r = bw_nl_open(BW_NL_ROUTE, &place->ns, &place->pod, err);
	if (r == 0 && lead->cookie)
		r = bw_nl_netns_cookie(place->pod, &cookie, err);
	/* The path leads to another namespace by now: what is in there is somebody else's. */
	if (r < 0 || cookie != lead->cookie)
		return r;
	r = bw_link_find_pci(place->pod, pci, &place->link, err);
	if (r == 1 && !lead->cookie && strcmp(place->link.alias, alias) != 0)
		return 0;
	return r;
}

int sriov_find_place(const struct sriov_found *found, const struct sriov_lead *leads, size_t n,
		     const char *alias, struct sriov_place *place, struct bw_err *err)
{
	if (found->link.ifindex) {
		place->where = SRIOV_ON_HOST;
		place->link = found->link;
		return 0;
	}
	if (!sriov_find_makes_netdev(found->pci.dev.driver)) {
		place->where = SRIOV_NO_NETDEV;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (leads[i].ns || (leads[i].path && *leads[i].path))
			r = follow(&leads[i], found->pci.dev.pci, alias, place, err);
		if (r == 1)
			place->where = SRIOV_IN_POD;
		if (r)
			return r < 0 ? r : 0;
		sriov_place_done(place);
	}
	return 0;
}
