/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's reconcile: the claim that is made for it, by its annotations, its namespace's, or the
 * default pools, and warnings about what it asks for and does not get.
 */
#include <ctype.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"
#include "wish.h"

#define NETWORKS_MAX 8 /* conf/crds: maxItems */
#define LIST_MAX 1024 /* bytes of net.barewire.dev/network */

/* What a pod wants of a claim of its own. */
struct want {
	char text[LIST_MAX];
	const char *networks[NETWORKS_MAX];
	size_t n_networks;
	struct bw_ip ips[CTL_WISH_FAMILIES];
	size_t n_ips;
	uint8_t explicit; /* its own annotations say so */
	const struct bw_kube_owner *owner; /* StatefulSet; NULL = the pod */
};

/* WARNINGS */

static void warn(struct ctl_ipam *c, struct bw_plan *plan, struct bw_kube_object *pod,
		 const char *reason, const char *text)
{
	char said[CTL_KEY_MAX + 512];

	(void)ctl_join(reason, pod->uid, said, sizeof(said));
	(void)ctl_join(said, text, said + strlen(said) + 1, sizeof(said) - strlen(said) - 1);
	if (!ctl_said_before(c, said + strlen(said) + 1))
		bw_plan_event(plan, pod, BW_EVENT_WARNING, reason, "%s", text);
}

static void warn_annotations(struct ctl_ipam *c, struct bw_plan *plan, struct bw_kube_object *o,
			     const struct bw_kube_meta *m)
{
	static const char *const known[] = { CTL_ANN_CLAIM, CTL_ANN_NETWORK, CTL_ANN_ADDRESS,
					     CTL_ANN_RETAIN };

	for (size_t i = 0; i < m->annotations.n; i++) {
		const char *key = m->annotations.items[i].key;
		size_t k = 0;
		char text[BW_KUBE_NAME_MAX + 200];

		if (strncmp(key, CTL_PREFIX, strlen(CTL_PREFIX)) != 0)
			continue;
		while (k < BW_ARRAY_SIZE(known) && strcmp(known[k], key) != 0)
			k++;
		if (k < BW_ARRAY_SIZE(known))
			continue;
		(void)ctl_join(key,
			       "is no annotation of barewire; there are claim, network, address "
			       "and retain",
			       text, sizeof(text));
		warn(c, plan, o, "UnknownAnnotation", text);
	}
}

struct policy_walk {
	struct ctl_ipam *c;
	struct bw_plan *plan;
	struct bw_kube_object *pod;
	const struct bw_kube_meta *meta;
};

static int check_policy(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_k_network_policy_done) struct bw_k_network_policy np = { 0 };
	struct policy_walk *w = arg;
	char text[BW_KUBE_NAME_MAX + 200];

	if (bw_k_network_policy_decode(o->text, o->size, &np, NULL) < 0 ||
	    !bw_kube_selector_match(&np.spec.pod_selector, w->meta->labels.items,
				    w->meta->labels.n))
		return 0;
	(void)ctl_join("barewire does not enforce NetworkPolicies: nothing is blocked by policy",
		       o->name, text, sizeof(text));
	warn(w->c, w->plan, w->pod, "NetworkPolicyNotEnforced", text);
	return 1; /* one says enough */
}

/* WHAT IT WANTS */

/* "a, b" into names. Return: 0; -EINVAL too many or too long. */
static int split(const char *text, struct want *w)
{
	char *at = w->text;

	if (strlen(text) >= sizeof(w->text))
		return -EINVAL;
	memcpy(w->text, text, strlen(text) + 1);
	while (*at) {
		char *end = at + strcspn(at, ", ");
		char next = *end;

		*end = '\0';
		if (*at) {
			if (w->n_networks == NETWORKS_MAX)
				return -EINVAL;
			w->networks[w->n_networks++] = at;
		}
		if (!next)
			break;
		at = end + 1;
	}
	return 0;
}

/* The default pools: of each family the oldest. */
static void defaults(const struct ctl_ipam *c, struct want *w)
{
	int has4 = 0;
	int has6 = 0;

	bw_list_for_each (i, (struct bw_list *)&c->pools.list) {
		struct ctl_pool *p = bw_list_entry(i, struct ctl_pool, node);
		int *has = p->family == AF_INET ? &has4 : &has6;

		if (!p->o.spec.default_ || p->o.meta.deleting || *has)
			continue;
		*has = 1;
		w->networks[w->n_networks++] = p->o.meta.name;
	}
}

/* Whether the pod was born before our time: another plugin gave it an address. */
static int has_address(const struct bw_k_pod *p)
{
	return p->status.pod_ip && *p->status.pod_ip;
}

static int find_networks(struct ctl_ipam *c, const struct bw_k_pod *p, struct want *w)
{
	const char *network = bw_kube_annotation(&p->meta, CTL_ANN_NETWORK);
	struct bw_kube_object *o = bw_kube_store_get(c->st.namespaces, NULL, p->meta.namespace);
	BW_CLEANUP(bw_k_namespace_done) struct bw_k_namespace ns = { 0 };

	w->explicit = network != NULL || bw_kube_annotation(&p->meta, CTL_ANN_ADDRESS) != NULL;
	if (!network && o && bw_k_namespace_decode(o->text, o->size, &ns, NULL) == 0)
		network = bw_kube_annotation(&ns.meta, CTL_ANN_NETWORK);
	if (network)
		return split(network, w);
	defaults(c, w);
	return 0;
}

static void find_owner(struct ctl_ipam *c, struct bw_plan *plan, struct bw_kube_object *o,
		       const struct bw_k_pod *p, struct want *w)
{
	const char *retain = bw_kube_annotation(&p->meta, CTL_ANN_RETAIN);
	const struct bw_kube_owner *owner = bw_kube_controller_of(&p->meta);

	if (!retain || strcmp(retain, "pod") == 0)
		return;
	if (strcmp(retain, "ordinal") != 0)
		warn(c, plan, o, "InvalidAnnotation",
		     "net.barewire.dev/retain: expected pod or ordinal; pod is taken");
	else if (!owner || !owner->kind || strcmp(owner->kind, "StatefulSet") != 0)
		warn(c, plan, o, "InvalidAnnotation",
		     "net.barewire.dev/retain: ordinal is for the pods of a StatefulSet; the claim "
		     "goes with the pod");
	else
		w->owner = owner;
}

/* Return: 1 a claim is to be made; 0 not, said why. */
static int find_want(struct ctl_ipam *c, struct bw_plan *plan, struct bw_kube_object *o,
		     const struct bw_k_pod *p, struct want *w)
{
	const char *address = bw_kube_annotation(&p->meta, CTL_ANN_ADDRESS);
	const struct bw_kube_owner *owner = bw_kube_controller_of(&p->meta);
	int set = owner && owner->kind && strcmp(owner->kind, "StatefulSet") == 0;
	struct bw_err err = { 0 };

	if (find_networks(c, p, w) < 0) {
		warn(c, plan, o, "InvalidAnnotation",
		     "net.barewire.dev/network: expected at most eight pools parted by commas");
		return 0;
	}
	if (address && ctl_wish_parse(address, set ? ctl_pod_ordinal(p->meta.name) : -1, w->ips,
				      &w->n_ips, &err) < 0) {
		warn(c, plan, o, "InvalidAddress", err.msg);
		return 0;
	}
	if (w->n_networks == 0 && w->explicit)
		warn(c, plan, o, "NoPool",
		     "no pool is named and none is the default: annotate the pod or its namespace "
		     "with net.barewire.dev/network, or set default: true on a NetworkPool");
	if (w->n_networks == 0)
		return 0;
	find_owner(c, plan, o, p, w);
	return 1;
}

/* THE CLAIM */

static void put_owner(struct bw_json_build *b, struct cJSON *meta, const char *api,
		      const char *kind, const char *name, const char *uid)
{
	struct cJSON *o =
		bw_json_put_object(b, bw_json_put_array(b, meta, "ownerReferences"), NULL);

	bw_json_put_str(b, o, "apiVersion", api);
	bw_json_put_str(b, o, "kind", kind);
	bw_json_put_str(b, o, "name", name);
	bw_json_put_str(b, o, "uid", uid);
}

static void put_interface(struct bw_json_build *b, struct cJSON *spec, const struct want *w)
{
	struct cJSON *i = bw_json_put_object(b, bw_json_put_array(b, spec, "interfaces"), NULL);
	struct cJSON *list;
	char s[BW_IP_STR_MAX];

	bw_json_put_str(b, i, "name", "eth0");
	if (w->n_networks == 1) {
		bw_json_put_str(b, i, "network", w->networks[0]);
	} else {
		list = bw_json_put_array(b, i, "networks");
		for (size_t k = 0; k < w->n_networks; k++)
			bw_json_put_str(b, list, NULL, w->networks[k]);
	}
	if (w->n_ips == 0)
		return;
	list = bw_json_put_array(b, i, "requestedIPs");
	for (size_t k = 0; k < w->n_ips; k++)
		bw_json_put_str(b, list, NULL, bw_ip_str(&w->ips[k], s));
}

/* Somebody made it first: it will be seen. */
static enum bw_plan_next done_claim(const struct bw_kube_answer *a, void *arg)
{
	(void)arg;
	return a->result == BW_KUBE_OK || a->result == BW_KUBE_EXISTS ? BW_PLAN_GO_ON
								      : BW_PLAN_FAIL;
}

static void plan_claim(struct bw_plan *plan, const struct bw_k_pod *p, const struct want *w)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = bw_json_build_object(&b);
	struct bw_kube_request r = { .verb = BW_KUBE_CREATE,
				     .kind = &bw_kind_networkclaim,
				     .namespace = p->meta.namespace,
				     .name = p->meta.name };
	struct cJSON *meta;
	struct cJSON *spec;

	bw_json_put_str(&b, root, "apiVersion", "net.barewire.dev/v1alpha1");
	bw_json_put_str(&b, root, "kind", "NetworkClaim");
	meta = bw_json_put_object(&b, root, "metadata");
	bw_json_put_str(&b, meta, "name", p->meta.name);
	bw_json_put_str(&b, meta, "namespace", p->meta.namespace);
	bw_json_put_str(&b, bw_json_put_array(&b, meta, "finalizers"), NULL, CTL_FINALIZER);
	if (w->owner)
		put_owner(&b, meta, w->owner->api_version ? w->owner->api_version : "apps/v1",
			  w->owner->kind, w->owner->name, w->owner->uid);
	else
		put_owner(&b, meta, "v1", "Pod", p->meta.name, p->meta.uid);
	spec = bw_json_put_object(&b, root, "spec");
	put_interface(&b, spec, w);
	bw_json_put_str(&b, bw_json_put_object(&b, spec, "unitRef"), "name", p->meta.name);
	ctl_write(plan, &r, &b, done_claim, NULL);
}

/*
 * Was a claim made for this very pod before, and is gone: perhaps so is the pod, and the garbage
 * collector is faster than our view of pods.
 */
static enum bw_plan_next done_pod(const struct bw_kube_answer *a, void *arg)
{
	struct bw_kube_object *o = NULL;
	const char *uid = arg;
	int there;

	if (a->result == BW_KUBE_NOT_FOUND)
		return BW_PLAN_DONE;
	if (a->result != BW_KUBE_OK || ctl_live(&bw_kind_pod, ctl_keep_pod, a, &o) < 0)
		return BW_PLAN_FAIL;
	there = strcmp(o->uid, uid) == 0 && !o->deleting;
	bw_kube_object_unref(&o);
	return there ? BW_PLAN_GO_ON : BW_PLAN_DONE;
}

static void plan_look(struct ctl_ipam *c, struct bw_plan *plan, const struct bw_k_pod *p)
{
	char said[BW_KUBE_UID_MAX + 16];
	struct bw_kube_request r = { .verb = BW_KUBE_GET,
				     .kind = &bw_kind_pod,
				     .namespace = p->meta.namespace,
				     .name = p->meta.name };
	size_t size = strlen(p->meta.uid) + 1;
	char *uid;

	(void)ctl_join("claim", p->meta.uid, said, sizeof(said));
	if (!ctl_said_before(c, said))
		return;
	uid = bw_plan_alloc(plan, size);
	if (!uid)
		return;
	memcpy(uid, p->meta.uid, size);
	bw_plan_write(plan, &r, done_pod, uid);
}

struct first {
	struct bw_kube_object *o;
};

static int take_first(struct bw_kube_object *o, void *arg)
{
	((struct first *)arg)->o = o;
	return 1;
}

/* A claim whose unitRef is the pod, or that has its name. One of an older pod goes first. */
static struct bw_kube_object *claim_of(struct ctl_ipam *c, const struct bw_k_pod *p)
{
	struct first f = { 0 };
	char key[CTL_KEY_MAX];

	(void)bw_kube_store_find(c->st.claims, CTL_INDEX_UNIT,
				 ctl_key(p->meta.namespace, p->meta.name, key), take_first, &f);
	return f.o ? f.o : bw_kube_store_get(c->st.claims, p->meta.namespace, p->meta.name);
}

static int is_over(const struct bw_k_pod *p)
{
	const char *phase = p->status.phase ? p->status.phase : "";

	return p->meta.deleting || strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

int ctl_pod_reconcile(const char *ns, const char *name, struct bw_kube_object *o,
		      struct bw_plan *plan, void *ipam, struct bw_err *err)
{
	BW_CLEANUP(bw_k_pod_done) struct bw_k_pod p = { 0 };
	bw_autofree struct want *w = calloc(1, sizeof(*w));
	struct ctl_ipam *c = ipam;
	struct policy_walk walk = { c, plan, o, &p.meta };
	struct bw_err bad = { 0 };

	(void)name;
	if (!w)
		return bw_fail(err, ENOMEM, "reconcile pod %s/%s", ns, name);
	if (!o || !c->ready)
		return 0;
	if (bw_k_pod_decode(o->text, o->size, &p, &bad) < 0) {
		warn(c, plan, o, "PodInvalid", bad.msg);
		return 0;
	}
	if (p.spec.host_network || is_over(&p))
		return 0;
	warn_annotations(c, plan, o, &p.meta);
	(void)bw_kube_store_each(c->st.policies, ns, check_policy, &walk); /* 1 ends it, ignoring */
	if (bw_kube_annotation(&p.meta, CTL_ANN_CLAIM) || claim_of(c, &p) || has_address(&p))
		return 0;
	if (find_want(c, plan, o, &p, w)) {
		plan_look(c, plan, &p);
		plan_claim(plan, &p, w);
	}
	return 0;
}
