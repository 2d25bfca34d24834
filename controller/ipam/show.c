/* SPDX-License-Identifier: Apache-2.0 */
/* What the status page is shown: the stores, and the addresses of a pool's domain from the book. */
#include <string.h>

#include <bw/view_map.h>

#include "ctl.h"
#include "page.h"

void ctl_ipam_stores(const struct ctl_ipam *c, struct page_stores *ret)
{
	ret->claims = c->st.claims;
	ret->pools = c->st.pools;
	ret->addresses = c->st.addresses;
	ret->reservations = c->st.reservations;
	ret->nodes = c->st.nodes;
	ret->node_networks = c->st.node_networks;
}

struct fill {
	struct bw_map *map;
	const struct bw_net_pool *pool;
};

static void mark_tree(const struct ctl_tree_node *n, const struct fill *f)
{
	const struct ctl_addr *a;

	if (!n)
		return;
	mark_tree(n->left, f);
	a = BW_CONTAINER_OF(n, struct ctl_addr, node);
	/* What this process only means to make is not there yet. */
	if (a->known != CTL_ASSUMED)
		bw_map_put(f->map, f->pool, &a->ip, a->pool, a->state);
	mark_tree(n->right, f);
}

static int mark_reservation(struct bw_kube_object *o, void *arg)
{
	BW_CLEANUP(bw_net_reservation_done) struct bw_net_reservation v = { 0 };
	const struct fill *f = arg;

	/* One that nobody can read reserves nothing: the controller counts it so, too. */
	if (bw_net_reservation_decode(o->text, o->size, &v, NULL) == 0)
		bw_map_put_reservation(f->map, f->pool, &v);
	return 0;
}

void ctl_ipam_fill(struct bw_map *map, const struct bw_net_pool *pool, void *ipam)
{
	struct ctl_ipam *c = ipam;
	struct fill f = { .map = map, .pool = pool };

	/* It never ends early. */
	(void)bw_kube_store_each(c->st.reservations, NULL, mark_reservation, &f);
	bw_list_for_each (i, &c->book.domains) {
		const struct ctl_domain *d = bw_list_entry(i, struct ctl_domain, node);

		if (strcmp(d->name, pool->spec.domain) != 0)
			continue;
		mark_tree(d->v4.root, &f);
		mark_tree(d->v6.root, &f);
	}
}
