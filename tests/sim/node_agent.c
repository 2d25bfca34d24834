/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of the node's agent: a journal of the claims that the watch status.holder.node selects,
 * and an outbox of acknowledgements. It keeps the protocol of docs/design/ipam.md to the letter:
 * a token that was given back is never served again, and a stale attachment is cut before it is
 * told.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "store_impl.h"
#include "world.h"

struct sim_row *sim_agent_row(struct sim_node *n, const char *uid)
{
	for (size_t i = 0; i < SIM_ROWS_MAX; i++)
		if (n->rows[i].used && !strcmp(n->rows[i].uid, uid))
			return &n->rows[i];
	return NULL;
}

struct sim_row *sim_agent_find(struct sim_node *n, const char *namespace, const char *name)
{
	struct sim_row *best = NULL;

	for (size_t i = 0; i < SIM_ROWS_MAX; i++) {
		struct sim_row *r = &n->rows[i];

		if (r->used && r->served && !strcmp(r->namespace, namespace) &&
		    !strcmp(r->name, name) && (!best || r->rv > best->rv))
			best = r;
	}
	return best;
}

static const struct sim_pod *held_by(const struct sim_node *n, const char *uid)
{
	for (size_t i = 0; i < SIM_PODS_MAX; i++)
		if (n->pods[i].used && n->pods[i].held && !strcmp(n->pods[i].claim_uid, uid))
			return &n->pods[i];
	return NULL;
}

static struct sim_row *row_make(struct sim_node *n, const char *uid)
{
	struct sim_row *free_row = NULL;

	for (size_t i = 0; i < SIM_ROWS_MAX && !free_row; i++)
		if (!n->rows[i].used)
			free_row = &n->rows[i];
	for (size_t i = 0; i < SIM_ROWS_MAX && !free_row; i++)
		if (!n->rows[i].served && !held_by(n, n->rows[i].uid))
			free_row = &n->rows[i]; /* a claim of long ago: UIDs never come back */
	if (!free_row)
		return NULL;
	*free_row = (struct sim_row){ .used = 1 };
	(void)snprintf(free_row->uid, sizeof(free_row->uid), "%s", uid);
	return free_row;
}

static void ack(struct sim_node *n, const char *namespace, const char *name, const char *uid,
		uint64_t token, int attached)
{
	struct sim_ack *a = NULL;

	for (size_t i = 0; i < SIM_ACKS_MAX; i++) {
		struct sim_ack *o = &n->acks[i];

		if (o->used && !strcmp(o->uid, uid) && o->token == token && o->attached == attached)
			return;
		if (!o->used && !a)
			a = o;
	}
	if (!a)
		return;
	*a = (struct sim_ack){ .used = 1, .attached = attached != 0, .token = token };
	(void)snprintf(a->namespace, sizeof(a->namespace), "%s", namespace);
	(void)snprintf(a->name, sizeof(a->name), "%s", name);
	(void)snprintf(a->uid, sizeof(a->uid), "%s", uid);
	sim_node_wake(n);
}

void sim_agent_attached(struct sim_node *n, const struct sim_pod *p, const struct sim_row *row)
{
	ack(n, row->namespace, row->name, row->uid, p->token, 1);
}

/*
 * May an attachment be made with this token? What was given back and has not left the node is taken
 * back: the pod was made again where it was.
 */
int sim_agent_take(struct sim_node *n, struct sim_row *row)
{
	if (row->token > row->spent || sim_world_mutant(n->world, "serve-spent"))
		return 1;
	for (size_t i = 0; i < SIM_ACKS_MAX && row->token > row->sent; i++) {
		struct sim_ack *a = &n->acks[i];

		if (!a->used || a->attached || strcmp(a->uid, row->uid) != 0 ||
		    a->token != row->token)
			continue;
		a->used = 0;
		row->spent = row->token - 1;
		return 1;
	}
	return 0;
}

/* The kernel has no attachment of that claim any more. */
void sim_agent_left(struct sim_node *n, const struct sim_pod *p)
{
	struct sim_row *row = sim_agent_row(n, p->claim_uid);

	if (held_by(n, p->claim_uid))
		return;
	if (row && row->spent < p->token)
		row->spent = p->token;
	ack(n, row ? row->namespace : p->namespace, row ? row->name : p->claim, p->claim_uid,
	    p->token, 0);
}

static void row_fill(struct sim_row *row, struct sim_node *n, const struct sim_version *v,
		     const struct cJSON *claim)
{
	const struct cJSON *status = cJSON_GetObjectItemCaseSensitive(claim, "status");
	const struct cJSON *holder = cJSON_GetObjectItemCaseSensitive(status, "holder");
	const struct cJSON *owners = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(claim, "metadata"), "ownerReferences");
	const struct cJSON *owner = cJSON_GetArrayItem(owners, 0);
	const struct cJSON *kind = cJSON_GetObjectItemCaseSensitive(owner, "kind");

	(void)snprintf(row->namespace, sizeof(row->namespace), "%s", v->key->namespace);
	(void)snprintf(row->name, sizeof(row->name), "%s", v->key->name);
	row->owner_pod[0] = '\0';
	if (cJSON_IsString(kind) && !strcmp(kind->valuestring, "Pod"))
		(void)snprintf(row->owner_pod, sizeof(row->owner_pod), "%s",
			       sim_text_at(owner, "uid"));
	row->token =
		(uint64_t)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(holder, "token"));
	row->mine = !strcmp(sim_text_at(holder, "nodeUID"), n->uid);
	row->releasing = !strcmp(sim_text_at(status, "phase"), "Releasing");
	row->n_ips = sim_check_ips(n->world, claim, row->ips);
	row->rv = v->rv;
	row->served = 1;
	row->boot = n->boot;
}

static void take_in(struct sim_node *n, const struct sim_version *v)
{
	struct cJSON *old = v == v->key->last ? NULL : cJSON_Parse(v->text);
	const struct cJSON *claim = old ? old : v->key->tree;
	struct sim_row *row = sim_agent_row(n, sim_meta(claim, "uid"));

	if (!row)
		row = row_make(n, sim_meta(claim, "uid"));
	if (row && row->rv < v->rv)
		row_fill(row, n, v, claim);
	else if (row)
		row->served = 1, row->boot = n->boot;
	cJSON_Delete(old);
}

/* Drops the traffic of what the cluster has given away. */
static void cut_stale(struct sim_node *n)
{
	for (size_t i = 0; i < SIM_PODS_MAX; i++) {
		struct sim_pod *p = &n->pods[i];
		const struct sim_row *row =
			p->used && p->live ? sim_agent_row(n, p->claim_uid) : NULL;

		if (!row || p->cut)
			continue;
		if (row->served && row->mine && row->token == p->token)
			continue;
		/* A token that fell is a store that went back: nobody else has it by that. */
		if (n->world->restores && row->served && row->token < p->token)
			continue;
		if (!row->served && row->token == p->token && !row->releasing &&
		    !sim_store_tree(n->world->store, SIM_CLAIM, row->namespace, row->name))
			continue; /* the claim is gone: told, never cut */
		p->cut = 1;
		sim_trace(&n->world->trace, "%s cuts %s/%s token %llu", n->name, p->namespace,
			  p->name, (unsigned long long)p->token);
	}
}

/* A restored store may have lost what it was told: that a token was given back. */
static void ack_again(struct sim_node *n, const struct sim_row *r)
{
	const struct cJSON *claim =
		sim_store_tree(n->world->store, SIM_CLAIM, r->namespace, r->name);
	const struct cJSON *status = cJSON_GetObjectItemCaseSensitive(claim, "status");
	const struct cJSON *told = cJSON_GetObjectItemCaseSensitive(status, "detachedToken");

	if (!n->world->restores || !r->served || !r->mine || r->spent < r->token ||
	    held_by(n, r->uid) || (cJSON_IsNumber(told) && told->valuedouble >= (double)r->token))
		return;
	ack(n, r->namespace, r->name, r->uid, r->token, 0);
}

static void agent_sync(struct sim_node *n)
{
	struct sim_world *w = n->world;
	uint64_t shown = w->server.replicas[sim_rng_below(&w->rng, SIM_REPLICAS)].rv;
	size_t count;
	struct sim_key *const *keys = sim_store_keys(w->store, &sim_kinds[SIM_CLAIM], &count);

	if (shown > n->view)
		n->view = shown;
	if (n->view < sim_store_rv(w->store))
		sim_world_arm(w, &n->timer, sim_world_pace(w, 1000));
	for (size_t i = 0; i < SIM_ROWS_MAX; i++)
		n->rows[i].served = 0;
	for (size_t i = 0; i < count; i++) {
		const struct sim_version *v = sim_version_at(keys[i], n->view);

		if (v && !strcmp(v->field, n->name))
			take_in(n, v);
	}
	cut_stale(n);
	for (size_t i = 0; i < SIM_ROWS_MAX; i++) {
		struct sim_row *r = &n->rows[i];

		if (r->used)
			ack_again(n, r);
		/* Asked for, and there is nothing: the token is given back. */
		if (r->used && r->served && r->mine && r->releasing && r->token > r->sent &&
		    (!held_by(n, r->uid) || sim_world_mutant(w, "ack-early"))) {
			if (r->spent < r->token)
				r->spent = r->token;
			ack(n, r->namespace, r->name, r->uid, r->token, 0);
		}
	}
}

/* Sends one acknowledgement. Its answer may be lost: then it is sent again. */
static void send_ack(struct sim_node *n, struct sim_ack *a)
{
	struct sim_world *w = n->world;
	const struct cJSON *claim = sim_store_tree(w->store, SIM_CLAIM, a->namespace, a->name);
	struct sim_row *row = sim_agent_row(n, a->uid);
	struct cJSON *patch;

	if (!claim || strcmp(sim_meta(claim, "uid"), a->uid) != 0) {
		a->used = 0; /* the claim is gone for good */
		return;
	}
	a->sending = 1;
	if (row && !a->attached && row->sent < a->token)
		row->sent = a->token;
	if (!w->calm && sim_rng_chance(&w->rng, w->setup.faults.lose_request)) {
		sim_node_wake(n);
		return;
	}
	if (a->attached)
		patch = sim_json("{\"metadata\":{\"uid\":\"%s\"},\"status\":{\"attached\":{"
				 "\"node\":\"%s\",\"token\":%llu,\"mac\":\"02:00:00:00:00:01\"}}}",
				 a->uid, n->name, (unsigned long long)a->token);
	else
		patch = sim_json("{\"metadata\":{\"uid\":\"%s\"},\"status\":{\"detachedToken\":"
				 "%llu}}",
				 a->uid, (unsigned long long)a->token);
	(void)sim_world_merge(w, n->name, SIM_CLAIM, a->namespace, a->name, "status", patch);
	if (!w->calm && sim_rng_chance(&w->rng, w->setup.faults.lose_answer))
		sim_node_wake(n);
	else
		a->used = 0;
}

void sim_agent_step(struct sim_node *n)
{
	const struct cJSON *node = sim_store_tree(n->world->store, SIM_NODE, NULL, n->name);

	if (node && strcmp(sim_meta(node, "uid"), n->uid) != 0)
		sim_node_register(n); /* its Node was made anew */
	agent_sync(n);
	sim_agent_epoch(n);
	for (size_t i = 0; i < SIM_ACKS_MAX; i++) {
		if (!n->acks[i].used)
			continue;
		if (n->world->calm || sim_rng_chance(&n->world->rng, 700))
			send_ack(n, &n->acks[i]);
		else
			sim_node_wake(n);
	}
}
