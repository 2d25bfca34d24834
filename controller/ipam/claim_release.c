/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deleted claim: nothing is given back before its holder is confirmed gone, then every address
 * with what is known of it as a precondition, the finalizer last.
 */
#include <inttypes.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"

static enum bw_plan_next done_missing(const struct bw_kube_answer *a, void *arg)
{
	const struct ctl_addr_ref *ref = arg;
	struct ctl_addr *addr = ctl_addr_of(ref);

	if (a->result == BW_KUBE_NOT_FOUND) {
		/*
		 * A create of ours that was never answered; should it land late, it is swept. Not
		 * one that another claim has made since this was read.
		 */
		if (addr && addr->known != CTL_SEEN && strcmp(addr->claim_uid, ref->claim_uid) == 0)
			ctl_free_address(ref->c, addr);
		return BW_PLAN_GO_ON;
	}
	/* Ours: now it is known, and released in the next round. */
	return ctl_addr_judge(ref, a, BW_PLAN_AGAIN, BW_PLAN_GO_ON);
}

void ctl_read_spare(struct ctl_ipam *c, struct bw_plan *p, const struct ctl_addr *a)
{
	ctl_read_address(c, p, a->domain->name, &a->ip, done_missing, a->claim_uid);
}

/* Addresses that the status lists and our view does not have: read them live. */
static void read_missing(struct ctl_claim *k)
{
	const struct bw_net_claim_status *s = &k->claim->status;

	for (size_t i = 0; i < s->interfaces.n; i++) {
		const struct bw_net_claim_status_interface *f = &s->interfaces.items[i];
		struct ctl_pool *p = ctl_pools_find(&k->c->pools, f->pool);

		for (size_t v = 0; p && v < f->ips.n; v++) {
			struct bw_ip ip;

			if (bw_ip_parse(f->ips.items[v], &ip) == 0 &&
			    !ctl_book_find(&k->c->book, p->o.spec.domain, &ip))
				ctl_read_address(k->c, k->plan, p->o.spec.domain, &ip, done_missing,
						 k->claim->meta.uid);
		}
	}
}

static void give_back(struct ctl_claim *k, struct ctl_addr *a)
{
	struct ctl_pool *p = ctl_pools_find(&k->c->pools, a->pool);

	if (a->known == CTL_ASSUMED) {
		ctl_read_address(k->c, k->plan, a->domain->name, &a->ip, done_missing,
				 k->claim->meta.uid);
		return;
	}
	if (a->state != BW_NET_ADDRESS_STATE_BOUND)
		return;
	if (p && !p->o.meta.deleting && p->o.spec.reclaim == BW_NET_POOL_RECLAIM_RETAIN &&
	    *a->sticky)
		ctl_write_state(k->c, k->plan, a, BW_NET_ADDRESS_STATE_RETAINED);
	else if (p && p->o.spec.cooldown_seconds == 0)
		ctl_write_delete(k->c, k->plan, a);
	else
		ctl_write_state(k->c, k->plan, a, BW_NET_ADDRESS_STATE_COOLING);
}

static void wait_for_holder(struct ctl_claim *k)
{
	const struct bw_net_claim_status_holder *h = &k->claim->status.holder;

	ctl_claim_wait_pools(k);
	bw_kube_conds_set(
		&k->conds, "Bound", 0, "Releasing", k->claim->meta.generation,
		"deleted; node %s has not confirmed that its attachment of token %" PRId64
		" is gone; if it is powered off: taint it %s, or barewire release --token "
		"%" PRId64,
		h->node, h->token, CTL_TAINT_FENCED, h->token);
	ctl_claim_status(k, BW_NET_CLAIM_STATUS_PHASE_RELEASING);
}

int ctl_claim_release(struct ctl_claim *k, struct bw_err *err)
{
	struct ctl_addr *a;
	int asked;
	int r;

	(void)err;
	if (!ctl_claim_holder_gone(k, &asked)) {
		if (asked)
			return 0;
		r = ctl_claim_needs(k);
		if (r < 0)
			return r;
		ctl_claim_look_at_spare(k);
		wait_for_holder(k);
		return 0;
	}
	read_missing(k);
	for (a = ctl_book_of_claim(&k->c->book, k->claim->meta.uid); a;
	     a = ctl_addr_next_of_claim(a))
		give_back(k, a);
	ctl_write_finalizer(k->plan, &bw_kind_networkclaim, &k->claim->meta, CTL_FINALIZER, 0);
	return 0;
}
