/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which restore of the API server's store this process has come through. A watch that finds a
 * restored server again when its revisions have caught up goes on and shows nothing of it: a
 * replica that was stopped or cut off meanwhile keeps caches of what never was. The epoch's object
 * tells, by the leader's note and, when that is healed, by the same word for ever.
 */
#include <stdio.h>
#include <string.h>

#include <bw/err.h>

#include "ctl.h"

int ctl_begin_anew(struct ctl_ipam *c, const char *why)
{
	if (c->opts.restart && !c->restarting) {
		c->restarting = 1;
		c->opts.restart(why, c->opts.arg);
	}
	return c->restarting;
}

int ctl_past_differs(struct ctl_ipam *c, const struct bw_net_epoch *e)
{
	const char *now = bw_kube_annotation(&e->meta, CTL_ANN_RESTORED);
	const char *last = bw_kube_annotation(&e->meta, CTL_ANN_LAST);
	char past[CTL_PAST_MAX];
	int differs;

	(void)snprintf(past, sizeof(past), "%s", now ? now : last ? last : ""); /* cut is fine */
	differs = c->past_known && strcmp(past, c->past) != 0;
	c->past_known = 1;
	memcpy(c->past, past, sizeof(past));
	return differs &&
	       ctl_begin_anew(c,
			      "the API server was restored from an older state: what this process "
			      "has read may be of a future that never was");
}

void ctl_epoch_went_back(void *ipam)
{
	struct ctl_ipam *c = ipam;

	c->ready = 0;
	c->doubt = 1;
	c->went_back = 1;
	(void)bw_controller_enqueue(c->epoch_ctl, NULL, CTL_EPOCH_NAME, BW_KEY_FACT);
}
