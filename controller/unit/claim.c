/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Unit's NetworkClaim: made before anything else, changed only where it may be, exchanged only
 * while no pod uses it.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "impl.h"

#define CONDITION "ClaimBound"
#define DIFFERS "ClaimDiffers"
#define MISMATCH "ModeMismatch"

/* WHAT IT SHOULD SAY */

static void put_list(struct bw_json_build *b, struct cJSON *to, const char *key,
		     const char *const *items, size_t n)
{
	struct cJSON *list;

	if (!n)
		return;
	list = bw_json_put_array(b, to, key);
	for (size_t i = 0; i < n; i++)
		bw_json_put_str(b, list, NULL, items[i]);
}

static void put_bandwidth(struct bw_json_build *b, struct cJSON *to, const struct cJSON *from)
{
	const struct cJSON *bw = bw_json_get(from, "bandwidth");

	if (bw)
		bw_json_put_tree(b, to, "bandwidth", bw);
}

static struct cJSON *put_interface(struct bw_json_build *b, struct cJSON *list, const char *name,
				   const char *network, const char *const *networks, size_t n)
{
	struct cJSON *i = bw_json_put_object(b, list, NULL);

	bw_json_put_str(b, i, "name", name);
	if (network)
		bw_json_put_str(b, i, "network", network);
	put_list(b, i, "networks", networks, n);
	return i;
}

static void put_interfaces(const struct unit_run *k, struct bw_json_build *b, struct cJSON *spec)
{
	const struct bw_db_unit_networking *n = &k->unit->spec.networking;
	const struct cJSON *raw = bw_json_get(bw_json_get(k->unit->doc, "spec"), "networking");
	const struct cJSON *more = bw_json_get(raw, "interfaces");
	struct cJSON *list = bw_json_put_array(b, spec, "interfaces");
	struct cJSON *i = put_interface(b, list, UNIT_INTERFACE, n->network, n->networks.items,
					n->networks.n);

	if (n->address)
		put_list(b, i, "requestedIPs", &n->address, 1);
	else
		put_list(b, i, "requestedIPs", n->addresses.items, n->addresses.n);
	if (n->mac)
		bw_json_put_str(b, i, "mac", n->mac);
	put_bandwidth(b, i, raw);
	bw_json_put_bool(b, i, "required", 1);
	for (size_t x = 0; x < n->interfaces.n; x++) {
		const struct bw_db_unit_networking_interface *m = &n->interfaces.items[x];

		i = put_interface(b, list, m->name, m->network, m->networks.items, m->networks.n);
		put_list(b, i, "requestedIPs", m->addresses.items, m->addresses.n);
		if (m->mac)
			bw_json_put_str(b, i, "mac", m->mac);
		put_bandwidth(b, i, cJSON_GetArrayItem(more, (int)x));
		bw_json_put_bool(b, i, "required", 1);
	}
}

/* WRITES */

static void plan_create(struct unit_run *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const struct bw_kube_meta *m = &k->unit->meta;
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE,
				     .kind = &bw_kind_networkclaim,
				     .namespace = m->namespace,
				     .name = m->name };
	struct cJSON *root = bw_json_build_object(&b);
	char sticky[CTL_KEY_MAX];
	struct cJSON *meta;
	struct cJSON *spec;
	struct cJSON *ref;

	bw_json_put_str(&b, root, "apiVersion", "net.barewire.dev/v1alpha1");
	bw_json_put_str(&b, root, "kind", "NetworkClaim");
	meta = bw_json_put_object(&b, root, "metadata");
	bw_json_put_str(&b, meta, "name", m->name);
	bw_json_put_str(&b, meta, "namespace", m->namespace);
	bw_json_put_str(&b, bw_json_put_object(&b, meta, "labels"), UNIT_LABEL, m->name);
	bw_json_put_str(&b, bw_json_put_array(&b, meta, "finalizers"), NULL, CTL_FINALIZER);
	unit_put_owner(k, &b, meta, 1);
	spec = bw_json_put_object(&b, root, "spec");
	put_interfaces(k, &b, spec);
	/* A Unit of the same name finds its addresses again where a pool keeps them. */
	bw_json_put_str(&b, spec, "stickyKey", ctl_key(m->namespace, m->name, sticky));
	ref = bw_json_put_object(&b, spec, "unitRef");
	bw_json_put_str(&b, ref, "name", m->name);
	bw_json_put_str(&b, ref, "uid", m->uid);
	ctl_write(k->plan, &r, &b, unit_done_create, NULL);
}

static void plan_delete(struct unit_run *k)
{
	const struct bw_kube_meta *m = &k->claim.meta;
	const struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
					   .kind = &bw_kind_networkclaim,
					   .namespace = m->namespace,
					   .name = m->name,
					   .uid = m->uid,
					   .resource_version = m->rv,
					   .grace_s = -1 };

	bw_plan_write(k->plan, &r, NULL, NULL);
}

/* WHERE IT DIFFERS */

/* Takes out what may change while addresses are held. */
static void without_bandwidth(struct cJSON *interfaces)
{
	struct cJSON *i;

	cJSON_ArrayForEach (i, interfaces)
		cJSON_DeleteItemFromObjectCaseSensitive(i, "bandwidth");
}

static void plan_interfaces(struct unit_run *k, const struct cJSON *interfaces)
{
	bw_autobuild struct bw_json_build b = { 0 };
	const struct bw_kube_meta *m = &k->claim.meta;
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_networkclaim,
				     .namespace = m->namespace,
				     .name = m->name };
	struct cJSON *spec = bw_json_put_object(&b, ctl_body_cas(&b, m->rv), "spec");

	bw_json_put_tree(&b, spec, "interfaces", interfaces);
	ctl_write(k->plan, &r, &b, ctl_done_cas, NULL);
}

/* Only a Unit that is offline lets go of its addresses for others. */
static void compare(struct unit_run *k)
{
	bw_autobuild struct bw_json_build b = { 0 };
	bw_autojson struct cJSON *want = NULL;
	bw_autojson struct cJSON *a = NULL;
	bw_autojson struct cJSON *c = NULL;
	const struct cJSON *is = bw_json_get(bw_json_get(k->claim.doc, "spec"), "interfaces");
	const struct cJSON *should;

	put_interfaces(k, &b, bw_json_build_object(&b));
	if (bw_json_build_take(&b, &want, NULL) < 0) {
		(void)bw_plan_alloc(k->plan, SIZE_MAX); /* fails the plan */
		return;
	}
	should = bw_json_get(want, "interfaces");
	if (cJSON_Compare(is, should, 1)) {
		bw_kube_conds_clear(&k->conds, DIFFERS);
		return;
	}
	a = cJSON_Duplicate(is, 1);
	c = cJSON_Duplicate(should, 1);
	/* What cannot be compared is not said to differ: that may cost the claim. */
	if ((is && !a) || !c) {
		(void)bw_plan_alloc(k->plan, SIZE_MAX); /* fails the plan */
		return;
	}
	without_bandwidth(a);
	without_bandwidth(c);
	if (cJSON_Compare(a, c, 1) || k->claim_state == UNIT_CLAIM_WAITING) {
		bw_kube_conds_clear(&k->conds, DIFFERS);
		if (!k->unit->spec.maintenance)
			plan_interfaces(k, should);
		return;
	}
	if (!k->unit->spec.startup && k->pod_state == UNIT_POD_NONE && !k->unit->spec.maintenance) {
		plan_delete(k);
		k->claim_state = UNIT_CLAIM_LEAVING;
		bw_kube_conds_clear(&k->conds, DIFFERS);
		return;
	}
	unit_warn(k, DIFFERS, 1, DIFFERS,
		  "spec.networking asks for other addresses than the claim holds; they are "
		  "exchanged while the Unit is offline: set startup: false, and true again");
}

/* MODES */

static const struct {
	enum bw_db_unit_networking_mode unit;
	enum bw_net_pool_mode pool;
} modes[] = {
	{ BW_DB_UNIT_NETWORKING_MODE_BRIDGE, BW_NET_POOL_MODE_BRIDGE },
	{ BW_DB_UNIT_NETWORKING_MODE_SRIOV, BW_NET_POOL_MODE_SRIOV },
	{ BW_DB_UNIT_NETWORKING_MODE_MACVLAN, BW_NET_POOL_MODE_MACVLAN },
	{ BW_DB_UNIT_NETWORKING_MODE_CALICO, BW_NET_POOL_MODE_CALICO },
	{ BW_DB_UNIT_NETWORKING_MODE_KUBE_OVN, BW_NET_POOL_MODE_KUBE_OVN },
	{ BW_DB_UNIT_NETWORKING_MODE_EXTERNAL, BW_NET_POOL_MODE_EXTERNAL },
};

static int same_mode(enum bw_db_unit_networking_mode unit, enum bw_net_pool_mode pool)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(modes); i++)
		if (modes[i].unit == unit)
			return modes[i].pool == pool;
	return 0;
}

/* Whether the Unit's mode is that of its pool, as far as the pool is known. */
static int mode_fits(struct unit_run *k)
{
	BW_CLEANUP(bw_net_pool_done) struct bw_net_pool pool = { 0 };
	const struct bw_db_unit_networking *n = &k->unit->spec.networking;
	const char *name = n->network;
	char text[BW_KUBE_COND_TEXT_MAX];

	if (!name && n->networks.n > 0)
		name = n->networks.items[0];
	if (n->mode == BW_DB_UNIT_NETWORKING_MODE_NONE || unit_pool(k->c, name, &pool) < 0 ||
	    same_mode(n->mode, pool.spec.mode)) {
		bw_kube_conds_clear(&k->conds, MISMATCH);
		return 1;
	}
	(void)snprintf(text, sizeof(text),
		       "networking.mode is %s and pool %s is of mode %s: leave mode out, or name "
		       "another pool",
		       bw_db_unit_networking_mode_str(n->mode), name,
		       bw_net_pool_mode_str(pool.spec.mode)); /* may be cut, ignoring */
	unit_warn(k, MISMATCH, 1, MISMATCH, text);
	unit_wait(k, MISMATCH, "%s", text);
	return 0;
}

/* THE STEP */

static void say(struct unit_run *k, int bound, const char *reason, const char *text)
{
	bw_kube_conds_set(&k->conds, CONDITION, bound, reason, k->unit->meta.generation, "%s",
			  text);
	if (!bound)
		unit_wait(k, reason, "%s", text);
}

/* What the claim itself waits for. */
static void pass_on(struct unit_run *k)
{
	const struct bw_kube_condition *c = bw_kube_condition_get(
		k->claim.status.conditions.items, k->claim.status.conditions.n, "Bound");

	if (k->claim.status.phase == BW_NET_CLAIM_STATUS_PHASE_FAILED)
		k->failed = 1;
	say(k, 0, c && c->reason && *c->reason ? c->reason : "Waiting",
	    c && c->message ? c->message : "waits for its addresses");
}

static void say_bound(struct unit_run *k)
{
	const struct bw_kube_condition *c = bw_kube_condition_get(
		k->claim.status.conditions.items, k->claim.status.conditions.n, "Bound");

	say(k, 1, "Bound", c && c->message ? c->message : "");
}

/* One that is there is left to its garbage collector, or to whoever made it. */
static void say_other(struct unit_run *k)
{
	char text[BW_KUBE_COND_TEXT_MAX];
	int earlier = k->claim_state == UNIT_CLAIM_EARLIER;

	(void)snprintf(text, sizeof(text),
		       earlier ? "waits for claim %s of an earlier Unit to go"
			       : "claim %s exists and is not this Unit's: delete it, or give the "
				 "Unit another name",
		       k->unit->meta.name); /* names are bounded, ignoring */
	say(k, 0, earlier ? "Releasing" : "ClaimForeign", text);
}

static void make(struct unit_run *k)
{
	if (k->invalid || !mode_fits(k)) {
		say(k, 0, "NotMade", "the claim is made when the Unit's spec can be followed");
		return;
	}
	if (!k->unit->spec.maintenance)
		plan_create(k);
	say(k, 0, "Waiting", "waits for its addresses");
}

void unit_claim(struct unit_run *k)
{
	switch (k->claim_state) {
	case UNIT_CLAIM_NONE:
		make(k);
		return;
	case UNIT_CLAIM_FOREIGN:
	case UNIT_CLAIM_EARLIER:
		say_other(k);
		return;
	case UNIT_CLAIM_LEAVING:
		say(k, 0, "Releasing", "waits for the deleted claim to be released");
		return;
	case UNIT_CLAIM_WAITING:
		compare(k);
		pass_on(k);
		return;
	case UNIT_CLAIM_BOUND:
		(void)mode_fits(k);
		compare(k);
		if (k->claim_state == UNIT_CLAIM_LEAVING)
			say(k, 0, "Releasing", "gives its addresses back for those now declared");
		else
			say_bound(k);
		return;
	}
}
