/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in any state (world.h), and what the address controllers make of them. Whatever they are,
 * every key's reconcile ends, and what it wants is sound: bodies are JSON, a lock has the name of
 * its address and is nobody else's, an address is given to one claim at a time.
 */
#include <stdio.h>

#include "ctl.h"
#include "names.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bed {
	struct world world;
	struct ctl_ipam *c;
	/* Locks that were asked for, and for whom. */
	char given[WORLD_LINES_MAX][CTL_NAME_MAX];
	char owner[WORLD_LINES_MAX][BW_KUBE_UID_MAX + 1];
	size_t n_given;
};

static const struct {
	char letter;
	size_t store; /* of struct ctl_stores */
	bw_reconcile_fn fn;
} kinds[] = {
	{ 'p', offsetof(struct ctl_stores, pools), ctl_pool_reconcile },
	{ 'r', offsetof(struct ctl_stores, reservations), NULL },
	{ 'a', offsetof(struct ctl_stores, addresses), ctl_address_reconcile },
	{ 'n', offsetof(struct ctl_stores, node_networks), NULL },
	{ 'e', offsetof(struct ctl_stores, epochs), ctl_epoch_reconcile },
	{ 'N', offsetof(struct ctl_stores, nodes), ctl_node_reconcile },
	{ 's', offsetof(struct ctl_stores, namespaces), NULL },
	{ 'o', offsetof(struct ctl_stores, policies), NULL },
	{ 'P', offsetof(struct ctl_stores, pods), ctl_pod_reconcile },
	{ 'c', offsetof(struct ctl_stores, claims), ctl_claim_reconcile },
};

static struct bw_kube_store *store_of(const struct bed *b, size_t kind)
{
	struct bw_kube_store *s;

	memcpy(&s, (const char *)&b->c->st + kinds[kind].store, sizeof(void *));
	return s;
}

static void make(struct bed *b)
{
	struct ctl_ipam_options o = { .seed = 1, .cluster_id = "c-1" };

	world_make(&b->world);
	o.loop = b->world.loop;
	assert(ctl_ipam_start(b->world.rt, &o, &b->c, NULL) == 0);
	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds); i++)
		world_add(&b->world, kinds[i].letter, store_of(b, i));
}

static void unmake(struct bed *b)
{
	bw_kube_runtime_free(&b->world.rt);
	ctl_ipam_free(&b->c);
	bw_loop_free(&b->world.loop);
}

/* A lock that is to be made: its name says its address, and it is made for one claim alone. */
static void look_lock(struct bed *b, const struct bw_kube_request *r)
{
	BW_CLEANUP(bw_net_address_done) struct bw_net_address o = { 0 };
	char domain[CTL_DOMAIN_MAX + 1];
	struct bw_ip ip, said;

	assert(bw_net_address_decode(r->body, r->body_size, &o, NULL) == 0);
	assert(ctl_address_name_parse(r->name, domain, &ip) == 0);
	assert(strcmp(domain, o.spec.domain) == 0);
	assert(bw_ip_parse(o.spec.address, &said) == 0 && bw_ip_eq(&ip, &said));
	if (b->c->quarantined)
		return; /* locks are made again, as often as it takes */
	assert(o.spec.has_claim);
	for (size_t i = 0; i < b->n_given; i++)
		assert(strcmp(b->given[i], r->name) != 0 ||
		       strcmp(b->owner[i], o.spec.claim.uid) == 0);
	if (b->n_given == WORLD_LINES_MAX)
		return;
	(void)snprintf(b->given[b->n_given], CTL_NAME_MAX, "%s", r->name); /* was parsed */
	(void)snprintf(b->owner[b->n_given++], BW_KUBE_UID_MAX + 1, "%s", o.spec.claim.uid);
}

static void look(const struct bw_kube_request *r, void *bed)
{
	if (r->verb == BW_KUBE_CREATE && r->kind == &bw_kind_networkaddress)
		look_lock(bed, r);
}

struct walk {
	struct bed *b;
	size_t kind;
};

static int reconcile_one(struct bw_kube_object *o, void *arg)
{
	struct walk *w = arg;

	world_reconcile(kinds[w->kind].fn, o, w->b->c, look, w->b);
	return 0;
}

static void reconcile_all(struct bed *b)
{
	/* As after the epoch's own write; a doubt or a quarantine of the objects' making stays. */
	b->c->leading = 1;
	b->c->ready = !b->c->quarantined && !b->c->doubt;
	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds); i++) {
		struct walk w = { b, i };

		if (kinds[i].fn)
			(void)bw_kube_store_each(store_of(b, i), NULL, reconcile_one, &w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert(b);
	make(b);
	world_read(&b->world, data, size);
	reconcile_all(b);
	reconcile_all(b); /* what the first round assumed of itself */
	unmake(b);
	free(b);
	return 0;
}
