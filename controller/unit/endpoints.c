/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the Unit's Service leads: an EndpointSlice for each family of the service interface, with
 * the pod's conditions. An address is named while a pod has it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cjson/cJSON.h>

#include "impl.h"

#define FOREIGN "EndpointsForeign"
#define SERVICE_LABEL "kubernetes.io/service-name"
#define MANAGED_LABEL "endpointslice.kubernetes.io/managed-by"
#define MANAGER "barewire-controller"
#define ADDRESSES_MAX 8 /* of one family of one interface; a claim gives one */

struct family {
	int af;
	const char *type; /* addressType */
	const char *suffix; /* of the slice's name */
};
static const struct family families[] = {
	{ AF_INET, "IPv4", "ipv4" },
	{ AF_INET6, "IPv6", "ipv6" },
};

/* WHAT IT SHOULD SAY */

static int is_ready(const struct unit_run *k)
{
	const struct bw_kube_condition *c = bw_kube_condition_get(
		k->pod.status.conditions.items, k->pod.status.conditions.n, "Ready");

	return c && c->status && strcmp(c->status, "True") == 0;
}

/* A pod that has its address and has not ended. */
static int has_endpoint(const struct unit_run *k)
{
	return k->pod_o && !unit_pod_has_ended(&k->pod) && k->pod.spec.node_name &&
	       k->pod.status.pod_ips.n > 0;
}

static void put_endpoint(const struct unit_run *k, struct bw_json_build *b, struct cJSON *list,
			 const char *const *ips, size_t n)
{
	struct cJSON *e = bw_json_put_object(b, list, NULL);
	struct cJSON *o = bw_json_put_array(b, e, "addresses");
	int leaving = k->pod.meta.deleting;

	for (size_t i = 0; i < n; i++)
		bw_json_put_str(b, o, NULL, ips[i]);
	o = bw_json_put_object(b, e, "conditions");
	bw_json_put_bool(b, o, "ready", is_ready(k) && !leaving);
	bw_json_put_bool(b, o, "serving", is_ready(k));
	bw_json_put_bool(b, o, "terminating", leaving);
	bw_json_put_str(b, e, "nodeName", k->pod.spec.node_name);
	o = bw_json_put_object(b, e, "targetRef");
	bw_json_put_str(b, o, "kind", "Pod");
	bw_json_put_str(b, o, "namespace", k->pod.meta.namespace);
	bw_json_put_str(b, o, "name", k->pod.meta.name);
	bw_json_put_str(b, o, "uid", k->pod.meta.uid);
}

static void put_lists(const struct unit_run *k, struct bw_json_build *b, struct cJSON *root,
		      const char *const *ips, size_t n)
{
	struct unit_port ports[UNIT_PORTS_MAX];
	size_t n_ports = unit_ports(k->unit, ports);
	struct cJSON *list = bw_json_put_array(b, root, "endpoints");

	if (has_endpoint(k))
		put_endpoint(k, b, list, ips, n);
	list = bw_json_put_array(b, root, "ports");
	for (size_t i = 0; i < n_ports; i++) {
		struct cJSON *p = bw_json_put_object(b, list, NULL);

		bw_json_put_str(b, p, "name", ports[i].name);
		bw_json_put_int(b, p, "port", ports[i].port);
		bw_json_put_str(b, p, "protocol", ports[i].protocol);
	}
}

/* An empty list and none are one. */
static int same_list(const struct cJSON *a, const struct cJSON *b, const char *key)
{
	const struct cJSON *x = bw_json_get(a, key);
	const struct cJSON *y = bw_json_get(b, key);

	if (cJSON_GetArraySize(x) == 0 || cJSON_GetArraySize(y) == 0)
		return cJSON_GetArraySize(x) == cJSON_GetArraySize(y);
	return cJSON_Compare(x, y, 1);
}

/* WRITING */

static void plan_create(struct unit_run *k, const struct family *f, const char *name,
			const char *const *ips, size_t n)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *root = unit_put_head(k, &b, "discovery.k8s.io/v1", "EndpointSlice", name);
	struct cJSON *labels = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(root, "metadata"), "labels");

	bw_json_put_str(&b, labels, SERVICE_LABEL, k->unit->meta.name);
	bw_json_put_str(&b, labels, MANAGED_LABEL, MANAGER);
	bw_json_put_str(&b, root, "addressType", f->type);
	put_lists(k, &b, root, ips, n);
	unit_make(k, BW_KUBE_CREATE, &bw_kind_endpointslice, name, &b);
}

static void follow(struct unit_run *k, const struct bw_k_endpoint_slice *is, const char *const *ips,
		   size_t n)
{
	bw_autobuild struct bw_json_build w = { 0 };
	bw_autobuild struct bw_json_build b = { 0 };

	put_lists(k, &w, bw_json_build_object(&w), ips, n);
	if (!w.failed && same_list(is->doc, w.root, "endpoints") &&
	    same_list(is->doc, w.root, "ports"))
		return;
	put_lists(k, &b, ctl_body_cas(&b, is->meta.rv), ips, n);
	unit_make(k, BW_KUBE_MERGE, &bw_kind_endpointslice, is->meta.name, &b);
}

/* THE STEP */

/* Return: it is somebody else's. */
static int step(struct unit_run *k, const struct family *f)
{
	BW_CLEANUP(bw_k_endpoint_slice_done) struct bw_k_endpoint_slice is = { 0 };
	const struct bw_kube_meta *m = &k->unit->meta;
	const char *ips[ADDRESSES_MAX];
	size_t n = unit_service_ips(k, f->af, ips, ADDRESSES_MAX);
	enum unit_whose whose = UNIT_NOBODYS;
	int bound = k->claim_state == UNIT_CLAIM_BOUND;
	char name[BW_KUBE_NAME_MAX + 1];
	struct bw_kube_object *o;

	(void)snprintf(name, sizeof(name), "%s-%s", m->name, f->suffix); /* fits */
	o = bw_kube_store_get(k->c->st.slices, m->namespace, name);
	if (o && bw_k_endpoint_slice_decode(o->text, o->size, &is, NULL) < 0)
		whose = UNIT_SOMEBODYS;
	else if (o)
		whose = unit_whose(k, &is.meta);
	/* Addresses that are given back are no longer named; whose they are, nobody knows now. */
	if (whose != UNIT_OURS ? n == 0 : !bound && has_endpoint(k))
		return 0;
	if (unit_say_foreign(k, FOREIGN, "EndpointSlice", name, whose,
			     unit_refused(k, &bw_kind_endpointslice, name)))
		return 1;
	if (is.meta.deleting)
		return 0;
	if (n == 0 && bound)
		unit_unmake(k, &bw_kind_endpointslice, &is.meta);
	else if (whose == UNIT_OURS)
		follow(k, &is, ips, n);
	else if (!m->deleting && has_endpoint(k)) /* an empty one helps nobody */
		plan_create(k, f, name, ips, n);
	return 0;
}

void unit_endpoints(struct unit_run *k)
{
	int foreign = 0;

	/* A pod that was just seen to be there and not yet whole says nothing. In maintenance they
	 * follow all the same: they tell what is. */
	if (k->pod_state == UNIT_POD_UNSEEN || k->claim_state < UNIT_CLAIM_WAITING)
		return;
	for (size_t i = 0; i < BW_ARRAY_SIZE(families); i++)
		foreign |= step(k, &families[i]);
	if (!foreign)
		bw_kube_conds_clear(&k->conds, FOREIGN);
}
