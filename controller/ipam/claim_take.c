/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan that takes addresses: CREATE what is new, read live what the claim had already, take
 * over what was kept for it, then bind. Nothing is sent before every address is picked.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "claim_pick.h"
#include "stamp.h"

/* ANSWERS */

static enum bw_plan_next done_create(const struct bw_kube_answer *a, void *arg)
{
	const struct ctl_addr_ref *ref = arg;
	struct ctl_addr *addr = ctl_addr_of(ref);

	if (a->result == BW_KUBE_OK) {
		(void)ctl_addr_answer(ref, a); /* else the watch brings it, ignoring */
		return BW_PLAN_GO_ON;
	}
	if (a->result == BW_KUBE_EXISTS) {
		/* Ours by an answer that was lost, or somebody's: a live read tells. */
		if (addr)
			addr->contested = 1;
		return BW_PLAN_AGAIN;
	}
	if (a->result != BW_KUBE_INVALID && a->result != BW_KUBE_FORBIDDEN)
		return BW_PLAN_FAIL; /* the record stays: the same CREATE is sent again */
	/* It was certainly not made. */
	if (addr && addr->known == CTL_ASSUMED && strcmp(addr->claim_uid, ref->claim_uid) == 0)
		ctl_free_address(ref->c, addr);
	return a->result == BW_KUBE_INVALID ? BW_PLAN_PARK : BW_PLAN_FAIL;
}

static int is_there(const struct ctl_ipam *c, const struct ctl_addr *addr)
{
	const struct bw_kube_object *o =
		bw_kube_store_get(c->st.claims, addr->claim_ns, addr->claim_name);

	return o && strcmp(o->uid, addr->claim_uid) == 0;
}

static enum bw_plan_next done_verify(const struct bw_kube_answer *a, void *arg)
{
	const struct ctl_addr_ref *ref = arg;
	struct ctl_addr *addr;

	if (a->result == BW_KUBE_NOT_FOUND) {
		addr = ctl_addr_of(ref);
		if (!addr || strcmp(addr->claim_uid, ref->claim_uid) != 0)
			return BW_PLAN_AGAIN;
		/* Nobody makes it again for a claim that went while this was on its way. */
		if (is_there(ref->c, addr))
			ctl_book_again(&ref->c->book, addr);
		else
			ctl_free_address(ref->c, addr);
		return BW_PLAN_AGAIN;
	}
	return ctl_addr_judge(ref, a, BW_PLAN_GO_ON, BW_PLAN_AGAIN);
}

/* THE STEPS */

static void put_spec(const struct ctl_claim *k, const struct ctl_need *n, struct bw_json_build *b,
		     struct cJSON *spec)
{
	const struct bw_kube_meta *m = &k->claim->meta;
	struct cJSON *claim = bw_json_put_object(b, spec, "claim");
	char stamp[CTL_STAMP_MAX];

	bw_json_put_str(b, claim, "namespace", m->namespace);
	bw_json_put_str(b, claim, "name", m->name);
	bw_json_put_str(b, claim, "uid", m->uid);
	bw_json_put_str(b, claim, "interface", n->iface->name);
	bw_json_put_str(b, spec, "pool", n->pool ? n->pool->o.meta.name : n->pool_name);
	if (k->claim->spec.sticky_key)
		bw_json_put_str(b, spec, "stickyKey", k->claim->spec.sticky_key);
	bw_json_put_str(b, spec, "state", "Bound");
	bw_json_put_str(b, spec, "stateSince", ctl_stamp(ctl_real_s(k->c), stamp));
}

static void plan_create(struct ctl_claim *k, const struct ctl_need *n)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct ctl_addr_ref *ref =
		ctl_addr_ref(k->c, k->plan, n->addr->domain->name, &n->ip, k->claim->meta.uid);
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE, .kind = &bw_kind_networkaddress };
	struct cJSON *spec;
	char text[CTL_ADDRESS_MAX];
	char name[CTL_NAME_MAX];

	if (!ref || ctl_address_name(n->addr->domain->name, &n->ip, name) < 0)
		return;
	r.name = name;
	bw_json_put_str(&b, root, "apiVersion", "net.barewire.dev/v1alpha1");
	bw_json_put_str(&b, root, "kind", "NetworkAddress");
	bw_json_put_str(&b, bw_json_put_object(&b, root, "metadata"), "name", name);
	spec = bw_json_put_object(&b, root, "spec");
	bw_json_put_str(&b, spec, "domain", n->addr->domain->name);
	bw_json_put_str(&b, spec, "address", ctl_address_text(&n->ip, text));
	put_spec(k, n, &b, spec);
	ctl_write(k->plan, &r, &b, done_create, ref);
}

/* Kept for this claim, or the claim's own that was marked by mistake: back to Bound. */
static void plan_take_over(struct ctl_claim *k, const struct ctl_need *n)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *spec = bw_json_put_object(&b, ctl_body_cas(&b, n->addr->rv), "spec");
	struct ctl_addr_ref *ref =
		ctl_addr_ref(k->c, k->plan, n->addr->domain->name, &n->ip, k->claim->meta.uid);
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE, .kind = &bw_kind_networkaddress };
	char name[CTL_NAME_MAX];

	if (!ref || ctl_address_name(n->addr->domain->name, &n->ip, name) < 0)
		return;
	r.name = name;
	put_spec(k, n, &b, spec);
	ctl_write(k->plan, &r, &b, done_verify, ref);
}

static void plan_step(struct ctl_claim *k, struct ctl_need *n)
{
	const struct ctl_addr *a = n->addr;

	if (n->take_over)
		plan_take_over(k, n);
	else if (a->known == CTL_ASSUMED && !a->contested)
		plan_create(k, n);
	else
		ctl_read_address(k->c, k->plan, a->domain->name, &n->ip, done_verify,
				 k->claim->meta.uid);
}

/* BINDING */

static const struct bw_net_claim_status_interface *old_entry(const struct ctl_claim *k,
							     const struct ctl_need *n)
{
	const struct bw_net_claim_status *s = &k->claim->status;

	for (size_t i = 0; i < s->interfaces.n; i++)
		if (strcmp(s->interfaces.items[i].name, n->iface->name) == 0 &&
		    strcmp(s->interfaces.items[i].pool, n->pool_name) == 0)
			return &s->interfaces.items[i];
	return NULL;
}

/* The declared MAC, else the one the interface has, else that of its first address. */
static const char *mac_of(const struct ctl_claim *k, const struct ctl_need *n,
			  char out[BW_MAC_STR_MAX])
{
	const struct ctl_need *first = n;
	struct bw_mac mac;

	if (n->iface->mac)
		return n->iface->mac;
	for (size_t i = 0; i < k->n_needs; i++) {
		const struct ctl_need *o = &k->needs[i];

		if (o->iface == n->iface && o->listed && o->pool_name && old_entry(k, o) &&
		    old_entry(k, o)->mac)
			return old_entry(k, o)->mac;
		if (o->iface == n->iface && o->addr && o->family == AF_INET)
			first = o;
	}
	mac = bw_mac_from_ip(first->addr->domain->name, &first->ip);
	return bw_mac_str(&mac, out);
}

static void put_interface(const struct ctl_claim *k, const struct ctl_need *n,
			  struct bw_json_build *b, struct cJSON *list)
{
	const struct bw_net_claim_status_interface *old = n->listed ? old_entry(k, n) : NULL;
	const struct bw_net_pool_spec *s = n->pool ? &n->pool->o.spec : NULL;
	struct cJSON *o = bw_json_put_object(b, list, NULL);
	const char *pool = n->listed || !n->pool ? n->pool_name : n->pool->o.meta.name;
	const char *gateway = old ? old->gateway : s ? s->gateway : NULL;
	int32_t vlan = old ? old->vlan : s ? s->vlan : 0;
	int32_t mtu = old ? old->mtu : s ? s->mtu : 0;
	char mac[BW_MAC_STR_MAX];
	char ip[BW_IP_STR_MAX];

	bw_json_put_str(b, o, "name", n->iface->name);
	bw_json_put_str(b, o, "pool", pool);
	bw_json_put_str(b, bw_json_put_array(b, o, "ips"), NULL, bw_ip_str(&n->ip, ip));
	if (old ? old->mac != NULL : n->addr != NULL)
		bw_json_put_str(b, o, "mac", old ? old->mac : mac_of(k, n, mac));
	if (gateway)
		bw_json_put_str(b, o, "gateway", gateway);
	if (vlan)
		bw_json_put_int(b, o, "vlan", vlan);
	if (mtu)
		bw_json_put_int(b, o, "mtu", mtu);
}

static void plan_bind(struct ctl_claim *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *status =
		bw_json_put_object(&b, ctl_body_cas(&b, k->claim->meta.rv), "status");
	struct cJSON *list;
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_networkclaim,
				     .namespace = k->claim->meta.namespace,
				     .name = k->claim->meta.name,
				     .subresource = "status" };
	char text[BW_KUBE_COND_TEXT_MAX] = "";
	size_t len = 0;

	bw_json_put_str(&b, status, "phase", "Bound");
	bw_json_put_int(&b, status, "observedGeneration", k->claim->meta.generation);
	list = bw_json_put_array(&b, status, "interfaces");
	for (size_t i = 0; i < k->n_needs; i++) {
		const struct ctl_need *n = &k->needs[i];
		char ip[BW_IP_STR_MAX];

		if (!n->listed && !n->addr)
			continue;
		put_interface(k, n, &b, list);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s", len ? ", " : "",
					n->iface->name, bw_ip_str(&n->ip, ip));
		if (len >= sizeof(text))
			len = sizeof(text) - 1;
	}
	if (!k->claim->status.has_holder && k->pod_node_uid[0])
		ctl_claim_put_holder(k, &b, status, 1);
	bw_kube_conds_set(&k->conds, "Bound", 1, "Bound", k->claim->meta.generation, "%s", text);
	bw_kube_conds_put(&k->conds, &b, status, ctl_real_s(k->c));
	ctl_write(k->plan, &r, &b, ctl_done_cas, NULL);
}

/* THE PLAN */

static void undo_picks(struct ctl_claim *k)
{
	for (size_t i = 0; i < k->n_needs; i++) {
		struct ctl_need *n = &k->needs[i];

		if (n->picked) {
			ctl_book_drop(&k->c->book, n->addr);
			n->addr = NULL;
			n->picked = 0;
		}
	}
}

/* A listed address whose lock is not ours: missing ones are made again, others are reported. */
static int repair(struct ctl_claim *k, struct ctl_need *n, struct ctl_why *w)
{
	struct ctl_addr_facts f = { .pool = n->pool_name,
				    .claim_ns = k->claim->meta.namespace,
				    .claim_name = k->claim->meta.name,
				    .claim_uid = k->claim->meta.uid,
				    .iface = n->iface->name,
				    .sticky = k->claim->spec.sticky_key,
				    .state = BW_NET_ADDRESS_STATE_BOUND };
	char s[BW_IP_STR_MAX];
	int r;

	if (!n->addr) {
		if (!n->pool)
			return 0;
		r = ctl_book_put(&k->c->book, n->pool->o.spec.domain, &n->ip, &f, CTL_ASSUMED,
				 ctl_now_ns(k->c), &n->addr);
		return r < 0 ? r : 0;
	}
	if (strcmp(n->addr->claim_uid, k->claim->meta.uid) == 0) {
		n->take_over = n->addr->state != BW_NET_ADDRESS_STATE_BOUND &&
			       n->addr->known != CTL_ASSUMED;
		return 0;
	}
	w->reason = "AddressConflict";
	/* Names are bounded, ignoring. */
	(void)snprintf(w->text, sizeof(w->text),
		       "%s is listed here, and its lock is held by claim %s/%s; nothing is "
		       "changed before one of both is deleted",
		       bw_ip_str(&n->ip, s), n->addr->claim_ns, n->addr->claim_name);
	n->addr = NULL;
	return 0;
}

/* One need. Return: 1 it is or will be served; 0 not, and says why; -errno. */
static int serve(struct ctl_claim *k, struct ctl_need *n, struct ctl_why *w)
{
	int r;

	memset(w, 0, sizeof(*w));
	if (n->listed)
		r = repair(k, n, w);
	else
		r = n->addr ? 0 : ctl_claim_pick(k, n, w);
	if (r < 0)
		return r;
	return w->reason == NULL;
}

static void report(struct ctl_claim *k, const struct ctl_why *w)
{
	const char *type = strcmp(w->reason, "AddressConflict") == 0 ? "Conflict" : "Bound";
	int bound = k->claim->status.interfaces.n > 0;

	bw_kube_conds_set(&k->conds, type, strcmp(type, "Conflict") == 0, w->reason,
			  k->claim->meta.generation, "%s", w->text);
	if (k->conds.changed)
		bw_plan_event(k->plan, k->o, BW_EVENT_WARNING, w->reason, "%s", w->text);
	ctl_claim_status(k, bound         ? k->claim->status.phase
			    : w->hopeless ? BW_NET_CLAIM_STATUS_PHASE_FAILED
					  : BW_NET_CLAIM_STATUS_PHASE_PENDING);
}

int ctl_claim_take(struct ctl_claim *k, struct bw_err *err)
{
	struct ctl_why blocked = { 0 };
	struct ctl_why why;
	int binds = 0;

	for (size_t i = 0; i < k->n_needs; i++) {
		int r = serve(k, &k->needs[i], &why);

		if (r < 0) {
			undo_picks(k);
			return bw_fail(err, -r, "pick an address for claim %s/%s",
				       k->claim->meta.namespace, k->claim->meta.name);
		}
		if (r == 0 && (k->needs[i].listed || k->needs[i].iface->required)) {
			blocked = why;
			break;
		}
		binds |= !k->needs[i].listed && k->needs[i].addr;
	}
	if (blocked.reason) {
		/* What was created already is kept: it is this claim's. */
		undo_picks(k);
		report(k, &blocked);
		return 0;
	}
	for (size_t i = 0; i < k->n_needs; i++) {
		struct ctl_need *n = &k->needs[i];

		if (n->addr && (!n->listed || n->take_over || n->addr->known == CTL_ASSUMED))
			plan_step(k, n);
	}
	if (binds)
		plan_bind(k);
	else if (k->claim->status.interfaces.n > 0)
		return ctl_claim_place(k, err);
	return 0;
}
