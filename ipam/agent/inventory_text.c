/* SPDX-License-Identifier: Apache-2.0 */
/* The status of a NodeNetwork as text; its shape is conf/crds/nodenetwork.yaml. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>

#include "differ.h"
#include "inventory.h"

#define LIST_MAX 64 /* items of each list: the schema's maxItems */
#define TIME_MAX 32

struct write {
	struct bw_json_build b;
	const struct agent_inventory_in *in;
	struct agent_segment segments[LIST_MAX];
	size_t n_segments;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t agent_domains(const struct agent_facts *f, const char **out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_pools && n < max; i++) {
		size_t k = 0;

		while (k < n && strcmp(out[k], f->pools[i].spec.domain) != 0)
			k++;
		if (k == n)
			out[n++] = f->pools[i].spec.domain;
	}
	if (n)
		qsort(out, n, sizeof(*out), by_text);
	return n;
}

static void opt_str(struct write *w, struct cJSON *to, const char *key, const char *value)
{
	if (value && value[0])
		bw_json_put_str(&w->b, to, key, value);
}

static void put_segments(struct write *w, struct cJSON *status)
{
	struct cJSON *list = bw_json_put_array(&w->b, status, "domains");

	for (size_t i = 0; i < w->n_segments; i++) {
		const struct agent_segment *s = &w->segments[i];
		struct cJSON *o = bw_json_put_object(&w->b, list, NULL);

		bw_json_put_str(&w->b, o, "domain", s->domain);
		opt_str(w, o, "uplink", s->uplink);
		opt_str(w, o, "bridge", s->bridge);
		if (s->vlan)
			bw_json_put_int(&w->b, o, "vlan", s->vlan);
		bw_json_put_bool(&w->b, o, "ready", s->ready);
		opt_str(w, o, "reason", s->reason);
		opt_str(w, o, "message", s->message);
	}
}

/* A device that some domain uses, or hardware that could be used. */
static int is_uplink(const struct write *w, const struct agent_dev *d)
{
	for (size_t i = 0; i < w->n_segments; i++)
		if (strcmp(w->segments[i].uplink, d->name) == 0)
			return 1;
	return d->is_physical && !d->is_bridge;
}

static void put_uplinks(struct write *w, struct cJSON *status)
{
	const struct agent_node *n = w->in->facts->node;
	struct cJSON *list = bw_json_put_array(&w->b, status, "uplinks");
	size_t count = 0;
	char mac[BW_MAC_STR_MAX];

	for (size_t i = 0; i < n->n_devs && count < LIST_MAX; i++) {
		const struct agent_dev *d = &n->devs[i];
		struct cJSON *o;

		if (!is_uplink(w, d))
			continue;
		count++;
		o = bw_json_put_object(&w->b, list, NULL);
		bw_json_put_str(&w->b, o, "name", d->name);
		bw_json_put_str(&w->b, o, "mac", bw_mac_str(&d->mac, mac));
		bw_json_put_int(&w->b, o, "mtu", d->mtu);
		bw_json_put_bool(&w->b, o, "up", d->up);
		if (d->speed_mbps)
			bw_json_put_int(&w->b, o, "speedMbps", d->speed_mbps);
		opt_str(w, o, "driver", d->driver);
	}
}

static const struct agent_segment *segment_of(const struct write *w, const char *bridge)
{
	for (size_t i = 0; i < w->n_segments; i++)
		if (strcmp(w->segments[i].bridge, bridge) == 0)
			return &w->segments[i];
	return NULL;
}

static void put_bridges(struct write *w, struct cJSON *status)
{
	const struct agent_node *n = w->in->facts->node;
	struct cJSON *list = bw_json_put_array(&w->b, status, "bridges");
	size_t count = 0;

	for (size_t i = 0; i < n->n_devs && count < LIST_MAX; i++) {
		const struct agent_dev *d = &n->devs[i];
		const struct agent_segment *s = d->is_bridge ? segment_of(w, d->name) : NULL;
		unsigned int ports = 0;
		struct cJSON *o;

		if (!s)
			continue;
		count++;
		for (size_t k = 0; k < n->n_devs; k++)
			ports += n->devs[k].master == d->ifindex &&
				 strcmp(n->devs[k].name, s->uplink) != 0;
		o = bw_json_put_object(&w->b, list, NULL);
		bw_json_put_str(&w->b, o, "name", d->name);
		opt_str(w, o, "uplink", s->uplink);
		bw_json_put_int(&w->b, o, "mtu", d->mtu);
		bw_json_put_bool(&w->b, o, "vlanFiltering", d->vlan_filtering);
		bw_json_put_int(&w->b, o, "ports", ports);
	}
}

static void put_pfs(struct write *w, struct cJSON *status)
{
	const struct agent_node *n = w->in->facts->node;
	struct cJSON *list = bw_json_put_array(&w->b, status, "pfs");

	for (size_t i = 0; i < n->n_pfs; i++) {
		const struct agent_pf *p = &n->pfs[i];
		struct cJSON *o;

		if (!p->name[0])
			continue;
		o = bw_json_put_object(&w->b, list, NULL);
		bw_json_put_str(&w->b, o, "name", p->name);
		bw_json_put_str(&w->b, o, "pci", p->pci);
		opt_str(w, o, "driver", p->driver);
		bw_json_put_int(&w->b, o, "totalVFs", p->total);
		bw_json_put_int(&w->b, o, "numVFs", p->num);
		bw_json_put_int(&w->b, o, "freeVFs", p->free);
	}
}

/* By domain: the PF that is its uplink. */
static void put_vfs(struct write *w, struct cJSON *status)
{
	const struct agent_node *n = w->in->facts->node;
	struct cJSON *list = bw_json_put_array(&w->b, status, "vfs");

	for (size_t i = 0; i < w->n_segments; i++)
		for (size_t k = 0; k < n->n_pfs; k++) {
			struct cJSON *o;

			if (!n->pfs[k].name[0] || strcmp(n->pfs[k].name, w->segments[i].uplink))
				continue;
			o = bw_json_put_object(&w->b, list, NULL);
			bw_json_put_str(&w->b, o, "domain", w->segments[i].domain);
			bw_json_put_int(&w->b, o, "total", n->pfs[k].num);
			bw_json_put_int(&w->b, o, "free", n->pfs[k].free);
		}
}

static void put_live(struct write *w, struct cJSON *status)
{
	struct cJSON *list;

	if (!w->in->n_live) {
		if (status && !cJSON_AddNullToObject(status, "live"))
			w->b.failed = 1;
		return;
	}
	list = bw_json_put_array(&w->b, status, "live");
	for (size_t i = 0; i < w->in->n_live; i++) {
		const struct agent_live *l = &w->in->live[i];
		struct cJSON *o = bw_json_put_object(&w->b, list, NULL);
		struct cJSON *ips;

		bw_json_put_str(&w->b, o, "namespace", l->ns);
		bw_json_put_str(&w->b, o, "name", l->claim);
		bw_json_put_str(&w->b, o, "uid", l->uid);
		opt_str(w, o, "interface", l->iface);
		opt_str(w, o, "pool", l->pool);
		opt_str(w, o, "domain", l->domain);
		bw_json_put_uint(&w->b, o, "token", l->token);
		ips = bw_json_put_array(&w->b, o, "ips");
		for (size_t k = 0; k < l->n_ips; k++)
			bw_json_put_str(&w->b, ips, NULL, l->ips[k]);
	}
}

static void put_differences(struct write *w, struct cJSON *status)
{
	const struct agent_differences *d = w->in->differences;
	struct cJSON *list;

	if (!d || !d->n) {
		if (status && !cJSON_AddNullToObject(status, "differences"))
			w->b.failed = 1;
		return;
	}
	list = bw_json_put_array(&w->b, status, "differences");
	for (size_t i = 0; i < d->n; i++) {
		struct cJSON *o = bw_json_put_object(&w->b, list, NULL);

		bw_json_put_str(&w->b, o, "reason", agent_differ_str(d->list[i].reason));
		opt_str(w, o, "pod", d->list[i].pod);
		bw_json_put_str(&w->b, o, "message", d->list[i].message);
	}
}

static const char *time_text(int64_t real_s, char ret[TIME_MAX])
{
	time_t t = (time_t)real_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(ret, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "1970-01-01T00:00:00Z";
	return ret;
}

static void put_conditions(struct write *w, struct cJSON *status)
{
	struct cJSON *list = bw_json_put_array(&w->b, status, "conditions");
	char since[TIME_MAX];

	for (size_t i = 0; i < AGENT_CONDITIONS_MAX; i++) {
		const struct agent_condition *c = &w->in->conditions[i];
		struct cJSON *o = bw_json_put_object(&w->b, list, NULL);

		bw_json_put_str(&w->b, o, "type", c->type);
		bw_json_put_str(&w->b, o, "status", c->status ? "True" : "False");
		bw_json_put_str(&w->b, o, "reason", c->reason);
		bw_json_put_str(&w->b, o, "message", c->message);
		bw_json_put_str(&w->b, o, "lastTransitionTime", time_text(c->since_s, since));
	}
}

static void put_head(struct write *w, struct cJSON *status)
{
	const struct agent_inventory_in *in = w->in;
	const struct agent_node *n = in->facts->node;
	struct cJSON *list;

	if (in->generation)
		bw_json_put_int(&w->b, status, "observedGeneration", in->generation);
	opt_str(w, status, "nodeUID", in->node_uid);
	opt_str(w, status, "bootID", in->boot_id);
	opt_str(w, status, "agentVersion", in->version);
	opt_str(w, status, "kernel", n->kernel);
	opt_str(w, status, "clusterID", in->cluster_id);
	bw_json_put_uint(&w->b, status, "epoch", in->epoch);
	bw_json_put_int(&w->b, status, "attachments", in->attachments);
	list = bw_json_put_array(&w->b, status, "features");
	for (size_t i = 0; i < n->n_features; i++)
		bw_json_put_str(&w->b, list, NULL, n->features[i]);
}

typedef void (*part_fn)(struct write *w, struct cJSON *status);

static const part_fn parts[] = { put_head, put_segments, put_uplinks,     put_bridges,   put_pfs,
				 put_vfs,  put_live,     put_differences, put_conditions };

static int write_all(struct write *w, char **ret, struct bw_err *err)
{
	bw_autojson struct cJSON *tree = NULL;
	const char *domains[LIST_MAX];
	struct cJSON *status;
	int r;

	w->n_segments = agent_domains(w->in->facts, domains, LIST_MAX);
	for (size_t i = 0; i < w->n_segments; i++)
		agent_segment(w->in->facts, domains[i], &w->segments[i]);
	status = bw_json_put_object(&w->b, bw_json_build_object(&w->b), "status");
	for (size_t i = 0; i < BW_ARRAY_SIZE(parts); i++)
		parts[i](w, status);
	r = bw_json_build_take(&w->b, &tree, err);
	return r < 0 ? r : bw_json_print(tree, 0, ret, err);
}

int agent_inventory_text(const struct agent_inventory_in *in, char **ret, struct bw_err *err)
{
	bw_autofree struct write *w = calloc(1, sizeof(*w));

	if (!w)
		return bw_fail(err, ENOMEM, "write the node's status");
	w->in = in;
	return write_all(w, ret, err);
}
