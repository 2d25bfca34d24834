/* SPDX-License-Identifier: Apache-2.0 */
/* What the controller knows of addresses, in its metrics. */
#include <stdlib.h>

#include <bw/kube_metrics.h>

#include "ctl.h"

static const struct bw_metric_family addresses = {
	"barewire_controller_addresses", "NetworkAddresses that are known, seen or being made",
	BW_METRIC_GAUGE, NULL, 0
};
static const struct bw_metric_family waiting = { "barewire_controller_claims_waiting",
						 "Claims that wait for an address or a pool",
						 BW_METRIC_GAUGE, NULL, 0 };
static const struct bw_metric_family quarantined = {
	"barewire_controller_quarantined",
	"1 after a restore of the API server: nothing is given or taken", BW_METRIC_GAUGE, NULL, 0
};
static const struct bw_metric_family stopped = {
	"barewire_controller_sweep_stopped",
	"1 while more addresses than usual have no claim: nothing is swept", BW_METRIC_GAUGE, NULL,
	0
};
static const struct bw_metric_family pools = { "barewire_pool_addresses",
					       "Addresses of a pool as its status has them",
					       BW_METRIC_GAUGE, NULL, 0 };

static void measure_pool(struct bw_metrics *m, const struct ctl_pool *p)
{
	const struct bw_net_pool_status *s = &p->o.status;
	const struct {
		const char *state;
		const char *n;
	} all[] = {
		{ "total", s->total },           { "used", s->used },
		{ "cooling", s->cooling },       { "out-of-range", s->out_of_range },
		{ "conflicting", s->conflicts },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++)
		bw_metric_set(bw_metrics_get(m, &pools, "pool", p->o.meta.name, "state",
					     all[i].state, NULL),
			      all[i].n ? strtod(all[i].n, NULL) : 0);
}

void ctl_measure(void *ipam)
{
	struct ctl_ipam *c = ipam;
	struct bw_metrics *m = bw_kube_runtime_metrics(c->rt);
	struct ctl_ipam_stats s;

	ctl_ipam_stats(c, &s);
	bw_metric_set(bw_metrics_get(m, &addresses, NULL), (double)s.addresses);
	bw_metric_set(bw_metrics_get(m, &waiting, NULL), (double)s.waiting);
	bw_metric_set(bw_metrics_get(m, &quarantined, NULL), s.quarantined);
	bw_metric_set(bw_metrics_get(m, &stopped, NULL), s.breaker);
	bw_metrics_forget(m, &pools); /* those of deleted pools are no more */
	bw_list_for_each (i, &c->pools.list)
		measure_pool(m, bw_list_entry(i, struct ctl_pool, node));
}
