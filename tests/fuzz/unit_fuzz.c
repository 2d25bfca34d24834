/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units, and what is theirs, in any state (world.h). Every reconcile ends, and what it wants is
 * sound: bodies are JSON, a pod is made only for a Unit whose claim is Bound and its own, and what
 * a Secret holds goes into no object but a Secret.
 */
#include "impl.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORD "Tq7-never-to-be-seen" /* of the Secret db/auth */
#define WORD_BASE64 "VHE3LW5ldmVyLXRvLWJlLXNlZW4="

struct bed {
	struct world world;
	struct ctl_ipam *ipam;
	struct ctl_unit *c;
};

static void make(struct bed *b)
{
	struct ctl_ipam_options io = { .seed = 1, .cluster_id = "c-1" };
	struct ctl_unit_options uo = { .launch_image = "barewire.dev/barewire:1" };
	struct world *w = &b->world;

	world_make(w);
	io.loop = uo.loop = w->loop;
	assert(ctl_ipam_start(w->rt, &io, &b->ipam, NULL) == 0);
	uo.ipam = b->ipam;
	assert(ctl_unit_start(w->rt, &uo, &b->c, NULL) == 0);
	world_add(w, 'u', b->c->st.units);
	world_add(w, 'd', b->c->st.pods);
	world_add(w, 'v', b->c->st.volumes);
	world_add(w, 'V', b->c->st.pvs);
	world_add(w, 'f', b->c->st.configs);
	world_add(w, 'S', b->c->st.services);
	world_add(w, 'E', b->c->st.slices);
	world_add(w, 'c', b->c->st.claims);
	world_add(w, 'P', b->c->st.all_pods);
	world_add(w, 'N', b->c->st.nodes);
	world_add(w, 'p', b->c->st.pools);
}

static void unmake(struct bed *b)
{
	bw_kube_runtime_free(&b->world.rt);
	ctl_unit_free(&b->c);
	ctl_ipam_free(&b->ipam);
	bw_loop_free(&b->world.loop);
}

static void tell_secret(struct bed *b)
{
	static const char body[] =
		"{\"metadata\":{\"name\":\"auth\",\"namespace\":\"db\",\"uid\":\"u-s\","
		"\"resourceVersion\":\"5\"},\"data\":{\"word\":\"" WORD_BASE64 "\"}}";
	const struct bw_kube_answer a = { .result = BW_KUBE_OK,
					  .reason = "",
					  .message = "",
					  .body = body,
					  .body_size = sizeof(body) - 1 };

	const struct bw_kube_answer none = { .result = BW_KUBE_NOT_FOUND,
					     .reason = "",
					     .message = "" };

	unit_secret_answer(b->c, "db", "auth", &a);
	unit_secret_answer(b->c, "db", "r-config", &none); /* the seeds' Unit has no file yet */
}

/* I1 of controller/unit/unit.h */
static void look_pod(const struct bed *b, const struct bw_kube_request *r)
{
	BW_CLEANUP(bw_net_claim_done) struct bw_net_claim claim = { 0 };
	const struct bw_kube_object *unit =
		bw_kube_store_get(b->c->st.units, r->namespace, r->name);
	const struct bw_kube_object *o = bw_kube_store_get(b->c->st.claims, r->namespace, r->name);

	const struct bw_kube_condition *bound;

	if (r->flags & BW_KUBE_F_DRY_RUN)
		return;
	assert(unit && o);
	assert(bw_net_claim_decode(o->text, o->size, &claim, NULL) == 0);
	bound = bw_kube_condition_get(claim.status.conditions.items, claim.status.conditions.n,
				      "Bound");
	assert(bound && strcmp(bound->status, "True") == 0 && !claim.meta.deleting);
	assert(strcmp(claim.meta.owners.items[0].uid, unit->uid) == 0 || claim.meta.owners.n > 1);
}

static void look(const struct bw_kube_request *r, void *bed)
{
	if (r->verb == BW_KUBE_CREATE && r->kind == &bw_kind_pod)
		look_pod(bed, r);
	if (r->body && r->kind != &bw_kind_secret) {
		assert(!memmem(r->body, r->body_size, WORD, strlen(WORD)));
		assert(!memmem(r->body, r->body_size, WORD_BASE64, strlen(WORD_BASE64)));
	}
}

static int reconcile_one(struct bw_kube_object *o, void *arg)
{
	struct bed *b = arg;

	world_reconcile(unit_reconcile, o, b->c, look, b);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bed *b;

	/* The fuzzer learns the word from what look() looks for. */
	if (memmem(data, size, WORD, strlen(WORD)) ||
	    memmem(data, size, WORD_BASE64, strlen(WORD_BASE64)))
		return -1;
	b = calloc(1, sizeof(*b));
	assert(b);
	make(b);
	tell_secret(b);
	world_read(&b->world, data, size);
	(void)bw_kube_store_each(b->c->st.units, NULL, reconcile_one, b);
	(void)bw_kube_store_each(b->c->st.units, NULL, reconcile_one, b); /* nothing was done */
	unmake(b);
	free(b);
	return 0;
}
