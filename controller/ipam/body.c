/* SPDX-License-Identifier: Apache-2.0 */
/* The writes that more than one reconcile makes. */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"
#include "stamp.h"

const char *ctl_join(const char *a, const char *b, char *out, size_t size)
{
	(void)snprintf(out, size, "%s %s", a, b); /* may be cut */
	return out;
}

void ctl_write(struct bw_plan *p, struct bw_kube_request *r, struct bw_json_build *b,
	       bw_plan_done_fn done, void *arg)
{
	bw_autojson struct cJSON *json = NULL;
	bw_autofree char *text = NULL;

	/* What cannot be built for lack of memory fails the plan: it cannot allocate either. */
	if (bw_json_build_take(b, &json, NULL) < 0 || bw_json_print(json, 0, &text, NULL) < 0) {
		(void)bw_plan_alloc(p, SIZE_MAX);
		return;
	}
	r->body = text;
	r->body_size = strlen(text);
	bw_plan_write(p, r, done, arg);
}

struct cJSON *ctl_body_cas(struct bw_json_build *b, const char *rv)
{
	struct cJSON *root = bw_json_build_object(b);

	bw_json_put_str(b, bw_json_put_object(b, root, "metadata"), "resourceVersion", rv);
	return root;
}

/* An object that is gone already needs no finalizer taken away. */
static enum bw_plan_next done_finalizer(const struct bw_kube_answer *a, void *arg)
{
	return a->result == BW_KUBE_NOT_FOUND ? BW_PLAN_GO_ON : ctl_done_cas(a, arg);
}

void ctl_write_finalizer(struct bw_plan *p, const struct bw_kube_kind *kind,
			 const struct bw_kube_meta *m, const char *name, int have)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *meta = bw_json_put_object(&b, bw_json_build_object(&b), "metadata");
	struct cJSON *list;
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE,
				     .kind = kind,
				     .namespace = *m->namespace ? m->namespace : NULL,
				     .name = m->name };

	bw_json_put_str(&b, meta, "resourceVersion", m->rv);
	list = bw_json_put_array(&b, meta, "finalizers");
	for (size_t i = 0; i < m->finalizers.n; i++)
		if (strcmp(m->finalizers.items[i], name) != 0)
			bw_json_put_str(&b, list, NULL, m->finalizers.items[i]);
	if (have)
		bw_json_put_str(&b, list, NULL, name);
	ctl_write(p, &r, &b, done_finalizer, NULL);
}

/* Read again what the winner wrote: the cache may be behind, so not at once. */
enum bw_plan_next ctl_done_cas(const struct bw_kube_answer *a, void *arg)
{
	(void)arg;
	if (a->result == BW_KUBE_INVALID)
		return BW_PLAN_PARK;
	return a->result == BW_KUBE_OK ? BW_PLAN_GO_ON : BW_PLAN_FAIL;
}

struct ctl_addr_ref *ctl_addr_ref(struct ctl_ipam *c, struct bw_plan *p, const char *domain,
				  const struct bw_ip *ip, const char *claim_uid)
{
	struct ctl_addr_ref *ref = bw_plan_alloc(p, sizeof(*ref));

	if (!ref)
		return NULL;
	ref->c = c;
	ref->ip = *ip;
	/* Both were checked when they were read, ignoring. */
	(void)snprintf(ref->domain, sizeof(ref->domain), "%s", domain);
	(void)snprintf(ref->claim_uid, sizeof(ref->claim_uid), "%s", claim_uid);
	return ref;
}

struct ctl_addr *ctl_addr_of(const struct ctl_addr_ref *ref)
{
	return ctl_book_find(&ref->c->book, ref->domain, &ref->ip);
}

struct ctl_addr *ctl_addr_answer(const struct ctl_addr_ref *ref, const struct bw_kube_answer *a)
{
	BW_CLEANUP(bw_net_address_done) struct bw_net_address o = { 0 };
	struct ctl_addr *addr = ctl_addr_of(ref);
	int cooled = addr && addr->state == BW_NET_ADDRESS_STATE_COOLING;

	if (!a->body || bw_net_address_decode(a->body, a->body_size, &o, NULL) < 0)
		return NULL;
	/* Out of memory: the watch brings it, ignoring. */
	(void)ctl_book_put_object(&ref->c->book, &o, CTL_LIVE, ctl_now_ns(ref->c), NULL);
	addr = ctl_addr_of(ref);
	if (addr && !cooled && addr->state == BW_NET_ADDRESS_STATE_COOLING)
		ctl_tell_cooling(ref->c, addr);
	return addr;
}

enum bw_plan_next ctl_addr_judge(const struct ctl_addr_ref *ref, const struct bw_kube_answer *a,
				 enum bw_plan_next ours, enum bw_plan_next others)
{
	const struct ctl_addr *addr = a->result == BW_KUBE_OK ? ctl_addr_answer(ref, a) : NULL;

	if (!addr)
		return BW_PLAN_FAIL;
	return strcmp(addr->claim_uid, ref->claim_uid) == 0 &&
			       addr->state == BW_NET_ADDRESS_STATE_BOUND
		       ? ours
		       : others;
}

/* It is free; the watch will say so, and may have shown a successor already. */
static void free_written(const struct ctl_addr_ref *ref)
{
	struct ctl_addr *addr = ctl_addr_of(ref);

	if (addr && strcmp(addr->uid, ref->uid) == 0)
		ctl_free_address(ref->c, addr);
}

static struct ctl_addr_ref *ref_of(struct ctl_ipam *c, struct bw_plan *p, const struct ctl_addr *a)
{
	struct ctl_addr_ref *ref = ctl_addr_ref(c, p, a->domain->name, &a->ip, a->claim_uid);

	if (ref)
		(void)snprintf(ref->uid, sizeof(ref->uid), "%s", a->uid); /* bounded, ignoring */
	return ref;
}

static enum bw_plan_next done_state(const struct bw_kube_answer *a, void *arg)
{
	const struct ctl_addr_ref *ref = arg;

	if (a->result == BW_KUBE_OK) {
		(void)ctl_addr_answer(ref, a); /* else the watch brings it, ignoring */
		return BW_PLAN_GO_ON;
	}
	if (a->result != BW_KUBE_NOT_FOUND)
		return BW_PLAN_FAIL;
	free_written(ref);
	return BW_PLAN_GO_ON;
}

void ctl_write_state(struct ctl_ipam *c, struct bw_plan *p, const struct ctl_addr *a,
		     enum bw_net_address_state state)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *spec = bw_json_put_object(&b, ctl_body_cas(&b, a->rv), "spec");
	struct ctl_addr_ref *ref = ref_of(c, p, a);
	struct bw_kube_request r = { .verb = BW_KUBE_MERGE, .kind = &bw_kind_networkaddress };
	char stamp[CTL_STAMP_MAX];
	char name[CTL_NAME_MAX];

	if (!ref || ctl_address_name(a->domain->name, &a->ip, name) < 0)
		return;
	r.name = name;
	bw_json_put_str(&b, spec, "state", bw_net_address_state_str(state));
	bw_json_put_str(&b, spec, "stateSince", ctl_stamp(ctl_real_s(c), stamp));
	ctl_write(p, &r, &b, done_state, ref);
}

static enum bw_plan_next done_delete(const struct bw_kube_answer *a, void *arg)
{
	const struct ctl_addr_ref *ref = arg;

	if (a->result != BW_KUBE_OK && a->result != BW_KUBE_NOT_FOUND)
		return BW_PLAN_FAIL;
	ctl_returned_note(ref->c, ref->claim_uid, &ref->ip);
	free_written(arg);
	return BW_PLAN_GO_ON;
}

void ctl_write_delete(struct ctl_ipam *c, struct bw_plan *p, const struct ctl_addr *a)
{
	struct ctl_addr_ref *ref = ref_of(c, p, a);
	struct bw_kube_request r = { .verb = BW_KUBE_DELETE,
				     .kind = &bw_kind_networkaddress,
				     .uid = a->uid,
				     .resource_version = a->rv,
				     .grace_s = -1 };
	char name[CTL_NAME_MAX];

	if (!ref || ctl_address_name(a->domain->name, &a->ip, name) < 0)
		return;
	r.name = name;
	bw_plan_write(p, &r, done_delete, ref);
}

void ctl_read_address(struct ctl_ipam *c, struct bw_plan *p, const char *domain,
		      const struct bw_ip *ip, bw_plan_done_fn done, const char *claim_uid)
{
	struct ctl_addr_ref *ref = ctl_addr_ref(c, p, domain, ip, claim_uid);
	struct bw_kube_request r = { .verb = BW_KUBE_GET, .kind = &bw_kind_networkaddress };
	char name[CTL_NAME_MAX];

	if (!ref || ctl_address_name(domain, ip, name) < 0)
		return;
	r.name = name;
	bw_plan_write(p, &r, done, ref);
}
