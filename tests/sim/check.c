/* SPDX-License-Identifier: Apache-2.0 */
/* The safety invariants, after every step. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "check_impl.h"
#include "store_impl.h"

struct sim_check *sim_check_new(struct sim_world *w)
{
	struct sim_check *c = sim_alloc(sizeof(*c));

	c->world = w;
	return c;
}

void sim_check_free(struct sim_check **c)
{
	if (!*c)
		return;
	for (unsigned int i = 0; i < (*c)->n_ips; i++)
		free((*c)->ips[i]);
	free((*c)->ips);
	free(*c);
	*c = NULL;
}

void sim_check_fail(struct sim_check *c, const char *fmt, ...)
{
	va_list ap;

	if (*c->broken)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(c->broken, sizeof(c->broken), fmt, ap); /* long texts are cut */
	va_end(ap);
	sim_trace(&c->world->trace, "BROKEN %s", c->broken);
}

const char *sim_check_broken(const struct sim_check *c)
{
	return *c->broken ? c->broken : NULL;
}

/* Addresses have one text each, whatever form they came in. */
sim_ip sim_ip_number(struct sim_check *c, const char *domain, const char *address)
{
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN], full[128];
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, address, bytes) != 1 || !inet_ntop(family, bytes, text, sizeof(text)))
		return 0;
	(void)snprintf(full, sizeof(full), "%s/%s", domain, text);
	for (unsigned int i = 0; i < c->n_ips; i++)
		if (!strcmp(c->ips[i], full))
			return i + 1;
	if (c->n_ips == SIM_OWNERS_MAX - 1)
		abort();
	c->ips = sim_realloc(c->ips, (c->n_ips + 1) * sizeof(char *));
	c->ips[c->n_ips] = sim_strdup(full);
	return ++c->n_ips;
}

const char *sim_ip_text(const struct sim_check *c, sim_ip ip)
{
	return ip ? c->ips[ip - 1] : "no address";
}

static const struct cJSON *member(const struct cJSON *tree, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(tree, key);
}

static const char *domain_of(struct sim_world *w, const char *pool)
{
	const struct cJSON *p = sim_store_tree(w->store, SIM_POOL, NULL, pool);

	return p ? sim_text_at(p, "spec.domain") : "lan";
}

static unsigned int list_ips(struct sim_world *w, const struct cJSON *claim,
			     sim_ip ips[SIM_IPS_MAX], unsigned int slots[SIM_IPS_MAX])
{
	const struct cJSON *iface, *ip;
	unsigned int n = 0;

	cJSON_ArrayForEach (iface, member(member(claim, "status"), "interfaces"))
		cJSON_ArrayForEach (ip, member(iface, "ips")) {
			const char *name = sim_text_at(iface, "name");
			const char *text = cJSON_IsString(ip) ? ip->valuestring : "";

			if (n == SIM_IPS_MAX)
				return n;
			slots[n] = (unsigned int)name[strlen(name) ? strlen(name) - 1 : 0] * 2 +
				   (strchr(text, ':') != NULL);
			ips[n++] = sim_ip_number(w->check, domain_of(w, sim_text_at(iface, "pool")),
						 text);
		}
	return n;
}

unsigned int sim_check_ips(struct sim_world *w, const struct cJSON *claim, sim_ip ips[SIM_IPS_MAX])
{
	unsigned int slots[SIM_IPS_MAX];

	return list_ips(w, claim, ips, slots);
}

static struct sim_fact *fact_of(struct sim_key *key)
{
	if (!key->fact)
		key->fact = sim_alloc(sizeof(struct sim_fact));
	return key->fact;
}

const struct sim_fact *sim_fact_of_claim(const struct sim_check *c, const char *uid)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(c->world->store, &sim_kinds[SIM_CLAIM], &n);

	for (size_t i = 0; i < n; i++) {
		const struct sim_fact *f = keys[i]->fact;

		if (f && !strcmp(f->uid, uid))
			return f;
	}
	return NULL;
}

const struct sim_fact *sim_fact_of_ip(const struct sim_check *c, sim_ip ip)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(c->world->store, &sim_kinds[SIM_ADDRESS], &n);

	for (size_t i = 0; i < n; i++) {
		const struct sim_fact *f = keys[i]->fact;

		if (f && f->ip == ip)
			return f;
	}
	return NULL;
}

static int fenced_since(const struct sim_check *c, const char *node_uid, int64_t since_ns)
{
	for (unsigned int i = 0; i < c->n_fences; i++)
		if (!strcmp(c->fences[i].uid, node_uid) && c->fences[i].to_ns >= since_ns)
			return 1;
	return 0;
}

void sim_check_fence(struct sim_check *c, const char *node_uid, int on)
{
	int64_t now = sim_world_now(c->world);
	struct sim_fence *f = NULL;

	for (unsigned int i = 0; i < c->n_fences && !f; i++)
		if (!strcmp(c->fences[i].uid, node_uid))
			f = &c->fences[i];
	if (!f && c->n_fences < SIM_FENCES_MAX)
		f = &c->fences[c->n_fences++];
	if (!f)
		abort();
	f->to_ns = on ? INT64_MAX : now;
	(void)snprintf(f->uid, sizeof(f->uid), "%s", node_uid);
}

/* Whether whoever held this fact's token has confirmed, or cannot speak any more. */
static int confirmed(const struct sim_check *c, const struct sim_fact *f)
{
	return !f->token || f->detached >= f->token || f->forced == f->token ||
	       fenced_since(c, f->node_uid, f->held_ns);
}

static enum sim_state state_of(const char *text)
{
	static const struct {
		const char *text;
		enum sim_state state;
	} table[] = { { "Bound", SIM_STATE_BOUND },
		      { "Retained", SIM_STATE_RETAINED },
		      { "Cooling", SIM_STATE_COOLING } };

	for (size_t i = 0; i < BW_ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].text, text))
			return table[i].state;
	return SIM_STATE_OTHER;
}

static uint64_t number(const struct cJSON *json)
{
	return cJSON_IsNumber(json) ? (uint64_t)json->valuedouble : 0;
}

static void claim_facts(struct sim_check *c, const struct cJSON *claim, struct sim_fact *f)
{
	const struct cJSON *status = member(claim, "status"), *holder = member(status, "holder");
	const char *phase = sim_text_at(status, "phase");
	const struct cJSON *annotations = member(member(claim, "metadata"), "annotations");
	const char *forced =
		cJSON_GetStringValue(member(annotations, "net.barewire.dev/release-token"));

	f->exists = 1;
	(void)snprintf(f->uid, sizeof(f->uid), "%s", sim_meta(claim, "uid"));
	f->deleting = *sim_meta(claim, "deletionTimestamp") != 0;
	f->bound = !strcmp(phase, "Bound") || !strcmp(phase, "Attached");
	f->releasing = !strcmp(phase, "Releasing");
	f->n_ips = list_ips(c->world, claim, f->ips, f->slots);
	(void)snprintf(f->node, sizeof(f->node), "%s", sim_text_at(holder, "node"));
	(void)snprintf(f->node_uid, sizeof(f->node_uid), "%s", sim_text_at(holder, "nodeUID"));
	f->token = number(member(holder, "token"));
	f->detached = number(member(status, "detachedToken"));
	f->forced = forced ? strtoull(forced, NULL, 10) : 0;
	f->held_ns = sim_world_now(c->world);
}

/* A claim went from @old to @f: what may not happen to one. */
static void claim_changed(struct sim_check *c, const struct sim_fact *old, const struct sim_fact *f,
			  const struct sim_key *key)
{
	for (unsigned int i = 0; i < f->n_ips; i++)
		for (unsigned int k = i + 1; k < f->n_ips; k++)
			if (f->slots[i] == f->slots[k])
				sim_check_fail(c, "I2 claim %s/%s has %s and %s on one interface",
					       key->namespace, key->name, sim_ip_text(c, f->ips[i]),
					       sim_ip_text(c, f->ips[k]));
	if (!old->exists || strcmp(old->uid, f->uid) != 0 || c->restored)
		return;
	if (old->bound && f->bound &&
	    (old->n_ips > f->n_ips || memcmp(old->ips, f->ips, old->n_ips * sizeof(sim_ip)) != 0))
		sim_check_fail(c, "I2 claim %s/%s lost %s while it was bound", key->namespace,
			       key->name, sim_ip_text(c, old->ips[0]));
	if (f->token < old->token)
		sim_check_fail(c, "I3 the token of claim %s/%s fell", key->namespace, key->name);
	if (old->token && f->token != old->token && !confirmed(c, old))
		sim_check_fail(c,
			       "I3 claim %s/%s moved from %s token %llu to %s token %llu, and "
			       "nobody confirmed",
			       key->namespace, key->name, old->node, (unsigned long long)old->token,
			       f->node, (unsigned long long)f->token);
}

static void claim_commit(struct sim_check *c, const struct sim_version *v)
{
	struct sim_fact *f = fact_of(v->key), old = *f;

	if (v->deleted) {
		f->exists = f->bound = 0;
		if (old.exists && !confirmed(c, &old) && !c->restored)
			sim_check_fail(c,
				       "I4 claim %s/%s is gone, and %s has not given token %llu "
				       "back",
				       v->key->namespace, v->key->name, old.node,
				       (unsigned long long)old.token);
		return;
	}
	*f = (struct sim_fact){ 0 };
	claim_facts(c, v->key->tree, f);
	if (old.exists && !strcmp(old.uid, f->uid) && old.token == f->token)
		f->held_ns = old.held_ns;
	claim_changed(c, &old, f, v->key);
}

static void address_facts(struct sim_check *c, const struct cJSON *tree, struct sim_fact *f)
{
	f->exists = 1;
	(void)snprintf(f->uid, sizeof(f->uid), "%s", sim_text_at(tree, "spec.claim.uid"));
	f->state = state_of(sim_text_at(tree, "spec.state"));
	f->ip = sim_ip_number(c, sim_text_at(tree, "spec.domain"),
			      sim_text_at(tree, "spec.address"));
}

static void address_commit(struct sim_check *c, const struct sim_version *v)
{
	struct sim_fact *f = fact_of(v->key);
	const struct cJSON *tree = v->key->tree;

	if (v->deleted) {
		f->exists = 0;
		return;
	}
	*f = (struct sim_fact){ 0 };
	address_facts(c, tree, f);
}

/* What the store holds now is what is known: claims and locks of a past that is back. */
void sim_check_restored(struct sim_check *c)
{
	static const enum sim_kind_id kinds[] = { SIM_CLAIM, SIM_ADDRESS };
	size_t n;

	c->restored = 1;
	for (size_t t = 0; t < BW_ARRAY_SIZE(kinds); t++) {
		struct sim_key *const *keys =
			sim_store_keys(c->world->store, &sim_kinds[kinds[t]], &n);

		for (size_t i = 0; i < n; i++) {
			struct sim_fact *f = fact_of(keys[i]);

			*f = (struct sim_fact){ .old = 1 };
			if (keys[i]->tree && kinds[t] == SIM_CLAIM)
				claim_facts(c, keys[i]->tree, f);
			else if (keys[i]->tree)
				address_facts(c, keys[i]->tree, f);
		}
	}
}

const char *sim_check_ip(const struct sim_check *c, sim_ip ip)
{
	return sim_ip_text(c, ip);
}

static void check_claims(struct sim_check *c, struct sim_owners *o)
{
	size_t n;
	struct sim_key *const *keys = sim_store_keys(c->world->store, &sim_kinds[SIM_CLAIM], &n);

	for (size_t i = 0; i < n; i++) {
		const struct sim_fact *f = keys[i]->fact;

		/* What is being released lists addresses that may be gone. */
		if (!f || !f->exists || !f->bound || (f->deleting && confirmed(c, f)))
			continue;
		for (unsigned int k = 0; k < f->n_ips; k++) {
			sim_ip ip = f->ips[k];

			if (o->claim[ip] && !c->restored)
				sim_check_fail(c, "I1 %s belongs to claims %s/%s and %s/%s",
					       sim_ip_text(c, ip), o->claim[ip]->namespace,
					       o->claim[ip]->name, keys[i]->namespace,
					       keys[i]->name);
			o->claim[ip] = keys[i];
			if (c->restored)
				continue;
			if (!o->object[ip] || strcmp(o->object[ip]->uid, f->uid) != 0)
				sim_check_fail(c, "I1 %s of bound claim %s/%s (%s) is %s%s",
					       sim_ip_text(c, ip), keys[i]->namespace,
					       keys[i]->name, f->uid + 24,
					       o->object[ip] ? "locked by " : "not locked",
					       o->object[ip] ? o->object[ip]->uid + 24 : "");
		}
	}
}

static void check_pod(struct sim_check *c, struct sim_owners *o, const struct sim_node *node,
		      const struct sim_pod *p)
{
	for (unsigned int k = 0; k < p->n_ips; k++) {
		sim_ip ip = p->ips[k];
		const struct sim_fact *f = o->object[ip];

		if (o->node[ip])
			sim_check_fail(c, "I3 %s is live on %s and on %s", sim_ip_text(c, ip),
				       o->node[ip]->name, node->name);
		o->node[ip] = node;
		/* What the past had given is given again by nobody; what is written since may not
		 * be.
		 */
		if (c->restored && (!f || f->old || !strcmp(f->uid, p->claim_uid)))
			continue;
		if (!f || strcmp(f->uid, p->claim_uid) != 0)
			sim_check_fail(c, "I5 %s is live on %s for claim %s and %s%s",
				       sim_ip_text(c, ip), node->name, p->claim_uid + 24,
				       f ? "locked by " : "released", f ? f->uid + 24 : "");
	}
}

static void check_all(struct sim_check *c)
{
	struct sim_owners *o = &c->owners;
	size_t n;
	struct sim_key *const *keys = sim_store_keys(c->world->store, &sim_kinds[SIM_ADDRESS], &n);

	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < n; i++) {
		const struct sim_fact *f = keys[i]->fact;

		if (!f || !f->exists)
			continue;
		if (o->object[f->ip])
			sim_check_fail(c, "I1 %s has two locks", sim_ip_text(c, f->ip));
		o->object[f->ip] = f;
	}
	check_claims(c, o);
	for (unsigned int i = 0; i < c->world->n_nodes; i++) {
		const struct sim_node *node = &c->world->nodes[i];

		for (size_t k = 0; k < SIM_PODS_MAX && node->powered; k++)
			if (node->pods[k].used && node->pods[k].live && !node->pods[k].cut)
				check_pod(c, o, node, &node->pods[k]);
	}
}

void sim_check_commit(struct sim_check *c, const struct sim_version *v, const char *by)
{
	const struct sim_kind *kind = v->key->kind;

	(void)by;
	if (kind != &sim_kinds[SIM_LEASE] && kind != &sim_kinds[SIM_EPOCH] &&
	    kind != &sim_kinds[SIM_EVENT])
		c->writes++;
	if (kind == &sim_kinds[SIM_CLAIM])
		claim_commit(c, v);
	else if (kind == &sim_kinds[SIM_ADDRESS])
		address_commit(c, v);
	else
		return;
	check_all(c);
}

void sim_check_nodes(struct sim_world *w)
{
	check_all(w->check);
}

uint64_t sim_check_writes(const struct sim_check *c)
{
	return c->writes;
}

int sim_check_unspent(const struct sim_check *c, const struct sim_key *claim)
{
	const struct sim_fact *f = claim->fact;

	(void)c;
	return f && f->exists && f->token && f->detached < f->token && f->forced != f->token;
}

int sim_check_live_token(struct sim_world *w, const struct sim_key *claim)
{
	const struct sim_fact *f = claim->fact;

	for (unsigned int i = 0; f && i < w->n_nodes; i++)
		for (size_t k = 0; k < SIM_PODS_MAX && w->nodes[i].powered; k++) {
			const struct sim_pod *p = &w->nodes[i].pods[k];

			if (p->used && p->live && !p->cut && !strcmp(p->claim_uid, f->uid))
				return 1;
		}
	return 0;
}
