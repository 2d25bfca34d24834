/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address controllers: claims, pods, addresses, pools, nodes and the epoch, over one runtime.
 * docs/design/ipam.md tells the algorithm and the protocol with the agents.
 *
 * I1 No state but struct ctl_ipam, no clock but the loop's, no I/O but the runtime's plans, no
 *    randomness but the seed: two of them in one process are two leaders, and equal inputs give
 *    equal runs.
 * I2 Safety needs neither leadership nor a fresh cache: an address is taken by creating its
 *    NetworkAddress, a claim is bound and placed by compare-and-swap.
 */
#pragma once

#include <bw/defs.h>

struct bw_err;
struct bw_kube_runtime;
struct bw_loop;
struct bw_map;
struct bw_net_pool;
struct ctl_ipam;
struct page_stores;

/* Zero means the value in brackets. */
struct ctl_ipam_options {
	struct bw_loop *loop; /* the runtime's; borrowed for the ipam's life */
	uint64_t seed; /* of strategy Random; equal seeds and inputs give equal picks */
	const char *cluster_id; /* NULL = the UID of namespace kube-system; copied */
	int64_t epoch_ms; /* how often the epoch is raised [60,000] */
	int64_t sweep_ms; /* between the two looks at an orphan [60,000] */
	int64_t status_ms; /* pool counters are written at most this often [1,000] */
	int64_t retry_ms; /* what waits for a fact looks again after [30,000] */
	size_t breaker_min; /* orphans of one cycle that never stop the sweep [20] */
	/*
	 * The API server was restored from an older state, and what the stores hold is of a future
	 * that never was: the process is to be started anew. The quarantine is written down by
	 * then. Called at most once, from a callback of the loop. NULL = the stores are trusted to
	 * notice by themselves.
	 */
	void (*restart)(const char *why, void *arg);
	void *arg; /* of .restart */
};

/* What a test or a metric may ask. */
struct ctl_ipam_stats {
	size_t addresses; /* known: seen in the store, or assumed */
	size_t assumed; /* of them: created or being created, not yet seen */
	size_t waiting; /* claims that wait for an address */
	uint8_t quarantined; /* a restore was detected: nothing is given or taken */
	uint8_t breaker; /* the orphan sweep stopped itself */
};

/**
 * ctl_ipam_start() - watch the kinds and add the controllers to a runtime
 * @rt: runtime without leadership; borrowed for the ipam's life
 * @opts: see above; copied
 * @ret: owned by the caller, freed by ctl_ipam_free() after the runtime
 *
 * Begins to list and watch; writes nothing before ctl_ipam_lead().
 * Return: 0; -ENOMEM.
 */
int ctl_ipam_start(struct bw_kube_runtime *rt, const struct ctl_ipam_options *opts,
		   struct ctl_ipam **ret, struct bw_err *err);

/**
 * ctl_ipam_lead() - begin or end a term; calls bw_kube_runtime_lead()
 * @leading: 1 the Lease is ours, 0 it is not (any more)
 *
 * A term begins by raising the epoch; nothing is allocated or released before the watch has shown
 * that write.
 */
void ctl_ipam_lead(struct ctl_ipam *ipam, int leading);

void ctl_ipam_stats(const struct ctl_ipam *ipam, struct ctl_ipam_stats *ret);

/* The stores, but the Units', for the page; as long as the runtime lives. */
void ctl_ipam_stores(const struct ctl_ipam *ipam, struct page_stores *ret);
/* Marks what is known of a pool's domain, leading or not. @ipam: struct ctl_ipam. */
void ctl_ipam_fill(struct bw_map *map, const struct bw_net_pool *pool, void *ipam);

/* Call after bw_kube_runtime_free(). NULL-safe. */
void ctl_ipam_free(struct ctl_ipam **ipam);
