/* SPDX-License-Identifier: Apache-2.0 */
/* The Unit's status: made anew each time, written where it differs from what is there. */
#include <string.h>

#include <cjson/cJSON.h>

#include "impl.h"
#include "stamp.h"

#define READY "Ready"
#define ADDRESSES_MAX 16 /* conf/crds: maxItems */

/* Members that a reconcile decides about; one that it leaves out is taken away. */
static const char *const ours[] = { "observedGeneration",
				    "phase",
				    "task",
				    "processState",
				    "nodeName",
				    "podIPs",
				    "podUID",
				    "claim",
				    "config",
				    "volumes",
				    "action",
				    "actionsDone" };

static enum bw_db_unit_status_phase phase_of(const struct unit_run *k)
{
	if (k->unit->meta.deleting)
		return BW_DB_UNIT_STATUS_PHASE_DELETING;
	if (strcmp(k->reason, "NodeUnreachable") == 0 && k->pod_o)
		return BW_DB_UNIT_STATUS_PHASE_UNKNOWN;
	if (unit_is_stopped(k))
		return BW_DB_UNIT_STATUS_PHASE_STOPPED;
	if (k->pod_state == UNIT_POD_READY)
		return BW_DB_UNIT_STATUS_PHASE_READY;
	if (!k->unit->spec.startup && k->pod_state == UNIT_POD_NONE)
		return BW_DB_UNIT_STATUS_PHASE_STOPPED;
	if (k->failed)
		return BW_DB_UNIT_STATUS_PHASE_FAILED;
	return k->pod_state == UNIT_POD_RUNNING ? BW_DB_UNIT_STATUS_PHASE_RUNNING
						: BW_DB_UNIT_STATUS_PHASE_PENDING;
}

static const struct bw_k_pod_status_container_status *main_status(const struct unit_run *k)
{
	const struct bw_db_unit_template_container *m = unit_main(k->unit);

	for (size_t i = 0; k->pod_o && m && i < k->pod.status.container_statuses.n; i++)
		if (strcmp(k->pod.status.container_statuses.items[i].name, m->name) == 0)
			return &k->pod.status.container_statuses.items[i];
	return NULL;
}

static enum bw_db_unit_status_process_state process_of(const struct unit_run *k)
{
	const struct bw_k_pod_status_container_status *s = main_status(k);

	if (strcmp(k->reason, "NodeUnreachable") == 0 && k->pod_o)
		return BW_DB_UNIT_STATUS_PROCESS_STATE_UNKNOWN;
	if (unit_is_stopped(k))
		return BW_DB_UNIT_STATUS_PROCESS_STATE_STOPPED;
	return s && s->has_state && s->state.has_running ? BW_DB_UNIT_STATUS_PROCESS_STATE_RUNNING
							 : BW_DB_UNIT_STATUS_PROCESS_STATE_STOPPED;
}

static void put_pod(const struct unit_run *k, struct bw_json_build *b, struct cJSON *st)
{
	struct cJSON *list;

	/* One without a node is not worth a write of its own. */
	if (!k->pod_o || !k->pod.spec.node_name)
		return;
	bw_json_put_str(b, st, "podUID", k->pod.meta.uid);
	if (k->pod.status.pod_ips.n == 0)
		return;
	list = bw_json_put_array(b, st, "podIPs");
	for (size_t i = 0; i < k->pod.status.pod_ips.n && i < ADDRESSES_MAX; i++)
		if (k->pod.status.pod_ips.items[i].ip)
			bw_json_put_str(b, list, NULL, k->pod.status.pod_ips.items[i].ip);
}

static void put_claim(const struct unit_run *k, struct bw_json_build *b, struct cJSON *st)
{
	const struct bw_net_claim_status *s = &k->claim.status;
	struct cJSON *list = NULL;
	struct cJSON *c;
	size_t n = 0;

	if (k->claim_state < UNIT_CLAIM_LEAVING || s->interfaces.n == 0)
		return;
	c = bw_json_put_object(b, st, "claim");
	bw_json_put_str(b, c, "name", k->claim.meta.name);
	/* Attached and Bound come and go with each pod: that is the claim's to say. */
	bw_json_put_str(b, c, "phase",
			k->claim_state == UNIT_CLAIM_BOUND     ? "Bound"
			: k->claim_state == UNIT_CLAIM_LEAVING ? "Releasing"
							       : "Pending");
	for (size_t i = 0; i < s->interfaces.n; i++)
		for (size_t x = 0; x < s->interfaces.items[i].ips.n && n < ADDRESSES_MAX; x++) {
			if (!list)
				list = bw_json_put_array(b, c, "addresses");
			bw_json_put_str(b, list, NULL, s->interfaces.items[i].ips.items[x]);
			n++;
		}
	if (s->interfaces.n && s->interfaces.items[0].mac)
		bw_json_put_str(b, c, "mac", s->interfaces.items[0].mac);
}

static void put_volumes(const struct unit_run *k, struct bw_json_build *b, struct cJSON *st)
{
	struct cJSON *list = NULL;

	for (size_t i = 0; i < k->n_volumes; i++) {
		const struct unit_volume *v = &k->volumes[i];
		struct cJSON *o;

		if (v->state == UNIT_VOLUME_NONE || v->state == UNIT_VOLUME_FOREIGN)
			continue;
		if (!list)
			list = bw_json_put_array(b, st, "volumes");
		o = bw_json_put_object(b, list, NULL);
		bw_json_put_str(b, o, "name", v->name);
		bw_json_put_str(b, o, "claimName", v->claim);
		bw_json_put_str(b, o, "phase", bw_db_unit_status_volume_phase_str(v->phase));
		if (v->capacity[0])
			bw_json_put_str(b, o, "capacity", v->capacity);
		if (v->node[0])
			bw_json_put_str(b, o, "nodeName", v->node);
	}
	if (list)
		unit_rebuild_put(k, b, list);
}

/* What the process has, and since when: what it began with, or what it was told of. */
static void put_delivered(const struct unit_run *k, struct bw_json_build *b, struct cJSON *c)
{
	const struct bw_db_unit_status_config *was = &k->unit->status.config;
	const char *has = unit_config_delivered(k);
	const char *since = k->pod.meta.creation_timestamp;
	char now[CTL_STAMP_MAX];

	if (k->signalled) {
		has = k->config.hash;
		since = ctl_stamp(bw_loop_real_s(k->c->loop), now);
	} else if (k->unit->status.has_config && has == was->delivered) {
		since = was->time ? was->time : since;
	}
	bw_json_put_str(b, c, "delivered", has);
	if (since)
		bw_json_put_str(b, c, "time", since);
}

/* While it cannot be said what the files should be, what was said of them stays. */
static void put_config(const struct unit_run *k, struct bw_json_build *b, struct cJSON *st)
{
	const struct cJSON *was = bw_json_get(bw_json_get(k->unit->doc, "status"), "config");
	const char *should = k->config.hash[0] ? k->config.hash : bw_json_get_str(was, "desired");
	const char *has = k->pod_o && k->pod.spec.node_name
				  ? bw_kube_annotation(&k->pod.meta, UNIT_ANN_CONFIG)
				  : NULL;
	struct cJSON *c;

	if (k->unit->meta.deleting || (k->config.left && !k->unit->spec.has_config)) {
		if (was)
			bw_json_put_tree(b, st, "config", was);
		return;
	}
	/* Nobody watches Secrets: one that is forgotten here would stay. */
	if (!has && k->config.left)
		has = unit_config_secret_of(was);
	if (!k->unit->spec.has_config || (!should && !has))
		return;
	c = bw_json_put_object(b, st, "config");
	if (should)
		bw_json_put_str(b, c, "desired", should);
	if (!has)
		return;
	if (k->pod_o && unit_config_delivered(k))
		put_delivered(k, b, c);
	else
		bw_json_put_str(b, c, "delivered", has);
}

/* A refused template has not taken effect: what was observed stays. */
static int64_t observed(const struct unit_run *k)
{
	return k->invalid ? k->unit->status.observed_generation : k->unit->meta.generation;
}

static struct cJSON *build(const struct unit_run *k, struct bw_json_build *b)
{
	struct cJSON *st = bw_json_build_object(b);

	if (observed(k))
		bw_json_put_int(b, st, "observedGeneration", observed(k));
	bw_json_put_str(b, st, "phase", bw_db_unit_status_phase_str(phase_of(k)));
	if (k->task[0])
		bw_json_put_str(b, st, "task", k->task);
	bw_json_put_str(b, st, "processState", bw_db_unit_status_process_state_str(process_of(k)));
	if (k->node[0])
		bw_json_put_str(b, st, "nodeName", k->node);
	put_pod(k, b, st);
	put_claim(k, b, st);
	put_config(k, b, st);
	put_volumes(k, b, st);
	unit_action_put(k, b, st);
	return st;
}

/* Copies what differs; returns how much. */
static size_t put_changes(struct bw_json_build *b, struct cJSON *to, const struct cJSON *want,
			  const struct cJSON *is)
{
	size_t n = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(ours); i++) {
		const struct cJSON *w = bw_json_get(want, ours[i]);
		const struct cJSON *now = bw_json_get(is, ours[i]);

		if (w && now && cJSON_Compare(w, now, 1))
			continue;
		if (!w && !now)
			continue;
		n++;
		if (w) {
			bw_json_put_tree(b, to, ours[i], w);
			/* A merge keeps members of an object that are not named. */
			for (const struct cJSON *m = now && cJSON_IsObject(now) ? now->child : NULL;
			     m; m = m->next)
				if (!bw_json_get(w, m->string) &&
				    !cJSON_AddNullToObject(
					    cJSON_GetObjectItemCaseSensitive(to, ours[i]),
					    m->string))
					b->failed = 1;
		} else if (!cJSON_AddNullToObject(to, ours[i])) {
			b->failed = 1;
		}
	}
	return n;
}

static void judge_ready(struct unit_run *k)
{
	int64_t gen = k->unit->meta.generation;

	if (k->pod_state == UNIT_POD_READY && !k->reason[0])
		bw_kube_conds_set(&k->conds, READY, 1, READY, gen, "the database's pod is ready");
	else
		bw_kube_conds_set(&k->conds, READY, 0, k->reason[0] ? k->reason : "NotReady", gen,
				  "%s", k->task);
}

void unit_status(struct unit_run *k)
{
	bw_autobuild struct bw_json_build w = { 0 };
	bw_autobuild struct bw_json_build b = { 0 };
	const struct bw_kube_meta *m = &k->unit->meta;
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = &bw_kind_unit,
				     .namespace = m->namespace,
				     .name = m->name,
				     .subresource = "status" };
	struct cJSON *to;
	struct cJSON *want;
	size_t n;

	judge_ready(k);
	want = build(k, &w);
	to = bw_json_put_object(&b, ctl_body_cas(&b, m->rv), "status");
	n = put_changes(&b, to, want, bw_json_get(k->unit->doc, "status"));
	if (k->conds.changed)
		bw_kube_conds_put(&k->conds, &b, to, bw_loop_real_s(k->c->loop));
	else if (n == 0 && !b.failed && !w.failed)
		return;
	if (w.failed)
		b.failed = 1;
	ctl_write(k->plan, &r, &b, ctl_done_cas, NULL);
}
