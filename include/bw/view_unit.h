/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told of Units and pools, the same words on the command line and on the page. */
#pragma once

#include <bw/defs.h>
#include <gen/db.h>
#include <gen/net.h>

#define BW_VIEW_IPS_MAX 200 /* bytes */

/* Whether a condition of a Unit says that something is wrong or waited for. */
int bw_view_condition_is_bad(const struct bw_kube_condition *c);

/* What a person can do about a reason of a Unit's or a claim's condition; NULL = nothing but wait.
 */
const char *bw_view_unit_hint(const char *reason);
/* The same of a pool's. */
const char *bw_view_pool_hint(const char *reason);

/* All addresses that a Unit holds, parted by commas, cut where they do not fit; "-" without any. */
const char *bw_view_unit_ips(const struct bw_db_unit *u, char out[BW_VIEW_IPS_MAX]);

/* Whether an action of it has begun and is not over. */
int bw_view_unit_acts(const struct bw_db_unit *u);

/* The first condition that keeps a pool from giving addresses, or says it is wrong; NULL = none. */
const struct bw_kube_condition *bw_view_pool_trouble(const struct bw_net_pool *p);
