/* SPDX-License-Identifier: Apache-2.0 */
/* ipMasq: nf_tables rules of one attachment. */
#include <string.h>

#include <bw/err.h>
#include <bw/nft.h>
#include <bw/nl.h>

#include "add.h"

static struct bw_nft_owner owner_of(const struct bw_attachment *a)
{
	return (struct bw_nft_owner){ .network = a->network,
				      .container_id = a->container_id,
				      .ifname = a->ifname };
}

static int undo_masq(void *arg, struct bw_err *err)
{
	struct bridge_add *add = arg;
	struct bw_nft_owner owner = owner_of(&add->ctx->att);

	return bw_nft_masq_del(add->nft, &owner, err);
}

int bridge_masq_add(struct bridge_add *add, struct bw_err *err)
{
	struct bw_nft_owner owner = owner_of(&add->ctx->att);
	struct bw_prefix addrs[BW_NFT_ADDRS_MAX];
	size_t n = bw_own_n_ips(&add->own);
	int r;

	if (!add->ctx->conf.ip_masq || !n)
		return 0;
	if (n > BW_NFT_ADDRS_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "ipMasq: at most %d addresses of one interface can be "
				 "masqueraded, got %zu",
				 BW_NFT_ADDRS_MAX, n);
	for (size_t i = 0; i < n; i++)
		addrs[i] = add->own.result->ips[add->own.first_ip + i].address;
	r = bw_nl_open(BW_NL_NETFILTER, NULL, &add->nft, err);
	if (r < 0)
		return r;
	r = bw_nft_masq_add(add->nft, &owner, addrs, n, err);
	if (r < 0)
		return bw_wrap(err, r, "ipMasq");
	bw_undo_push(&add->undo, undo_masq, add, "remove masquerade rules");
	return 0;
}
