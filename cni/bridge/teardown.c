/* SPDX-License-Identifier: Apache-2.0 */
/* Taking an attachment's kernel side down. */
#include <string.h>

#include <bw/attach.h>
#include <bw/datapath.h>
#include <bw/err.h>
#include <bw/journal.h>
#include <bw/link.h>
#include <bw/log.h>
#include <bw/nft.h>
#include <bw/nl.h>

#include "ctx.h"
#include "teardown.h"

/* Keeps the first failure and logs the others. */
static void note(int r, const struct bw_err *why, int *first, struct bw_err *err)
{
	if (r >= 0)
		return;
	if (*first == 0) {
		*first = r;
		if (err)
			*err = *why;
		return;
	}
	bw_log_warn("taking an attachment down", "error", why->msg);
}

static int remove_masq(const struct bw_attachment *a, struct bw_err *err)
{
	struct bw_nft_owner owner = { .network = a->network,
				      .container_id = a->container_id,
				      .ifname = a->ifname };
	bw_autonl struct bw_nl *nl = NULL;
	int r;

	r = bw_nl_open(BW_NL_NETFILTER, NULL, &nl, err);
	return r < 0 ? r : bw_nft_masq_del(nl, &owner, err);
}

int bridge_teardown(struct bw_nl *host, const struct bw_attachment *a, struct bw_err *err)
{
	char name[BW_CNI_IFNAME_MAX + 1];
	struct bw_link link = { 0 };
	struct bw_err why = { 0 };
	int first = 0;
	int r;

	if (a->host_if[0])
		memcpy(name, a->host_if, sizeof(name));
	else
		bw_attach_host_name(a->container_id, a->ifname, name);
	r = bw_link_get(host, 0, name, &link, &why);
	if (r != -ENODEV)
		note(r, &why, &first, err);
	/* Before the interface: nothing may be sent to one that is going away. */
	if (a->flags & BW_ATTACH_F_DATAPATH)
		note(bw_dp_endpoint_del(link.ifindex, name, &why), &why, &first, err);
	if (r == 0)
		note(bw_link_del(host, link.ifindex, name, &why), &why, &first, err);
	if (a->flags & BW_ATTACH_F_MASQ)
		note(remove_masq(a, &why), &why, &first, err);
	return first;
}
