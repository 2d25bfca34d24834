/* SPDX-License-Identifier: Apache-2.0 */
/* The controller of Units put together: stores, indexes, and what a change means for which Unit. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "impl.h"

#define UNITS_RUNNING 32 /* Units at once: one request each in flight */

/* WHAT IS LOOKED AT */

#define END                                                                                        \
	{                                                                                          \
		NULL, NULL                                                                         \
	}

/* Labels, and annotations: ours, and what other network plugins read. */
static const struct bw_kube_keep notes[] = { { UNIT_PREFIX "*", NULL },
					     { "k8s.v1.cni.cncf.io/*", NULL },
					     { "v1.multus-cni.io/*", NULL },
					     { "cni.projectcalico.org/ipAddrs", NULL },
					     { "cni.projectcalico.org/hwAddr", NULL },
					     { "ovn.kubernetes.io/ip_address", NULL },
					     { "ovn.kubernetes.io/mac_address", NULL },
					     END };
static const struct bw_kube_keep meta[] = {
	{ "namespace", NULL },
	{ "name", NULL },
	{ "uid", NULL },
	{ "resourceVersion", NULL },
	{ "generation", NULL },
	{ "creationTimestamp", NULL },
	{ "deletionTimestamp", NULL },
	{ "labels", notes },
	{ "annotations", notes },
	{ "ownerReferences", ctl_keep_owner },
	END,
};
static const struct bw_kube_keep condition[] = { { "type", NULL },
						 { "status", NULL },
						 { "reason", NULL },
						 { "message", NULL },
						 { "lastTransitionTime", NULL },
						 END };
static const struct bw_kube_keep waiting[] = { { "reason", NULL }, END };
static const struct bw_kube_keep running[] = { { "startedAt", NULL }, END };
static const struct bw_kube_keep state[] = { { "waiting", waiting }, { "running", running }, END };
/* Resources: what it has by now, which is less than is asked for while it is resized. */
static const struct bw_kube_keep container[] = { { "name", NULL },
						 { "state", state },
						 { "resources", NULL },
						 { "allocatedResources", NULL },
						 END };
static const struct bw_kube_keep asked[] = { { "name", NULL }, { "resources", NULL }, END };
static const struct bw_kube_keep pod_spec[] = { { "nodeName", NULL },
						{ "containers", asked },
						END };
static const struct bw_kube_keep pod_status[] = { { "phase", NULL },
						  { "reason", NULL },
						  { "observedGeneration", NULL },
						  { "podIPs", NULL },
						  { "conditions", condition },
						  { "containerStatuses", container },
						  END };
static const struct bw_kube_keep keep_pod[] = {
	{ "metadata", meta }, { "spec", pod_spec }, { "status", pod_status }, END
};
static const struct bw_kube_keep volume_status[] = { { "phase", NULL }, { "capacity", NULL }, END };
static const struct bw_kube_keep volume_spec[] = { { "volumeName", NULL }, END };
static const struct bw_kube_keep keep_volume[] = {
	{ "metadata", meta }, { "spec", volume_spec }, { "status", volume_status }, END
};

static const struct bw_kube_keep claim_ref[] = { { "namespace", NULL }, { "name", NULL }, END };
static const struct bw_kube_keep pv_spec[] = { { "claimRef", claim_ref },
					       { "nodeAffinity", NULL },
					       END };
static const struct bw_kube_keep pv_meta[] = {
	{ "name", NULL }, { "uid", NULL }, { "resourceVersion", NULL }, END
};
static const struct bw_kube_keep keep_pv[] = { { "metadata", pv_meta }, { "spec", pv_spec }, END };

static const struct bw_kube_keep keep_config[] = { { "metadata", meta }, { "data", NULL }, END };
static const struct bw_kube_keep service_spec[] = { { "clusterIP", NULL }, { "ports", NULL }, END };
static const struct bw_kube_keep keep_service[] = { { "metadata", meta },
						    { "spec", service_spec },
						    END };
static const struct bw_kube_keep keep_slice[] = {
	{ "metadata", meta }, { "addressType", NULL }, { "endpoints", NULL }, { "ports", NULL }, END
};

/* WHO IS ASKED */

/* Out of memory: the object's next change asks again. */
static void ask(struct ctl_unit *c, const char *ns, const char *name, enum bw_key_cause cause)
{
	if (bw_kube_store_get(c->st.units, ns, name))
		(void)bw_controller_enqueue(c->units, ns, name, cause);
}

static void on_claim(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	const struct bw_kube_object *o = now ? now : old;

	ask(arg, o->namespace, o->name, BW_KEY_FACT);
}

static void on_pod(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	const struct bw_kube_object *o = now ? now : old;

	ask(arg, o->namespace, o->name, now ? BW_KEY_DEPENDENT : BW_KEY_FACT);
}

static void ask_for_volume(struct ctl_unit *c, const struct bw_kube_object *o)
{
	char unit[BW_KUBE_NAME_MAX + 1];
	const char *dash = o->name;

	if (bw_kube_text_copy(o->text, o->size, unit, sizeof(unit), "metadata", "labels",
			      UNIT_LABEL) == 0)
		ask(c, o->namespace, unit, BW_KEY_DEPENDENT);
	/* One without our label that has the name of a Unit's: the name ends with the Unit's. */
	while ((dash = strchr(dash, '-')) != NULL)
		ask(c, o->namespace, ++dash, BW_KEY_DEPENDENT);
}

static void on_volume(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	ask_for_volume(arg, now ? now : old);
}

/* A volume that is seen after the claim that is bound to it. */
static void on_pv(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct ctl_unit *c = arg;
	const struct bw_kube_object *o = now ? now : old;
	char ns[BW_KUBE_NS_MAX + 1];
	char name[BW_KUBE_NAME_MAX + 1];
	const struct bw_kube_object *claim;

	if (bw_kube_text_copy(o->text, o->size, ns, sizeof(ns), "spec", "claimRef", "namespace") <
		    0 ||
	    bw_kube_text_copy(o->text, o->size, name, sizeof(name), "spec", "claimRef", "name") < 0)
		return;
	claim = bw_kube_store_get(c->st.volumes, ns, name);
	if (claim)
		ask_for_volume(c, claim);
}

/* What else is made for a Unit, and may be taken away or changed by others. */
static void on_made(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	const struct bw_kube_object *o = now ? now : old;
	char unit[BW_KUBE_NAME_MAX + 1];

	if (bw_kube_text_copy(o->text, o->size, unit, sizeof(unit), "metadata", "labels",
			      UNIT_LABEL) == 0)
		ask(arg, o->namespace, unit, BW_KEY_FACT);
}

static int ask_one(struct bw_kube_object *o, void *arg)
{
	ask(arg, o->namespace, o->name, BW_KEY_DEPENDENT);
	return 0;
}

static void on_node(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct ctl_unit *c = arg;
	const struct bw_kube_object *o = now ? now : old;

	if (!o)
		return;
	if (!old || !now || ctl_node_changed(old, now))
		(void)bw_kube_store_find(c->st.units, UNIT_INDEX_NODE, o->name, ask_one,
					 c); /* never stops, ignoring */
}

/* Not for its counters, which move with every address. */
static void on_pool(struct bw_kube_object *old, struct bw_kube_object *now, void *arg)
{
	struct ctl_unit *c = arg;
	const struct bw_kube_object *o = now ? now : old;

	if (!o)
		return;
	if (!old || !now || old->generation != now->generation)
		(void)bw_kube_store_find(c->st.units, UNIT_INDEX_NETWORK, o->name, ask_one,
					 c); /* never stops, ignoring */
}

/* INDEXES */

static void by_node(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	char node[BW_KUBE_NAME_MAX + 1];

	if (bw_kube_text_copy(o->text, o->size, node, sizeof(node), "status", "nodeName") == 0)
		put(to, node);
	if (bw_kube_text_copy(o->text, o->size, node, sizeof(node), "status", "action",
			      "nodeName") == 0)
		put(to, node);
}

static void by_unit(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	char unit[BW_KUBE_NAME_MAX + 1];
	char key[CTL_KEY_MAX];

	if (bw_kube_text_copy(o->text, o->size, unit, sizeof(unit), "metadata", "labels",
			      UNIT_LABEL) == 0)
		put(to, ctl_key(o->namespace, unit, key));
}

static void by_network(const struct bw_kube_object *o, bw_kube_index_put put, void *to)
{
	BW_CLEANUP(bw_db_unit_done) struct bw_db_unit u = { 0 };
	const struct bw_db_unit_networking *n = &u.spec.networking;

	if (bw_db_unit_decode(o->text, o->size, &u, NULL) < 0)
		return;
	if (n->network)
		put(to, n->network);
	for (size_t i = 0; i < n->networks.n; i++)
		put(to, n->networks.items[i]);
}

/* START */

static int watch(struct bw_kube_runtime *rt, struct ctl_unit *c, struct bw_err *err)
{
	const struct {
		const struct bw_kube_kind *kind;
		struct bw_kube_watch_options options;
		struct bw_kube_store **ret;
	} all[] = {
		{ &bw_kind_unit, { 0 }, &c->st.units },
		{ &bw_kind_pod, { .label_selector = UNIT_LABEL, .keep = keep_pod }, &c->st.pods },
		{ &bw_kind_persistentvolumeclaim, { .keep = keep_volume }, &c->st.volumes },
		{ &bw_kind_persistentvolume, { .keep = keep_pv }, &c->st.pvs },
		{ &bw_kind_configmap,
		  { .label_selector = UNIT_LABEL, .keep = keep_config },
		  &c->st.configs },
		{ &bw_kind_service,
		  { .label_selector = UNIT_LABEL, .keep = keep_service },
		  &c->st.services },
		{ &bw_kind_endpointslice,
		  { .label_selector = UNIT_LABEL, .keep = keep_slice },
		  &c->st.slices },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		int r = bw_kube_runtime_watch(rt, all[i].kind, &all[i].options, all[i].ret, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_indexes(struct ctl_unit *c, struct bw_err *err)
{
	const struct {
		struct bw_kube_store *store;
		const char *name;
		bw_kube_index_fn fn;
	} all[] = {
		{ c->st.volumes, UNIT_INDEX_UNIT, by_unit },
		{ c->st.units, UNIT_INDEX_NODE, by_node },
		{ c->st.units, UNIT_INDEX_NETWORK, by_network },
		{ c->st.units, UNIT_INDEX_PEERS, unit_by_peers },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		int r = bw_kube_store_index(all[i].store, all[i].name, all[i].fn, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int hear(struct ctl_unit *c, struct bw_err *err)
{
	const struct {
		struct bw_kube_store *store;
		bw_kube_change_fn fn;
	} all[] = {
		{ c->st.claims, on_claim },
		{ c->st.pods, on_pod },
		{ c->st.all_pods, on_pod },
		{ c->st.volumes, on_volume },
		{ c->st.pvs, on_pv },
		{ c->st.nodes, on_node },
		{ c->st.pools, on_pool },
		{ c->st.configs, on_made },
		{ c->st.services, on_made },
		{ c->st.slices, on_made },
		{ c->st.units, unit_peer_changed },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		int r = bw_kube_store_on_change(all[i].store, all[i].fn, c, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int control(struct bw_kube_runtime *rt, struct ctl_unit *c, struct bw_err *err)
{
	/* Nothing is decided before everything was listed: an empty cache is not an empty world. */
	struct bw_kube_store *const all[] = {
		c->st.pods,     c->st.volumes, c->st.pvs,   c->st.claims,
		c->st.all_pods, c->st.nodes,   c->st.pools, c->st.configs,
		c->st.services, c->st.slices,  NULL
	};
	const struct bw_controller_options o = { .name = "unit",
						 .primary = c->st.units,
						 .reconcile = unit_reconcile,
						 .arg = c,
						 .max_running = UNITS_RUNNING,
						 .wait_for = all };

	return bw_controller_new(rt, &o, &c->units, err);
}

int ctl_unit_start(struct bw_kube_runtime *rt, const struct ctl_unit_options *opts,
		   struct ctl_unit **ret, struct bw_err *err)
{
	BW_CLEANUP(ctl_unit_free) struct ctl_unit *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bw_fail(err, ENOMEM, "start the controller of Units");
	c->loop = opts->loop;
	bw_list_init(&c->verdicts);
	bw_list_init(&c->refusals);
	bw_list_init(&c->reads);
	bw_list_init(&c->told);
	if (opts->launch_image) {
		c->launch_image = strdup(opts->launch_image);
		if (!c->launch_image)
			return bw_fail(err, ENOMEM, "start the controller of Units");
	}
	c->st.claims = opts->ipam->st.claims;
	c->st.all_pods = opts->ipam->st.pods;
	c->st.nodes = opts->ipam->st.nodes;
	c->st.pools = opts->ipam->st.pools;
	r = watch(rt, c, err);
	if (r == 0)
		r = make_indexes(c, err);
	if (r == 0)
		r = control(rt, c, err);
	if (r == 0)
		r = hear(c, err);
	if (r < 0)
		return r;
	*ret = BW_TAKE_PTR(c);
	return 0;
}

struct bw_kube_store *ctl_unit_store(const struct ctl_unit *unit)
{
	return unit->st.units;
}

void ctl_unit_free(struct ctl_unit **unit)
{
	struct ctl_unit *c = *unit;

	if (!c)
		return;
	unit_verdicts_free(c);
	unit_refusals_free(c);
	unit_secrets_free(c);
	unit_told_free(c);
	free(c->launch_image);
	free(c);
	*unit = NULL;
}
