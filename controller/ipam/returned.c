/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this leader has given back itself. A node that suspects a restore may go on reporting an
 * attachment for moments after its end: that is no claim which the API server has lost.
 */
#include <stdio.h>
#include <string.h>

#include "ctl.h"

void ctl_returned_note(struct ctl_ipam *c, const char *claim_uid, const struct bw_ip *ip)
{
	struct ctl_returned *r = &c->returned[c->n_returned++ % CTL_RETURNED_MAX];

	r->ip = *ip;
	(void)snprintf(r->claim_uid, sizeof(r->claim_uid), "%s", claim_uid); /* the schema's */
}

int ctl_was_returned(const struct ctl_ipam *c, const char *claim_uid, const struct bw_ip *ip)
{
	for (size_t i = 0; i < CTL_RETURNED_MAX && i < c->n_returned; i++)
		if (bw_ip_eq(&c->returned[i].ip, ip) &&
		    strcmp(c->returned[i].claim_uid, claim_uid) == 0)
			return 1;
	return 0;
}
