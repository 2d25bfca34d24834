/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what belongs to a Unit. Only the Unit itself must be there and readable. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/loop.h>

#include "kube_cli.h"
#include "kube_story.h"

void cli_story_free(struct cli_story **story)
{
	struct cli_story *t = *story;

	if (!t)
		return;
	*story = NULL;
	cli_unit_done(&t->unit);
	bw_k_pod_done(&t->pod);
	bw_net_claim_done(&t->claim);
	bw_net_node_done(&t->nodenet);
	bw_k_node_done(&t->node);
	for (size_t i = 0; i < t->n_pools; i++)
		bw_net_pool_done(&t->pools[i]);
	bw_buf_done(&t->pod_text);
	bw_buf_done(&t->claim_text);
	bw_buf_done(&t->nodenet_text);
	free(t);
}

/* An object that may be missing. 1 it is there; 0, with *hidden when it may not be read; -errno. */
static int look(struct cli_session *s, const struct bw_kube_kind *kind, const char *ns,
		const char *name, struct bw_buf *text, uint8_t *hidden, struct bw_err *err)
{
	int r = cli_session_get(s, kind, ns, name, text, err);

	if (r == -EACCES) {
		*hidden = 1;
		return 0;
	}
	return r;
}

static int look_at_pod(struct cli_session *s, struct cli_story *t, struct bw_err *err)
{
	int r = look(s, &bw_kind_pod, t->unit.ns, t->unit.o.meta.name, &t->pod_text, &t->pod_hidden,
		     err);

	if (r > 0)
		r = bw_k_pod_decode(t->pod_text.data, t->pod_text.size, &t->pod, err);
	t->has_pod = t->pod.doc != NULL;
	return r;
}

static int look_at_pools(struct cli_session *s, struct cli_story *t, struct bw_err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < t->claim.status.interfaces.n; i++) {
		const char *name = t->claim.status.interfaces.items[i].pool;
		bw_autobuf struct bw_buf text = { 0 };
		uint8_t hidden = 0;

		if (cli_story_pool(t, name) || t->n_pools == CLI_STORY_POOLS)
			continue;
		r = look(s, &bw_kind_networkpool, NULL, name, &text, &hidden, err);
		if (r > 0)
			r = bw_net_pool_decode(text.data, text.size, &t->pools[t->n_pools], err);
		if (text.size && r == 0)
			t->n_pools++;
	}
	return r;
}

static int look_at_claim(struct cli_session *s, struct cli_story *t, struct bw_err *err)
{
	int r = look(s, &bw_kind_networkclaim, t->unit.ns, t->unit.o.meta.name, &t->claim_text,
		     &t->claim_hidden, err);

	if (r > 0)
		r = bw_net_claim_decode(t->claim_text.data, t->claim_text.size, &t->claim, err);
	t->has_claim = t->claim.doc != NULL;
	return r < 0 ? r : look_at_pools(s, t, err);
}

static int look_at_node(struct cli_session *s, struct cli_story *t, struct bw_err *err)
{
	const char *name = t->unit.o.status.node_name;
	bw_autobuf struct bw_buf text = { 0 };
	uint8_t hidden = 0;
	int r;

	if (!name)
		return 0;
	r = look(s, &bw_kind_node, NULL, name, &text, &t->node_hidden, err);
	if (r > 0)
		r = bw_k_node_decode(text.data, text.size, &t->node, err);
	t->has_node = t->node.doc != NULL;
	if (r < 0)
		return r;
	r = look(s, &bw_kind_nodenetwork, NULL, name, &t->nodenet_text, &hidden, err);
	if (r > 0)
		r = bw_net_node_decode(t->nodenet_text.data, t->nodenet_text.size, &t->nodenet,
				       err);
	t->has_nodenet = t->nodenet.doc != NULL;
	return r;
}

/* EVENTS */

static const char *first_of(const char *a, const char *b, const char *c)
{
	return a && *a ? a : b && *b ? b : c && *c ? c : "";
}

static int event_count(const struct bw_k_event *e)
{
	const struct cJSON *n = bw_json_get(e->doc, "deprecatedCount");

	if (e->has_series && e->series.has_count)
		return e->series.count;
	return cJSON_IsNumber(n) ? n->valueint : 1;
}

/* The oldest goes when there are too many. */
static struct cli_story_event *place(struct cli_story *t, const char *time)
{
	size_t at;

	if (t->n_events == CLI_STORY_EVENTS) {
		if (strcmp(time, t->events[0].time) <= 0)
			return NULL;
		memmove(t->events, t->events + 1, sizeof(t->events[0]) * --t->n_events);
	}
	for (at = t->n_events; at > 0 && strcmp(t->events[at - 1].time, time) > 0; at--)
		t->events[at] = t->events[at - 1];
	t->n_events++;
	return &t->events[at];
}

static int add_event(const char *text, size_t size, void *arg, struct bw_err *err)
{
	BW_CLEANUP(bw_k_event_done) struct bw_k_event e = { 0 };
	static const char *const kinds[] = { "Unit", "Pod", "NetworkClaim" };
	struct cli_story *t = arg;
	struct cli_story_event *to;
	const char *time;
	int ours = 0;
	int r = bw_k_event_decode(text, size, &e, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds); i++)
		ours |= e.regarding.kind && strcmp(e.regarding.kind, kinds[i]) == 0;
	if (!ours || !e.regarding.name || strcmp(e.regarding.name, t->unit.o.meta.name) != 0)
		return 0;
	/* Kubelets write the old form, of which only these fields are left. */
	time = first_of(
		e.has_series ? e.series.last_observed_time : NULL,
		first_of(bw_json_get_str(e.doc, "deprecatedLastTimestamp"), e.event_time, NULL),
		e.meta.creation_timestamp);
	to = place(t, time);
	if (!to)
		return 0;
	/* Longer ones are cut, ignoring. */
	(void)snprintf(to->time, sizeof(to->time), "%s", time);
	(void)snprintf(to->kind, sizeof(to->kind), "%s", e.regarding.kind);
	(void)snprintf(to->type, sizeof(to->type), "%s", first_of(e.type, "Normal", NULL));
	(void)snprintf(to->reason, sizeof(to->reason), "%s", first_of(e.reason, "-", NULL));
	(void)snprintf(to->note, sizeof(to->note), "%s", first_of(e.note, "", NULL));
	to->count = event_count(&e);
	return 0;
}

static int look_at_events(struct cli_session *s, struct cli_story *t, struct bw_err *err)
{
	char fields[BW_KUBE_NAME_MAX + 32];
	struct cli_selectors which = { NULL, fields };
	int r;

	/* fits, ignoring */
	(void)snprintf(fields, sizeof(fields), "regarding.name=%s", t->unit.o.meta.name);
	r = cli_session_select(s, &bw_kind_event, t->unit.ns, &which, add_event, t, err);
	if (r != -EACCES)
		return r;
	t->events_hidden = 1;
	return 0;
}

static int load(struct cli_session *s, struct cli_story *t)
{
	static int (*const steps[])(struct cli_session * s, struct cli_story * t,
				    struct bw_err * err) = { look_at_pod, look_at_claim,
							     look_at_node, look_at_events };
	struct bw_err err = { 0 };
	int r = 0;

	t->now_s = bw_loop_real_s(s->loop);
	for (size_t i = 0; r >= 0 && i < BW_ARRAY_SIZE(steps); i++)
		r = steps[i](s, t, &err);
	return r < 0 ? cli_fail(&err) : CLI_OK;
}

int cli_story_read(struct cli_session *s, const char *word, struct cli_story **ret)
{
	BW_CLEANUP(cli_story_free) struct cli_story *t = calloc(1, sizeof(*t));
	struct bw_err err = { 0 };
	int r;

	if (!t) {
		(void)bw_fail(&err, ENOMEM, "read a Unit"); /* printed, ignoring */
		return cli_fail(&err);
	}
	r = cli_unit_get(s, word, &t->unit);
	if (r == CLI_OK)
		r = load(s, t);
	if (r == CLI_OK)
		*ret = BW_TAKE_PTR(t);
	return r;
}

/* ASKING */

const struct bw_net_pool *cli_story_pool(const struct cli_story *t, const char *name)
{
	for (size_t i = 0; i < t->n_pools; i++)
		if (strcmp(t->pools[i].meta.name, name) == 0)
			return &t->pools[i];
	return NULL;
}

const struct bw_net_node_status_domain *cli_story_domain(const struct cli_story *t,
							 const char *domain)
{
	const struct bw_net_node_status *n = &t->nodenet.status;

	for (size_t i = 0; i < n->domains.n; i++)
		if (strcmp(n->domains.items[i].domain, domain) == 0)
			return &n->domains.items[i];
	return NULL;
}

int cli_story_has(const struct cli_story *t, const char *feature)
{
	const struct bw_net_node_status *n = &t->nodenet.status;

	for (size_t i = 0; i < n->features.n; i++)
		if (strcmp(n->features.items[i], feature) == 0)
			return 1;
	return 0;
}

int cli_story_is_pod(const struct cli_story *t, const char *pod)
{
	size_t n = strlen(t->unit.ns);

	return pod && strncmp(pod, t->unit.ns, n) == 0 && pod[n] == '/' &&
	       strcmp(pod + n + 1, t->unit.o.meta.name) == 0;
}

int cli_node_is_ready(const struct bw_k_node *n)
{
	const struct bw_kube_condition *ready =
		bw_kube_condition_get(n->status.conditions.items, n->status.conditions.n, "Ready");

	return ready && strcmp(ready->status, "True") == 0;
}
