/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in any state, and what the address controllers make of them: each line of the input is
 * an object whose first byte says of which kind, '-' before it takes it away again. Whatever they
 * are, every key's reconcile ends, and what it wants is sound: bodies are JSON, a lock has the name
 * of its address and is nobody else's, an address is given to one claim at a time.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bw/err.h>
#include <bw/log.h>

#include "ctl.h"
#include "names.h"
#include "object.h"
#include "plan.h"
#include "store.h"

#define START_NS 1000000000LL
#define START_S 1700000000
#define LINES_MAX 64
#define STEPS_MAX 4096 /* of one plan */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A server that never answers. */
static int start(struct bw_kube_client *c, const struct bw_kube_request *r,
		 struct bw_kube_call *call, struct bw_err *err)
{
	(void)c;
	(void)r;
	(void)call;
	(void)err;
	return 0;
}

static void cancel(struct bw_kube_call *call)
{
	(void)call;
}

static const struct bw_kube_client_ops silent = { .start = start, .cancel = cancel };

struct bed {
	struct bw_loop *loop;
	struct bw_kube_client client;
	struct bw_kube_runtime *rt;
	struct ctl_ipam *c;
	/* Locks that were asked for, and for whom. */
	char given[LINES_MAX][CTL_NAME_MAX];
	char owner[LINES_MAX][BW_KUBE_UID_MAX + 1];
	size_t n_given;
};

static const struct {
	char letter;
	const struct bw_kube_kind *kind;
	const struct bw_kube_keep *keep;
	size_t store; /* of struct ctl_stores */
	bw_reconcile_fn fn;
} kinds[] = {
	{ 'p', &bw_kind_networkpool, NULL, offsetof(struct ctl_stores, pools), ctl_pool_reconcile },
	{ 'r', &bw_kind_networkreservation, NULL, offsetof(struct ctl_stores, reservations), NULL },
	{ 'a', &bw_kind_networkaddress, NULL, offsetof(struct ctl_stores, addresses),
	  ctl_address_reconcile },
	{ 'n', &bw_kind_nodenetwork, NULL, offsetof(struct ctl_stores, node_networks), NULL },
	{ 'e', &bw_kind_networkepoch, NULL, offsetof(struct ctl_stores, epochs),
	  ctl_epoch_reconcile },
	{ 'N', &bw_kind_node, ctl_keep_node, offsetof(struct ctl_stores, nodes),
	  ctl_node_reconcile },
	{ 's', &bw_kind_namespace, ctl_keep_namespace, offsetof(struct ctl_stores, namespaces),
	  NULL },
	{ 'o', &bw_kind_networkpolicy, ctl_keep_policy, offsetof(struct ctl_stores, policies),
	  NULL },
	{ 'P', &bw_kind_pod, ctl_keep_pod, offsetof(struct ctl_stores, pods), ctl_pod_reconcile },
	{ 'c', &bw_kind_networkclaim, NULL, offsetof(struct ctl_stores, claims),
	  ctl_claim_reconcile },
};

static struct bw_kube_store *store_of(const struct bed *b, size_t kind)
{
	struct bw_kube_store *s;

	memcpy(&s, (const char *)&b->c->st + kinds[kind].store, sizeof(s));
	return s;
}

static void make(struct bed *b)
{
	const struct ctl_ipam_options o = { .loop = NULL, .seed = 1, .cluster_id = "c-1" };
	struct ctl_ipam_options mine = o;

	b->client.ops = &silent;
	assert(bw_loop_new_virtual(START_NS, START_S, &b->loop, NULL) == 0);
	mine.loop = b->loop;
	assert(bw_kube_runtime_new(b->loop, &b->client, "fuzz", &b->rt, NULL) == 0);
	bw_kube_runtime_seed(b->rt, 1);
	assert(ctl_ipam_start(b->rt, &mine, &b->c, NULL) == 0);
	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds); i++)
		bw_kube_store_set_synced(store_of(b, i));
}

static void unmake(struct bed *b)
{
	bw_kube_runtime_free(&b->rt);
	ctl_ipam_free(&b->c);
	bw_loop_free(&b->loop);
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
	if (b->n_given == LINES_MAX)
		return;
	(void)snprintf(b->given[b->n_given], CTL_NAME_MAX, "%s", r->name); /* was parsed */
	(void)snprintf(b->owner[b->n_given++], BW_KUBE_UID_MAX + 1, "%s", o.spec.claim.uid);
}

static void look(struct bed *b, const struct bw_plan *plan)
{
	size_t n = 0;

	for (const struct bw_plan_step *s = plan->first; s; s = s->next) {
		const struct bw_kube_request *r = &s->request;
		bw_autojson struct cJSON *body = NULL;

		assert(++n < STEPS_MAX);
		if (s->is_event)
			continue;
		assert(!r->body || bw_json_parse(r->body, r->body_size, &body, NULL) == 0);
		if (r->verb == BW_KUBE_CREATE && r->kind == &bw_kind_networkaddress)
			look_lock(b, r);
	}
}

static int reconcile(struct bw_kube_object *o, size_t kind, struct bed *b)
{
	bw_autofree char *text = NULL;
	struct bw_plan *plan = NULL;
	struct bw_err err = { 0 };
	int r;

	assert(bw_plan_new(&plan, &err) == 0);
	r = kinds[kind].fn(o->namespace, o->name, o, plan, b->c, &err);
	assert(r == 0 || *err.msg);
	if (r == 0) {
		look(b, plan);
		assert(bw_plan_print(plan, &text, NULL) == 0);
	}
	bw_plan_free(&plan);
	return 0;
}

struct walk {
	struct bed *b;
	size_t kind;
};

static int reconcile_one(struct bw_kube_object *o, void *arg)
{
	struct walk *w = arg;

	return reconcile(o, w->kind, w->b);
}

static void line(struct bed *b, const char *text, size_t size)
{
	int gone = size && *text == '-';
	struct bw_kube_object *o = NULL;

	text += gone;
	size -= (size_t)gone;
	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds) && size; i++) {
		if (kinds[i].letter != *text ||
		    bw_kube_object_make(kinds[i].kind, text + 1, size - 1, kinds[i].keep, &o,
					NULL) < 0)
			continue;
		/* The server gives every object a UID, and a namespace where its kind has one. */
		if (!*o->uid || !*o->namespace != !kinds[i].kind->namespaced)
			;
		else if (gone)
			bw_kube_store_remove(store_of(b, i), o->namespace, o->name);
		else
			assert(bw_kube_store_put(store_of(b, i), o) == 0);
		bw_kube_object_unref(&o);
	}
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
	const char *at = (const char *)data;
	const char *end = at + size;
	struct bed *b = calloc(1, sizeof(*b));

	assert(b);
	bw_log_setup(BW_LOG_ERROR, -1, "fuzz", NULL, NULL);
	make(b);
	for (size_t n = 0; at < end && n < LINES_MAX; n++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		line(b, at, (size_t)((stop ? stop : end) - at));
		at = stop ? stop + 1 : end;
	}
	reconcile_all(b);
	reconcile_all(b); /* what the first round assumed of itself */
	unmake(b);
	free(b);
	return 0;
}
