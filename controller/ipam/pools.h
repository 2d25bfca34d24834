/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pools as the controller uses them: decoded, with their intervals, and what keeps them from
 * giving addresses. Reservations count into the intervals.
 */
#pragma once

#include <bw/list.h>
#include <gen/net.h>

#include "book.h"
#include "intervals.h"
#include "pick.h"

struct bw_err;
struct bw_kube_store;

struct ctl_pool {
	struct bw_list node; /* by age, then by name */
	struct bw_net_pool o; /* owned */
	struct ctl_intervals iv;
	int family;
	struct bw_ip cursor; /* RoundRobin: given last by this process */
	char bad[256]; /* why the spec cannot be understood; "" */
	char mismatch[256]; /* what an older pool of the domain says otherwise; "" */
	char overlap[256]; /* which pool may give the same addresses; "" */
};

struct ctl_pools {
	struct bw_list list;
	int64_t next_expiry_s; /* of a reservation, seconds since the epoch; 0 = none */
};

void ctl_pools_init(struct ctl_pools *p);
void ctl_pools_done(struct ctl_pools *p);

/**
 * ctl_pools_load() - read all pools and reservations anew
 * @pools: store of NetworkPools
 * @reservations: store of NetworkReservations
 * @real_s: now; reservations that ended do not count
 *
 * What RoundRobin remembers is kept. An object that cannot be decoded is left out.
 * Return: 0; -ENOMEM and the old ones stay.
 */
int ctl_pools_load(struct ctl_pools *p, const struct bw_kube_store *pools,
		   const struct bw_kube_store *reservations, int64_t real_s, struct bw_err *err);

/* NULL = there is none. Borrowed until the next load. */
struct ctl_pool *ctl_pools_find(const struct ctl_pools *p, const char *name);

/* Why the pool gives nothing to anybody; NULL = it does. @ret_reason is for a condition. */
const char *ctl_pool_closed(const struct ctl_pool *pool, const char **ret_reason);
