/* SPDX-License-Identifier: Apache-2.0 */
/* enabledad: the wait for duplicate address detection, without the bridge's lock. */
#include "add.h"

int bridge_dad_wait(struct bridge_add *add, struct bw_err *err)
{
	int r;

	if (!add->pod.enable_dad || !bw_own_n_ips(&add->own))
		return 0;
	/* A wait: the lock is free meanwhile, our port keeps the bridge. */
	bridge_segment_done(&add->segment);
	add->segment = BRIDGE_SEGMENT_NONE;
	r = bw_pod_dad_wait(&add->pod, add->ctx->conf.bridge, err);
	if (r < 0)
		return r;
	return bridge_segment_enter(add->ctx->host, &add->want, &add->segment, err);
}
