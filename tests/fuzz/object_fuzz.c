/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of an API server: whatever comes, each kind's decoder takes it or refuses it and owns
 * nothing afterwards. What it takes keeps the bounds that the definitions promise.
 */
#include <assert.h>
#include <string.h>

#include <bw/err.h>
#include <gen/k8s.h>
#include <gen/net.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_pool(const struct bw_net_pool *p)
{
	assert(*p->meta.name && p->spec.ranges.n >= 1 && p->spec.ranges.n <= 64);
	assert(!p->spec.has_vlan || (p->spec.vlan >= 1 && p->spec.vlan <= 4094));
	assert(*bw_net_pool_mode_str(p->spec.mode) && *bw_net_pool_fencing_str(p->spec.fencing));
	if (p->spec.selectors.has_node)
		(void)bw_kube_selector_match(&p->spec.selectors.node, p->meta.labels.items,
					     p->meta.labels.n);
}

static void look_claim(const struct bw_net_claim *c)
{
	assert(c->spec.interfaces.n >= 1 && c->spec.interfaces.n <= 8);
	for (size_t i = 0; i < c->spec.interfaces.n; i++)
		assert(*c->spec.interfaces.items[i].name &&
		       c->spec.interfaces.items[i].requested_ips.n <= 2);
	for (size_t i = 0; i < c->status.interfaces.n; i++)
		assert(c->status.interfaces.items[i].pool);
	if (c->status.has_holder)
		assert(c->status.holder.token >= 1 && *c->status.holder.node);
	(void)bw_kube_controller_of(&c->meta);
	(void)bw_kube_annotation(&c->meta, "net.barewire.dev/claim");
}

static void look_address(const struct bw_net_address *a)
{
	assert(a->spec.address && *bw_net_address_state_str(a->spec.state));
	if (a->spec.has_claim)
		assert(a->spec.claim.uid && a->spec.claim.namespace && a->spec.claim.name);
}

/* One that is only taken and let go. */
#define TAKE(type, look)                                                                           \
	do {                                                                                       \
		struct type o = { 0 };                                                             \
		struct bw_err err = { 0 };                                                         \
                                                                                                   \
		if (type##_decode((const char *)data, size, &o, &err) == 0)                        \
			look;                                                                      \
		else                                                                               \
			assert(*err.msg && !o.doc);                                                \
		type##_done(&o);                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TAKE(bw_net_pool, look_pool(&o));
	TAKE(bw_net_claim, look_claim(&o));
	TAKE(bw_net_address, look_address(&o));
	TAKE(bw_net_reservation, assert(o.spec.addresses.n >= 1));
	TAKE(bw_net_epoch, assert(o.spec.epoch >= 1));
	TAKE(bw_net_node, assert(o.meta.name));
	TAKE(bw_k_pod, assert(o.meta.name));
	TAKE(bw_k_node, assert(o.meta.name));
	TAKE(bw_k_lease, assert(o.meta.name));
	TAKE(bw_k_stateful_set, assert(o.meta.name));
	return 0;
}
