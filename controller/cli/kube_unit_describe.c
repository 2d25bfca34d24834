/* SPDX-License-Identifier: Apache-2.0 */
/* barewire unit describe: the whole story of one Unit. What may not be read is left out with a
 * word. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>
#include <bw/json.h>
#include <bw/loop.h>
#include <gen/k8s.h>

#include "kube_cli.h"
#include "kube_story.h"
#include "kube_unit.h"

#define LABEL "%-12s "

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

/* THE UNIT */

static void tell_unit(const struct cli_story *t)
{
	const struct bw_db_unit *u = &t->unit.o;
	char age[24];

	/* Nobody reads what cannot be printed, ignoring: here and below. */
	(void)printf(LABEL "%s/%s, made %s ago%s\n", "unit", u->meta.namespace, u->meta.name,
		     cli_out_age(u->meta.creation_timestamp, t->now_s, age),
		     u->meta.deleting ? ", being deleted" : "");
	(void)printf(LABEL "%s%s%s%s%s\n", "phase",
		     or_dash(bw_db_unit_status_phase_str(u->status.phase)),
		     u->status.process_state ? ", process " : "",
		     bw_db_unit_status_process_state_str(u->status.process_state),
		     u->spec.startup ? "" : ", declared stopped (startup: false)",
		     u->spec.maintenance ? ", maintenance" : "");
	if (u->status.task)
		(void)printf(LABEL "%s\n", "task", u->status.task);
	if (u->status.observed_generation < u->meta.generation)
		(void)printf(LABEL "the spec of generation %lld has not taken effect, that of %lld "
				   "has\n",
			     "spec", (long long)u->meta.generation,
			     (long long)u->status.observed_generation);
}

/* THE POD */

static void tell_container(const struct cli_story *t,
			   const struct bw_k_pod_status_container_status *c)
{
	const char *main = cli_unit_main(&t->unit.o);
	char age[24];

	(void)printf(LABEL "%s%s, %d restarts, ", "", c->name,
		     main && strcmp(main, c->name) == 0 ? " (the database)" : "",
		     c->has_restart_count ? c->restart_count : 0);
	if (c->state.has_running)
		(void)printf("runs since %s, %s",
			     cli_out_age(c->state.running.started_at, t->now_s, age),
			     c->ready ? "ready" : "not ready");
	else if (c->state.has_terminated)
		(void)printf("ended with %d, %s", c->state.terminated.exit_code,
			     or_dash(c->state.terminated.reason));
	else
		(void)printf("waits: %s%s%s", or_dash(c->state.waiting.reason),
			     c->state.waiting.message ? ": " : "",
			     c->state.waiting.message ? c->state.waiting.message : "");
	if (c->last_state.has_terminated)
		(void)printf("; before it ended with %d, %s", c->last_state.terminated.exit_code,
			     or_dash(c->last_state.terminated.reason));
	(void)printf("\n");
}

static void tell_pod(const struct cli_story *t)
{
	const struct bw_k_pod *p = &t->pod;

	if (!t->has_pod) {
		(void)printf(LABEL "%s\n", "pod", t->pod_hidden ? "cannot be read" : "none");
		return;
	}
	(void)printf(LABEL "%s, %s%s, %s\n", "pod", p->meta.name, or_dash(p->status.phase),
		     p->meta.deleting ? " and ends" : "", p->meta.uid);
	for (size_t i = 0; i < p->status.container_statuses.n; i++)
		tell_container(t, &p->status.container_statuses.items[i]);
}

static void tell_node(const struct cli_story *t)
{
	const char *node = t->unit.o.status.node_name;

	(void)printf(LABEL "%s", "node", or_dash(node));
	if (node && t->has_node)
		(void)printf(", %s%s", cli_node_is_ready(&t->node) ? "Ready" : "not Ready",
			     t->node.spec.unschedulable ? ", cordoned" : "");
	else if (node && !t->node_hidden)
		(void)printf(", which does not exist");
	(void)printf(", nodePolicy %s\n", bw_db_unit_node_policy_str(t->unit.o.spec.node_policy));
}

/* ADDRESSES */

static void tell_segment(const struct cli_story *t, const struct bw_net_claim_status_interface *f,
			 const struct bw_net_pool *pool)
{
	const struct bw_net_node_status_domain *d = cli_story_domain(t, pool->spec.domain);

	(void)printf(LABEL "segment %s", "", pool->spec.domain);
	if (f->has_vlan)
		(void)printf(", VLAN %d", f->vlan);
	if (f->gateway)
		(void)printf(", gateway %s", f->gateway);
	if (f->has_mtu)
		(void)printf(", MTU %d", f->mtu);
	(void)printf(", mode %s", bw_net_pool_mode_str(pool->spec.mode));
	if (d && d->ready)
		(void)printf(", uplink %s, bridge %s", or_dash(d->uplink), or_dash(d->bridge));
	else if (d)
		(void)printf("; this node does not reach it: %s: %s", or_dash(d->reason),
			     or_dash(d->message));
	(void)printf("\n");
}

static void tell_interface(const struct cli_story *t, size_t i)
{
	const struct bw_net_claim_status_interface *f = &t->claim.status.interfaces.items[i];
	const struct bw_net_pool *pool = cli_story_pool(t, f->pool);

	(void)printf(LABEL, i ? "" : "address");
	for (size_t k = 0; k < f->ips.n; k++)
		(void)printf("%s%s", k ? ", " : "", f->ips.items[k]);
	(void)printf("%s on %s, MAC %s, pool %s\n", f->ips.n ? "" : "none", f->name,
		     or_dash(f->mac), f->pool);
	if (pool)
		tell_segment(t, f, pool);
}

static void tell_declared(const struct bw_db_unit *u)
{
	const struct bw_db_unit_networking *n = &u->spec.networking;

	(void)printf(LABEL "none yet", "address");
	if (n->address)
		(void)printf("; declared %s", n->address);
	for (size_t i = 0; i < n->addresses.n; i++)
		(void)printf("%s%s", i ? ", " : "; declared ", n->addresses.items[i]);
	if (n->network)
		(void)printf("; pool %s", n->network);
	for (size_t i = 0; i < n->networks.n; i++)
		(void)printf("%s%s", i ? ", " : "; pools ", n->networks.items[i]);
	(void)printf("\n");
}

/* How eth0 is attached; bridge where that is not known. */
static enum bw_net_pool_mode mode_of(const struct cli_story *t)
{
	const struct bw_net_claim_status *c = &t->claim.status;
	const struct bw_net_pool *pool =
		c->interfaces.n ? cli_story_pool(t, c->interfaces.items[0].pool) : NULL;

	return pool ? pool->spec.mode : BW_NET_POOL_MODE_BRIDGE;
}

/* What the node's agent says of its kernel: which flow takes what, `barewire net show` knows. */
static void tell_path(const struct cli_story *t)
{
	const struct bw_net_node_status *n = &t->nodenet.status;
	const char *hook = cli_story_has(t, "tcx") ? "tcx" : "clsact";
	enum bw_net_pool_mode mode = mode_of(t);

	if (!t->has_nodenet)
		return;
	if (mode == BW_NET_POOL_MODE_SRIOV)
		(void)printf(LABEL "a virtual function of the card: barewire sriov show on the "
				   "node says what is set on it\n",
			     "path");
	else if (mode != BW_NET_POOL_MODE_BRIDGE)
		(void)printf(LABEL "the plugin's own, of mode %s\n", "path",
			     bw_net_pool_mode_str(mode));
	else if (cli_story_has(t, "ebpf"))
		(void)printf(LABEL "fast path: the node's kernel takes it (eBPF, %s); barewire net "
				   "show on the node says what an endpoint does\n",
			     "path", hook);
	else
		(void)printf(LABEL
			     "slow path alone: the node's kernel (%s) takes no eBPF programs\n",
			     "path", or_dash(n->kernel));
	for (size_t i = 0; i < n->differences.n; i++)
		if (cli_story_is_pod(t, n->differences.items[i].pod))
			(void)printf(LABEL "%s: %s\n", "differs", n->differences.items[i].reason,
				     n->differences.items[i].message);
}

static void tell_claim(const struct cli_story *t)
{
	const struct bw_net_claim_status *c = &t->claim.status;

	if (!t->has_claim) {
		(void)printf(LABEL "%s\n", "claim", t->claim_hidden ? "cannot be read" : "none");
		return;
	}
	(void)printf(LABEL "%s, %s", "claim", t->claim.meta.name,
		     or_dash(bw_net_claim_status_phase_str(c->phase)));
	if (c->has_holder)
		(void)printf(", held by node %s, token %lld", c->holder.node,
			     (long long)c->holder.token);
	if (c->has_attached && !(c->has_detached_token && c->detached_token >= c->attached.token))
		(void)printf(", attached on node %s since %s", c->attached.node,
			     or_dash(c->attached.since));
	(void)printf("\n");
}

static void tell_network(const struct cli_story *t)
{
	if (!t->has_claim || t->claim.status.interfaces.n == 0)
		tell_declared(&t->unit.o);
	for (size_t i = 0; t->has_claim && i < t->claim.status.interfaces.n; i++)
		tell_interface(t, i);
	tell_path(t);
	tell_claim(t);
}

/* VOLUMES, ACTION, CONDITIONS, EVENTS */

static void tell_volumes(const struct bw_db_unit *u)
{
	for (size_t i = 0; i < u->status.volumes.n; i++) {
		const struct bw_db_unit_status_volume *v = &u->status.volumes.items[i];

		(void)printf(LABEL "%s: claim %s, %s%s%s", i ? "" : "volumes", v->name,
			     v->claim_name, or_dash(bw_db_unit_status_volume_phase_str(v->phase)),
			     v->capacity ? ", " : "", v->capacity ? v->capacity : "");
		if (v->node_name)
			(void)printf(", bound to node %s", v->node_name);
		(void)printf("%s\n", v->retained ? ", kept from before a rebuild" : "");
	}
	if (u->status.volumes.n == 0)
		(void)printf(LABEL "none\n", "volumes");
}

static void tell_action(const struct cli_story *t)
{
	const struct bw_db_unit *u = &t->unit.o;
	const struct bw_db_unit_status_action *a = &u->status.action;
	char age[24];

	if (u->status.has_action)
		(void)printf(LABEL "%s %s: %s%s%s%s%s, begun %s ago%s%s\n", "action",
			     or_dash(bw_db_unit_status_action_type_str(a->type)), a->id,
			     or_dash(bw_db_unit_status_action_phase_str(a->phase)),
			     a->step ? " in step " : "", a->step ? a->step : "",
			     a->node_name ? ", to node " : "", a->node_name ? a->node_name : "",
			     cli_out_age(a->start_time, t->now_s, age), a->message ? ": " : "",
			     a->message ? a->message : "");
	if (u->spec.has_action && !cli_unit_has_run(u, u->spec.action.id) &&
	    !(u->status.has_action && strcmp(a->id, u->spec.action.id) == 0))
		(void)printf(LABEL "%s %s is asked for and has not begun\n", "action",
			     bw_db_unit_action_type_str(u->spec.action.type), u->spec.action.id);
}

static void tell_conditions(const struct cli_story *t)
{
	const struct bw_db_unit *u = &t->unit.o;
	char age[24];

	for (size_t i = 0; i < u->status.conditions.n; i++) {
		const struct bw_kube_condition *c = &u->status.conditions.items[i];

		(void)printf(LABEL "%s=%s %s, since %s: %s\n", i ? "" : "conditions", c->type,
			     c->status, or_dash(c->reason),
			     cli_out_age(c->last_transition_time, t->now_s, age),
			     c->message ? c->message : "");
	}
}

static void tell_events(const struct cli_story *t)
{
	char age[24];

	for (size_t i = 0; i < t->n_events; i++) {
		const struct cli_story_event *e = &t->events[i];

		(void)printf(LABEL "%s ago, %s %s: %s: %s", i ? "" : "events",
			     cli_out_age(e->time, t->now_s, age), e->kind, e->type, e->reason,
			     e->note);
		if (e->count > 1)
			(void)printf(" (%d times)", e->count);
		(void)printf("\n");
	}
	if (!t->n_events)
		(void)printf(LABEL "%s\n", "events", t->events_hidden ? "cannot be read" : "none");
}

/* One hint for each reason that is bad, the first of all what Ready waits for. */
static void tell_remedies(const struct bw_db_unit *u)
{
	const char *told[16];
	size_t n = 0;

	for (size_t i = 0; i < u->status.conditions.n && n < BW_ARRAY_SIZE(told); i++) {
		const struct bw_kube_condition *c = &u->status.conditions.items[i];
		const char *hint =
			bw_view_condition_is_bad(c) ? bw_view_unit_hint(c->reason) : NULL;
		size_t k = 0;

		while (hint && k < n && told[k] != hint)
			k++;
		if (!hint || k < n)
			continue;
		(void)printf(LABEL "%s: %s\n", n ? "" : "to do", c->reason, hint);
		told[n++] = hint;
	}
}

static void tell(const struct cli_story *t)
{
	tell_unit(t);
	tell_pod(t);
	tell_node(t);
	tell_network(t);
	tell_volumes(&t->unit.o);
	tell_action(t);
	tell_conditions(t);
	tell_events(t);
	tell_remedies(&t->unit.o);
}

/* The objects that the story is told from. */
static int print_tree(struct cli_session *s, const struct cli_story *t)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *list = cli_out_list(&b);
	struct bw_err err = { 0 };
	const struct bw_buf *texts[] = { &t->unit.text, &t->pod_text, &t->claim_text,
					 &t->nodenet_text };

	for (size_t i = 0; i < BW_ARRAY_SIZE(texts); i++)
		if (texts[i]->size &&
		    cli_out_append(&b, list, texts[i]->data, texts[i]->size, &err) < 0)
			return cli_fail(&err);
	return cli_out_build(s->args, &b);
}

int cli_unit_describe(struct cli_session *s)
{
	BW_CLEANUP(cli_story_free) struct cli_story *t = NULL;
	int r = cli_story_read(s, s->args->words[0], &t);

	if (r)
		return r;
	if (cli_wants_tree(s->args))
		return print_tree(s, t);
	tell(t);
	return ferror(stdout) ? CLI_FAILED : CLI_OK;
}
