/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address's reconcile: cooling ones are deleted in time, bound ones whose claim does not know
 * them are swept. Both ask the claim live before anything is given up.
 */
#include <string.h>

#include <bw/err.h>

#include "ctl.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL

/* WHAT THE CLAIM SAYS */

static int lists(const struct bw_net_claim *claim, const struct bw_ip *ip)
{
	for (size_t i = 0; i < claim->status.interfaces.n; i++) {
		const struct bw_net_claim_status_interface *f = &claim->status.interfaces.items[i];

		for (size_t v = 0; v < f->ips.n; v++) {
			struct bw_ip has;

			if (bw_ip_parse(f->ips.items[v], &has) == 0 && bw_ip_eq(&has, ip))
				return 1;
		}
	}
	return 0;
}

/* Whether every interface has an entry: such a claim takes nothing more. */
static int is_complete(const struct bw_net_claim *claim)
{
	for (size_t i = 0; i < claim->spec.interfaces.n; i++) {
		int has = 0;

		for (size_t s = 0; s < claim->status.interfaces.n; s++)
			has |= strcmp(claim->status.interfaces.items[s].name,
				      claim->spec.interfaces.items[i].name) == 0;
		if (!has)
			return 0;
	}
	return 1;
}

static enum bw_plan_next done_judge(const struct bw_kube_answer *a, void *arg)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	const struct ctl_addr_ref *ref = arg;
	struct ctl_addr *addr = ctl_addr_of(ref);

	if (!addr || strcmp(addr->claim_uid, ref->claim_uid) != 0)
		return BW_PLAN_DONE;
	if (a->result == BW_KUBE_NOT_FOUND) {
		addr->verdict = CTL_VERDICT_GONE;
		return BW_PLAN_AGAIN;
	}
	if (a->result != BW_KUBE_OK || bw_net_claim_decode(a->body, a->body_size, &claim, NULL) < 0)
		return BW_PLAN_FAIL;
	if (strcmp(claim.meta.uid, addr->claim_uid) != 0)
		addr->verdict = CTL_VERDICT_GONE;
	else if (lists(&claim, &addr->ip))
		addr->verdict = claim.meta.deleting ? CTL_VERDICT_NONE : CTL_VERDICT_LISTED;
	else
		addr->verdict = claim.meta.deleting ? CTL_VERDICT_GONE : CTL_VERDICT_UNLISTED;
	if (strlen(claim.meta.rv) < sizeof(addr->claim_rv))
		memcpy(addr->claim_rv, claim.meta.rv, strlen(claim.meta.rv) + 1);
	/* A deleted claim that lists it releases it itself, or waits for its holder. */
	return addr->verdict == CTL_VERDICT_NONE ? BW_PLAN_DONE : BW_PLAN_AGAIN;
}

static void ask_claim(struct ctl_ipam *c, struct bw_plan *p, struct ctl_addr *a)
{
	struct ctl_addr_ref *ref = ctl_addr_ref(c, p, a->domain->name, &a->ip, a->claim_uid);
	struct bw_kube_request r = { .verb = BW_KUBE_GET,
				     .kind = &bw_kind_networkclaim,
				     .namespace = a->claim_ns,
				     .name = a->claim_name };

	if (ref)
		bw_plan_write(p, &r, done_judge, ref);
	bw_plan_requeue_after(p, c->opts.retry_ms);
}

/* Moves the claim's resourceVersion, so that no bind that was decided before can succeed. */
static void bump_claim(struct bw_plan *p, const struct ctl_addr *a, const char *address)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct cJSON *meta = bw_json_put_object(&b, root, "metadata");
	struct cJSON *ann = bw_json_put_object(&b, meta, "annotations");
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_networkclaim,
				     .namespace = a->claim_ns,
				     .name = a->claim_name };
	char text[CTL_NAME_MAX + BW_KUBE_RV_MAX + 2];

	/* The address's version makes it another text each time: a write that changes nothing
	 * moves nothing. */
	(void)ctl_join(address, a->rv, text, sizeof(text));
	bw_json_put_str(&b, meta, "resourceVersion", a->claim_rv);
	bw_json_put_str(&b, ann, CTL_ANN_DROPPED, text);
	ctl_write(p, &r, &b, ctl_done_cas, NULL);
}

/* COOLING */

static void cool(struct ctl_ipam *c, struct bw_plan *p, struct ctl_addr *a, const char *name)
{
	struct ctl_pool *pool = ctl_pools_find(&c->pools, a->pool);
	int64_t cooldown_s = pool ? pool->o.spec.cooldown_seconds : 0;
	int unread = !pool && bw_kube_store_get(c->st.pools, NULL, a->pool);
	int64_t due_ns = a->state_seen_ns + cooldown_s * NS_PER_S;
	enum ctl_verdict verdict = a->verdict;

	/* A spare one was never told to anybody. */
	if (!a->spare && ctl_now_ns(c) < due_ns) {
		bw_plan_requeue_after(p, (due_ns - ctl_now_ns(c)) / NS_PER_MS + 1);
		return;
	}
	/* How long it must rest is what somebody has to mend first. */
	if (unread && !a->spare) {
		bw_plan_requeue_after(p, c->opts.retry_ms);
		return;
	}
	a->verdict = CTL_VERDICT_NONE; /* good for one use */
	switch (verdict) {
	case CTL_VERDICT_NONE:
		ask_claim(c, p, a);
		return;
	case CTL_VERDICT_LISTED:
		a->spare = 0;
		ctl_write_state(c, p, a, BW_NET_ADDRESS_STATE_BOUND);
		return;
	case CTL_VERDICT_UNLISTED:
		bump_claim(p, a, name);
		break;
	case CTL_VERDICT_GONE:
		break;
	}
	ctl_write_delete(c, p, a);
}

/* ORPHANS */

static int looks_lost(struct ctl_ipam *c, const struct ctl_addr *a)
{
	struct bw_kube_object *o = bw_kube_store_get(c->st.claims, a->claim_ns, a->claim_name);
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };

	if (!o || strcmp(o->uid, a->claim_uid) != 0)
		return 1;
	if (bw_net_claim_decode(o->text, o->size, &claim, NULL) < 0)
		return 0;
	return is_complete(&claim) && !lists(&claim, &a->ip);
}

/* More of them at once than a crash explains: a list that failed, a mistake; a person decides. */
static int breaker_is_open(struct ctl_ipam *c, const struct ctl_addr *a)
{
	struct ctl_pool *pool = ctl_pools_find(&c->pools, a->pool);
	size_t limit = c->book.n / 20;
	int was = c->breaker;
	const char *allow;

	if (limit < c->opts.breaker_min)
		limit = c->opts.breaker_min;
	c->breaker = c->book.n_suspect > limit;
	if (was != c->breaker)
		ctl_touch_pools(c);
	allow = pool ? bw_kube_annotation(&pool->o.meta, CTL_ANN_SWEEP) : NULL;
	return c->breaker && !(allow && strcmp(allow, "allow") == 0);
}

/* The claim is asked, then what it says is done. */
static void judge(struct ctl_ipam *c, struct bw_plan *p, struct ctl_addr *a)
{
	enum ctl_verdict verdict = a->verdict;

	a->verdict = CTL_VERDICT_NONE;
	switch (verdict) {
	case CTL_VERDICT_NONE:
		ask_claim(c, p, a);
		return;
	case CTL_VERDICT_LISTED:
		/* Our view is behind; it will see. */
		a->spare = 0;
		ctl_book_suspect(&c->book, a, 0, 0);
		bw_plan_requeue_after(p, c->opts.sweep_ms);
		return;
	case CTL_VERDICT_UNLISTED:
	case CTL_VERDICT_GONE:
		ctl_book_suspect(&c->book, a, 0, 0);
		ctl_write_state(c, p, a, BW_NET_ADDRESS_STATE_COOLING);
		return;
	}
}

static void sweep(struct ctl_ipam *c, struct bw_plan *p, struct ctl_addr *a)
{
	int64_t due_ns = a->suspect_ns + c->opts.sweep_ms * NS_PER_MS;

	if (!looks_lost(c, a)) {
		ctl_book_suspect(&c->book, a, 0, 0);
		a->spare = 0;
		return;
	}
	/* We made it, and lost the bind: no need to watch it for a minute. */
	if (a->spare) {
		judge(c, p, a);
		return;
	}
	if (!a->suspect) {
		ctl_book_suspect(&c->book, a, 1, ctl_now_ns(c));
		due_ns = a->suspect_ns + c->opts.sweep_ms * NS_PER_MS;
	}
	if (ctl_now_ns(c) < due_ns) {
		bw_plan_requeue_after(p, (due_ns - ctl_now_ns(c)) / NS_PER_MS + 1);
		return;
	}
	if (breaker_is_open(c, a)) {
		bw_plan_requeue_after(p, c->opts.sweep_ms);
		return;
	}
	judge(c, p, a);
}

/* Kept ones go with their pool. */
static void retain(struct ctl_ipam *c, struct bw_plan *p, struct ctl_addr *a)
{
	struct ctl_pool *pool = ctl_pools_find(&c->pools, a->pool);

	if (pool && pool->o.meta.deleting)
		ctl_write_state(c, p, a, BW_NET_ADDRESS_STATE_COOLING);
}

int ctl_address_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
			  struct bw_plan *plan, void *ipam, struct bw_err *err)
{
	struct ctl_ipam *c = ipam;
	char domain[CTL_DOMAIN_MAX + 1];
	struct ctl_addr *a;
	struct bw_ip ip;

	(void)ns;
	(void)err;
	if (!o || !c->ready || ctl_address_name_parse(name, domain, &ip) < 0)
		return 0;
	a = ctl_book_find(&c->book, domain, &ip);
	if (!a || a->known == CTL_ASSUMED)
		return 0;
	switch (a->state) {
	case BW_NET_ADDRESS_STATE_BOUND:
		sweep(c, plan, a);
		break;
	case BW_NET_ADDRESS_STATE_COOLING:
		cool(c, plan, a, name);
		break;
	case BW_NET_ADDRESS_STATE_RETAINED:
		retain(c, plan, a);
		break;
	case BW_NET_ADDRESS_STATE_QUARANTINED:
	case BW_NET_ADDRESS_STATE_NONE:
	case BW_NET_ADDRESS_STATE_MAX_:
		break;
	}
	return 0;
}
